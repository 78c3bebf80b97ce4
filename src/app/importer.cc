#include "app/importer.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>

#include "app/wait_for_tree.h"
#include "base/digest.h"
#include "base/text.h"
#include "base/unique_fd.h"
#include "batch/junk.h"
#include "batch/placement.h"

namespace cd {

namespace {

namespace stdfs = std::filesystem;

constexpr std::size_t kPiece = 1u << 20;
constexpr Millis kRoomPause{100};  // between looks for room in the staging area
constexpr int kLooks = 3;

auto cancelled() { return fail(Code::cancelled, "the import was stopped"); }

Result<std::size_t> read_piece(int fd, std::uint64_t offset, std::string& buffer) {
  while (true) {
    const ssize_t n = ::pread(fd, buffer.data(), buffer.size(), static_cast<off_t>(offset));
    if (n >= 0) return static_cast<std::size_t>(n);
    if (errno != EINTR) return fail(error_from_errno(errno, "read"));
  }
}

std::int64_t ns_of(const timespec& t) { return t.tv_sec * 1'000'000'000 + t.tv_nsec; }

}  // namespace

std::string ImportState::to_json() const {
  const nlohmann::ordered_json json{
      {"directory", directory}, {"name", name},   {"inbox", inbox}, {"state", state},       {"files", files},   {"bytes", bytes},
      {"copied", copied},       {"copied_bytes", copied_bytes},           {"there", there},   {"left_out", left_out},
      {"failed", failed},       {"current", current}, {"error", error}};
  return json.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

Importer::Importer(MetaStore& meta, TreeCache& tree, Journal& journal, Conductor& conductor, std::uint64_t part_bytes)
    : meta_(meta), tree_(tree), journal_(journal), conductor_(conductor), part_bytes_(part_bytes) {}

Importer::~Importer() { cancel(); }

void Importer::cancel() {
  thread_.request_stop();
  {
    MutexLock lock(mutex_);
    wake_.notify_all();
  }
  thread_.join();
}

template <class Change>
void Importer::note(Change&& change) {
  MutexLock lock(mutex_);
  change(state_);
}

ImportState Importer::state() const {
  MutexLock lock(mutex_);
  return state_;
}

Status Importer::begin(const std::string& directory) {
  std::error_code error;
  if (!directory.starts_with('/') || !stdfs::is_directory(directory, error))
    return fail(Code::invalid, printable(directory) + " is no folder of this machine; give its whole path");
  std::string path = directory;
  while (path.size() > 1 && path.ends_with('/')) path.pop_back();
  const std::string name = safe_part(path.substr(path.rfind('/') + 1));
  CD_TRY(const std::string inbox, meta_.path_of(journal_.tree().inbox()));
  if (name.empty()) return fail(Code::invalid, "the folder needs a name: it becomes that of the batch");
  {
    MutexLock lock(mutex_);
    if (running_) return fail(Code::busy, "an import of " + printable(state_.directory) + " is under way");
    running_ = true;
    state_ = {};
    state_.directory = path;
    state_.name = name;
    state_.inbox = inbox + "/" + name;
    state_.state = "reading";
  }
  thread_.join();
  thread_ = Thread("import", [this, path, name](const std::stop_token& stop) { run(stop, path, name); });
  return {};
}

void Importer::run(const std::stop_token& stop, const std::string& directory, const std::string& name) {
  const Status done = take_folder(stop, directory, name);
  start_batches(name);
  MutexLock lock(mutex_);
  running_ = false;
  state_.current.clear();
  state_.state = done ? "done" : done.error().code == Code::cancelled ? "cancelled" : "failed";
  if (!done) state_.error = done.error().message;
}

Status Importer::take_folder(const std::stop_token& stop, const std::string& directory, const std::string& name) {
  std::error_code error;
  CD_TRY_VOID(wait_for_tree(tree_, stop));
  stdfs::recursive_directory_iterator it(directory, stdfs::directory_options::skip_permission_denied, error);
  if (error) return fail(error_from_errno(error.value(), printable(directory)));
  for (const stdfs::recursive_directory_iterator end; it != end; it.increment(error)) {
    if (error) return fail(error_from_errno(error.value(), printable(directory)));
    if (stop.stop_requested()) return cancelled();
    std::error_code ignored;
    const stdfs::file_status status = it->symlink_status(ignored);
    if (stdfs::is_directory(status)) continue;
    const std::string path = it->path().string();
    const std::string below = path.substr(directory.size() + (directory == "/" ? 0 : 1));
    if (!stdfs::is_regular_file(status) || junk_kind(it->path().filename().string()) != Junk::none) {
      note([](ImportState& s) { ++s.left_out; });
      continue;
    }
    note([&](ImportState& s) {
      ++s.files;
      s.current = below;
    });
    Status taken = take_file(stop, path, name + "/" + below);
    // A batch that is done with a folder clears it away.
    for (int again = 0; again < kLooks && !taken && taken.error().code == Code::not_found; ++again)
      taken = take_file(stop, path, name + "/" + below);
    if (taken) {
      start_batches(name);
      continue;
    }
    // Without room, or asked to end, nothing more can come; one file that cannot be read holds up no other.
    if (taken.error().code == Code::cancelled || taken.error().code == Code::no_space) return taken;
    note([&](ImportState& s) {
      ++s.failed;
      s.error = below + ": " + taken.error().message;
    });
  }
  return {};
}

// What is received is started, so that the uploads make room.
void Importer::start_batches(const std::string& name) {
  for (const BatchProgress& batch : conductor_.batches()) {
    if (batch.name == name && batch.state == BatchState::receiving) (void)conductor_.command(batch.id, "start");
  }
}

// Only whole ETags are compared: what is in the bucket under any name with these bytes.
Result<bool> Importer::is_there(const std::stop_token& stop, int fd, std::uint64_t bytes) const {
  EtagHasher hasher(part_bytes_);
  std::string buffer(kPiece, '\0');
  std::uint64_t at = 0;
  while (true) {
    if (stop.stop_requested()) return cancelled();
    CD_TRY(const std::size_t got, read_piece(fd, at, buffer));
    if (got == 0) break;
    hasher.update(std::string_view(buffer).substr(0, got));
    at += got;
  }
  const EtagHasher::Etags etags = hasher.finish();
  for (const std::string& etag : {etags.single, etags.multipart}) {
    CD_TRY(const auto twin, meta_.find_content(etag, bytes));
    if (twin) return true;
  }
  return false;
}

Result<InodeId> Importer::inbox_folder(const std::string& below_inbox) {
  InodeId here = journal_.tree().inbox();
  std::string_view rest = below_inbox;
  while (!rest.empty()) {
    const std::size_t slash = std::min(rest.find('/'), rest.size());
    const std::string name(rest.substr(0, slash));
    rest.remove_prefix(std::min(rest.size(), slash + 1));
    CD_TRY(const auto there, meta_.lookup(here, name));
    if (there) {
      if (!there->is_directory()) return fail(Code::not_directory, printable(name) + " is a file in the inbox");
      here = there->ino;
      continue;
    }
    CD_TRY(const MetaRecord made, journal_.tree().make_directory(here, name, {0755, ::getuid(), ::getgid()}));
    here = made.ino;
  }
  return here;
}

Status Importer::take_file(const std::stop_token& stop, const std::string& path, const std::string& below_inbox) {
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  struct stat info {};
  if (!file || ::fstat(file.get(), &info) != 0) return fail(error_from_errno(errno, "open"));
  if (!S_ISREG(info.st_mode)) return fail(Code::invalid, "no regular file any more");
  const auto bytes = static_cast<std::uint64_t>(info.st_size);
  const std::size_t slash = below_inbox.rfind('/');
  CD_TRY(const InodeId folder, inbox_folder(below_inbox.substr(0, slash)));
  CD_TRY(const auto waiting, meta_.lookup(folder, below_inbox.substr(slash + 1)));
  const bool in_inbox = waiting && !waiting->is_directory() && waiting->attr.size == bytes &&
                        waiting->attr.mtime_ns == ns_of(info.st_mtim) && !journal_.tree().was_interrupted(waiting->ino);
  bool there = in_inbox;
  if (!there && bytes > 0) {
    CD_TRY(there, is_there(stop, file.get(), bytes));
  }
  if (there) {
    note([&](ImportState& s) {
      ++s.there;
      s.bytes += bytes;
    });
    return {};
  }
  CD_TRY_VOID(stage(stop, file.get(), below_inbox));
  note([&](ImportState& s) {
    ++s.copied;
    s.copied_bytes += bytes;
    s.bytes += bytes;
  });
  return {};
}

Status Importer::stage(const std::stop_token& stop, int fd, const std::string& below_inbox) {
  Namespace& names = journal_.tree();
  struct stat info {};
  if (::fstat(fd, &info) != 0) return fail(error_from_errno(errno, "stat"));
  const std::size_t slash = below_inbox.rfind('/');
  const std::string name = below_inbox.substr(slash + 1);
  CD_TRY(const InodeId folder, inbox_folder(below_inbox.substr(0, slash)));
  CD_TRY(auto known, meta_.lookup(folder, name));
  const bool made = !known;
  if (made) {
    CD_TRY(known, names.create(folder, name, {info.st_mode & 0777u, ::getuid(), ::getgid()}));
  }
  const InodeId ino = known->ino;
  auto opened = names.open_for_write(ino, true);
  Status done;
  if (opened) {
    done = write_all(stop, fd, **opened);
    if (done) {
      AttributeChange change;
      change.mtime_ns = ns_of(info.st_mtim);
      const auto set = names.set_attributes(ino, change);
      done = set ? names.commit(ino) : Status(fail(set.error()));
    }
    opened->reset();
    names.close_for_write(ino);
  } else {
    done = fail(opened.error());
  }
  if (made) names.close_for_write(ino);
  if (!done) (void)names.unlink(folder, name);  // half a file is nothing to file away
  return done;
}

Status Importer::write_all(const std::stop_token& stop, int fd, StagedFile& into) {
  std::string buffer(kPiece, '\0');
  std::uint64_t at = 0;
  while (true) {
    CD_TRY(const std::size_t got, read_piece(fd, at, buffer));
    if (got == 0) return {};
    while (true) {
      if (stop.stop_requested()) return cancelled();
      const Status written = into.write(at, std::string_view(buffer).substr(0, got));
      if (written) break;
      if (written.error().code != Code::busy) return written;
      MutexLock lock(mutex_);  // the staging area is full: uploads make room
      wake_.wait_until(mutex_, std::chrono::steady_clock::now() + kRoomPause);
    }
    at += got;
  }
}

}  // namespace cd
