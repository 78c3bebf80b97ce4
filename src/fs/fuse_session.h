// FuseSession: one mount: /dev/fuse, its worker threads, and the translation of requests (fuse_ops) into
// Filesystem calls. The only place, with the other fuse_* files, that names libfuse (low-level API, 3.12).
// Source: libfuse's include/fuse_lowlevel.h.
#pragma once

#include <memory>
#include <string>

#include "base/result.h"
#include "fs/filesystem.h"
#include "fs/kernel_notifier.h"

namespace cd {

struct FuseOptions {
  std::string mount_point;          // absolute; an empty folder
  std::string source;               // what `mount` and `df` show: the store's URL without secrets
  bool allow_other = false;
  int threads = 8;                  // fuse workers; none of them ever waits for the network
  bool debug = false;
};

class FuseSession {
 public:
  // Mounts; the drive answers once run() is called. Errors are sentences with a cure: no /dev/fuse, no permission,
  // mount point missing, not empty, or busy.
  [[nodiscard]] static Result<std::unique_ptr<FuseSession>> mount(const FuseOptions& options, Filesystem& fs,
                                                                  KernelNotifier& notifier);
  ~FuseSession();  // unmounts if it still is mounted
  // Serves until the drive is unmounted or stop() is called.
  [[nodiscard]] Status run();
  void stop();     // from any thread; async-signal-safe

 private:
  struct Impl;
  explicit FuseSession(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// ---- mount points, for the commands.
enum class MountState : std::uint8_t { free, ours, foreign, dead };  // dead: "Transport endpoint is not connected"
[[nodiscard]] Result<MountState> mount_state(const std::string& directory);
// Removes a dead or drained mount (umount2, else fusermount3 -u). `lazy` detaches it even if it is in use.
[[nodiscard]] Status unmount(const std::string& directory, bool lazy);

}  // namespace cd
