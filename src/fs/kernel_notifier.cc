#include "fs/kernel_notifier.h"


#include <fuse_lowlevel.h>

#include <deque>
#include <optional>

#include "base/mutex.h"
#include "base/thread.h"

namespace cd {
namespace {

constexpr std::size_t kQueueMax = 16'384;

struct Notice {
  InodeId parent;    // with a name: this name is no longer what it was
  std::string name;
  InodeId ino;       // without: its attributes changed
};

void send(::fuse_session* session, const Notice& notice) {
  // What the kernel does not know it answers with ENOENT; nothing here is worth more than trying.
  if (!notice.name.empty())
    (void)fuse_lowlevel_notify_inval_entry(session, notice.parent.value(), notice.name.data(), notice.name.size());
  const InodeId changed = notice.name.empty() ? notice.ino : notice.parent;
  (void)fuse_lowlevel_notify_inval_inode(session, changed.value(), -1, 0);  // attributes, not pages
}

}  // namespace

struct KernelNotifier::Impl {
  Mutex mutex;
  CondVar changed;
  std::deque<Notice> queue CD_GUARDED_BY(mutex);
  ::fuse_session* session CD_GUARDED_BY(mutex) = nullptr;
  bool sending CD_GUARDED_BY(mutex) = false;
  bool stopping CD_GUARDED_BY(mutex) = false;
  Thread thread;  // last

  void push(Notice notice) {
    MutexLock lock(mutex);
    if (session == nullptr) return;
    if (queue.size() >= kQueueMax) queue.pop_front();
    queue.push_back(std::move(notice));
    changed.notify_all();
  }

  void run() {
    MutexLock lock(mutex);
    while (!stopping) {
      if (queue.empty() || session == nullptr) {
        changed.wait(mutex);
        continue;
      }
      const Notice notice = std::move(queue.front());
      queue.pop_front();
      ::fuse_session* to = session;
      sending = true;
      lock.unlock();
      send(to, notice);
      lock.lock();
      sending = false;
      changed.notify_all();
    }
  }
};

KernelNotifier::KernelNotifier() : impl_(std::make_unique<Impl>()) {
  impl_->thread = Thread("notify", [impl = impl_.get()](std::stop_token) { impl->run(); });
}

KernelNotifier::~KernelNotifier() {
  {
    MutexLock lock(impl_->mutex);
    impl_->stopping = true;
    impl_->changed.notify_all();
  }
  impl_->thread.join();
}

void KernelNotifier::attach(::fuse_session* session) {
  MutexLock lock(impl_->mutex);
  impl_->session = session;
}

void KernelNotifier::detach() {
  MutexLock lock(impl_->mutex);
  impl_->session = nullptr;
  impl_->queue.clear();
  while (impl_->sending) impl_->changed.wait(impl_->mutex);
}

void KernelNotifier::name_changed(InodeId parent, const std::string& name, InodeId) {
  impl_->push({parent, name, {}});
}

void KernelNotifier::attributes_changed(InodeId ino) { impl_->push({{}, {}, ino}); }

}  // namespace cd
