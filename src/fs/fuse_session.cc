#include "fs/fuse_session.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <vector>

#include "base/mutex.h"
#include "base/thread.h"
#include "fs/fuse_ops.h"
#include "fs/mount_point.h"

namespace cd {
namespace {

constexpr int kThreadsMax = 64;
constexpr Millis kWakeAgain{10};

void ring(int event) noexcept {
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto written = ::write(event, &one, sizeof one);
}

// SIGUSR2 does nothing but end a blocking read() of /dev/fuse with EINTR. Workers have it unblocked.
extern "C" void wake_up(int) noexcept {}

void let_wake_ups_through() {
  struct sigaction action{};
  action.sa_handler = wake_up;  // without SA_RESTART
  sigaction(SIGUSR2, &action, nullptr);
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGUSR2);
  pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
}

std::string option_value(const std::string& text) {  // commas and backslashes end a value unless escaped
  std::string out;
  for (const char c : text) {
    if (c == ',' || c == '\\') out.push_back('\\');
    out.push_back(c);
  }
  return out;
}

std::string mount_options(const FuseOptions& options) {
  std::string text = "fsname=" + option_value(options.source) + ",subtype=cratedrive,default_permissions";
  if (options.allow_other) text += ",allow_other";
  return text;
}

}  // namespace

struct FuseSession::Impl {
  ~Impl();
  void work();
  void wake_until_all_ended();

  FuseOptions options;
  KernelNotifier* notifier = nullptr;
  Requests requests;
  FuseMount mount;
  ::fuse_session* session = nullptr;
  bool mounted = false;
  int event = -1;  // somebody asked to stop, or a worker ended

  Mutex mutex;
  CondVar ended;
  int working CD_GUARDED_BY(mutex) = 0;
  std::vector<pthread_t> awake CD_GUARDED_BY(mutex);  // workers that have not ended
  std::vector<Thread> workers;
};

void FuseSession::Impl::work() {
  let_wake_ups_through();
  {
    MutexLock lock(mutex);
    awake.push_back(pthread_self());
  }
  fuse_buf buffer{};
  while (fuse_session_exited(session) == 0) {
    const int got = fuse_session_receive_buf(session, &buffer);
    if (got == -EINTR || got == -EAGAIN) continue;
    if (got <= 0) break;  // unmounted
    fuse_session_process_buf(session, &buffer);
  }
  std::free(buffer.mem);  // malloc()ed by libfuse
  MutexLock lock(mutex);
  std::erase_if(awake, [](pthread_t thread) { return pthread_equal(thread, pthread_self()) != 0; });
  --working;
  ended.notify_all();
  lock.unlock();
  ring(event);
}

// A wake-up that comes just before the read() it is meant for is lost; so they are repeated.
void FuseSession::Impl::wake_until_all_ended() {
  MutexLock lock(mutex);
  while (working > 0) {
    for (const pthread_t thread : awake) pthread_kill(thread, SIGUSR2);
    ended.wait_for(mutex, kWakeAgain);
  }
}

FuseSession::Impl::~Impl() {
  if (session != nullptr) {
    fuse_session_exit(session);
    wake_until_all_ended();
    workers.clear();
    requests.interrupt_all_and_wait();
    if (mounted) fuse_session_unmount(session);
    notifier->detach();
    fuse_session_destroy(session);
  }
  if (event >= 0) ::close(event);
}

FuseSession::FuseSession(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
FuseSession::~FuseSession() = default;

Result<std::unique_ptr<FuseSession>> FuseSession::mount(const FuseOptions& options, Filesystem& fs,
                                                        KernelNotifier& notifier) {
  CD_TRY_VOID(check_mount_point(options.mount_point));
  auto impl = std::make_unique<Impl>();
  impl->options = options;
  impl->notifier = &notifier;
  impl->mount = {&fs, &impl->requests};
  impl->event = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (impl->event < 0) return fail(error_from_errno(errno, "eventfd"));

  std::vector<std::string> words{"cratedrive", "-o", mount_options(options)};
  if (options.debug) words.emplace_back("-d");
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  fuse_args args = FUSE_ARGS_INIT(static_cast<int>(argv.size()), argv.data());
  impl->session = fuse_session_new(&args, &fuse_ops(), sizeof(fuse_lowlevel_ops), &impl->mount);
  fuse_opt_free_args(&args);
  if (impl->session == nullptr) return fail(Code::invalid, "libfuse does not accept the mount options");
  if (fuse_session_mount(impl->session, options.mount_point.c_str()) != 0)
    return fail(Code::permission, "cannot mount on " + options.mount_point +
                                      ": the reason is in the line above; a container needs --device /dev/fuse and "
                                      "CAP_SYS_ADMIN, allow_other needs user_allow_other in /etc/fuse.conf");
  impl->mounted = true;
  notifier.attach(impl->session);
  return std::unique_ptr<FuseSession>(new FuseSession(std::move(impl)));
}

Status FuseSession::run() {
  Impl& impl = *impl_;
  const int threads = std::min(std::max(impl.options.threads, 1), kThreadsMax);
  {
    MutexLock lock(impl.mutex);
    impl.working = threads;
  }
  for (int i = 0; i < threads; ++i)
    impl.workers.emplace_back("fuse-" + std::to_string(i), [&impl](std::stop_token) { impl.work(); });
  pollfd wait{impl.event, POLLIN, 0};
  while (::poll(&wait, 1, -1) < 0 && errno == EINTR) {
  }
  fuse_session_exit(impl.session);
  impl.wake_until_all_ended();
  impl.workers.clear();
  impl.notifier->detach();
  impl.requests.interrupt_all_and_wait();
  fuse_session_unmount(impl.session);
  impl.mounted = false;
  return {};
}

void FuseSession::stop() { ring(impl_->event); }

}  // namespace cd
