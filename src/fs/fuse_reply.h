// FuseReply: a request of the kernel that waits for its answer. It is answered exactly once: who drops it unanswered
// answers EIO. It carries the stop_source that FUSE_INTERRUPT fires.
//
// Requests: all that are out. libfuse may call the interrupt function while another thread answers, so it is
// given a number to look up here, never a pointer; and a session may only be destroyed when nothing is out.
// Thread-safe.
#pragma once


#include <fuse_lowlevel.h>

#include <cstdint>
#include <memory>
#include <stop_token>
#include <unordered_map>

#include "base/error.h"
#include "base/mutex.h"
#include "fs/filesystem.h"
#include "fs/fuse_errno.h"

namespace cd {

class Requests {
 public:
  [[nodiscard]] std::uint64_t enter(const std::stop_source& stop);
  void leave(std::uint64_t id);
  void interrupt(std::uint64_t id);
  // Everybody who waits is told to give up; returns when all have been answered.
  void interrupt_all_and_wait();

 private:
  Mutex mutex_;
  CondVar left_;
  std::unordered_map<std::uint64_t, std::stop_source> out_ CD_GUARDED_BY(mutex_);
  std::uint64_t next_ CD_GUARDED_BY(mutex_) = 1;
};

class FuseReply {
 public:
  FuseReply(fuse_req_t request, Requests& requests);
  ~FuseReply();
  FuseReply(const FuseReply&) = delete;
  FuseReply& operator=(const FuseReply&) = delete;

  [[nodiscard]] Caller caller() const;

  void error(int errnum);
  void error(const Error& why, Operation operation = Operation::any) { error(errno_of(why.code, operation)); }
  void ok() { error(0); }
  void entry(const fuse_entry_param& entry);
  void attr(const struct stat& st, double timeout);
  // False: the caller was interrupted while we opened it, and will not close it.
  [[nodiscard]] bool created(const fuse_entry_param& entry, const fuse_file_info& info);
  [[nodiscard]] bool opened(const fuse_file_info& info);
  void bytes(const char* data, std::size_t size);
  void written(std::size_t count);
  void readlink(const char* target);
  void statfs(const struct statvfs& st);
  void xattr_size(std::size_t size);
  void lseek(off_t offset);

  [[nodiscard]] fuse_req_t request() const { return request_; }

 private:
  [[nodiscard]] fuse_req_t take();

  fuse_req_t request_;
  Requests& requests_;
  std::stop_source stop_;
  std::uint64_t id_;
};

using FuseReplyPtr = std::shared_ptr<FuseReply>;

}  // namespace cd
