#include "fs/fuse_reply.h"

#include <cerrno>
#include <utility>
#include <vector>

#include "base/check.h"
#include "fs/fuse_ops.h"

namespace cd {
namespace {

extern "C" void on_interrupt(fuse_req_t request, void* data) noexcept {
  const auto* mount = static_cast<FuseMount*>(fuse_req_userdata(request));
  mount->requests->interrupt(static_cast<std::uint64_t>(reinterpret_cast<std::uintptr_t>(data)));
}

}  // namespace

std::uint64_t Requests::enter(const std::stop_source& stop) {
  MutexLock lock(mutex_);
  const std::uint64_t id = next_++;
  out_.emplace(id, stop);
  return id;
}

void Requests::leave(std::uint64_t id) {
  MutexLock lock(mutex_);
  out_.erase(id);
  if (out_.empty()) left_.notify_all();
}

void Requests::interrupt(std::uint64_t id) {
  std::stop_source stop(std::nostopstate);
  {
    MutexLock lock(mutex_);
    const auto found = out_.find(id);
    if (found == out_.end()) return;
    stop = found->second;
  }
  stop.request_stop();  // answers the request from here; no lock may be held
}

void Requests::interrupt_all_and_wait() {
  MutexLock lock(mutex_);
  std::vector<std::stop_source> all;
  for (const auto& [id, stop] : out_) all.push_back(stop);
  lock.unlock();
  for (std::stop_source& stop : all) stop.request_stop();
  lock.lock();
  while (!out_.empty()) left_.wait(mutex_);
}

FuseReply::FuseReply(fuse_req_t request, Requests& requests)
    : request_(request), requests_(requests), id_(requests.enter(stop_)) {
  fuse_req_interrupt_func(request_, on_interrupt, reinterpret_cast<void*>(static_cast<std::uintptr_t>(id_)));
}

FuseReply::~FuseReply() {
  if (request_ != nullptr) error(EIO);
}

Caller FuseReply::caller() const {
  const fuse_ctx* context = fuse_req_ctx(request_);
  return {context->uid, context->gid, static_cast<std::uint32_t>(context->umask), stop_.get_token()};
}

fuse_req_t FuseReply::take() {
  CD_CHECK(request_ != nullptr);  // answered twice
  return std::exchange(request_, nullptr);
}

// The request leaves the table only when libfuse has let go of it: the session lives until then. What the answer
// returns is an error only if the kernel is gone or the caller was interrupted; both are nobody's trouble.

void FuseReply::error(int errnum) {
  (void)fuse_reply_err(take(), errnum);
  requests_.leave(id_);
}

void FuseReply::entry(const fuse_entry_param& entry) {
  (void)fuse_reply_entry(take(), &entry);
  requests_.leave(id_);
}

void FuseReply::attr(const struct stat& st, double timeout) {
  (void)fuse_reply_attr(take(), &st, timeout);
  requests_.leave(id_);
}

bool FuseReply::created(const fuse_entry_param& entry, const fuse_file_info& info) {
  const int sent = fuse_reply_create(take(), &entry, &info);
  requests_.leave(id_);
  return sent != -ENOENT;
}

bool FuseReply::opened(const fuse_file_info& info) {
  const int sent = fuse_reply_open(take(), &info);
  requests_.leave(id_);
  return sent != -ENOENT;
}

void FuseReply::bytes(const char* data, std::size_t size) {
  (void)fuse_reply_buf(take(), data, size);
  requests_.leave(id_);
}

void FuseReply::written(std::size_t count) {
  (void)fuse_reply_write(take(), count);
  requests_.leave(id_);
}

void FuseReply::readlink(const char* target) {
  (void)fuse_reply_readlink(take(), target);
  requests_.leave(id_);
}

void FuseReply::statfs(const struct statvfs& st) {
  (void)fuse_reply_statfs(take(), &st);
  requests_.leave(id_);
}

void FuseReply::xattr_size(std::size_t size) {
  (void)fuse_reply_xattr(take(), size);
  requests_.leave(id_);
}

void FuseReply::lseek(off_t offset) {
  (void)fuse_reply_lseek(take(), offset);
  requests_.leave(id_);
}

}  // namespace cd
