// KernelNotifier: tells the kernel what it may no longer believe. Notices are queued and sent by a thread of its
// own (`notify`), because a notice sent while a request is being served can deadlock with it. Bounded: when the
// queue is full the oldest notice goes; time-outs of attributes and names then do the work a little later.
// Thread-safe; observers of other rooms call it directly.
#pragma once

#include <memory>
#include <string>

#include "cache/tree_cache.h"
#include "journal/journal.h"

struct fuse_session;

namespace cd {

class KernelNotifier final : public TreeObserver, public JournalObserver {
 public:
  KernelNotifier();
  ~KernelNotifier() override;
  void attach(::fuse_session* session);  // before that, and after detach, notices are dropped
  void detach();

  void name_changed(InodeId parent, const std::string& name, InodeId gone) override;  // both observers'
  void attributes_changed(InodeId ino) override;
  void inbox_changed() override {}
  void upload_finished(const UploadOutcome&) override {}

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace cd
