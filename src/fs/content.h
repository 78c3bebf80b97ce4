// Content: the bytes behind an open inode, shared by all its handles: either pinned to one version of the object,
// or the StagedFile that every writer of the inode shares. It goes from pinned to staged when somebody opens
// for writing, and all handles read from there from then on.
// It also remembers the attributes, so that a file that was unlinked while open can still be asked for them.
//
// Contents: the table of all open inodes. It gives one Content an inode while any handle is open.
// Lock order: Content → Namespace; the table's lock is a leaf. Thread-safe. Never waits for the network.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <shared_mutex>
#include <unordered_map>

#include "base/mutex.h"
#include "cache/meta_store.h"
#include "journal/namespace.h"

namespace cd {

class Content {
 public:
  explicit Content(InodeId ino) : ino_(ino) {}

  [[nodiscard]] InodeId ino() const { return ino_; }

  // ---- opening. Each successful open is paired with its close.
  [[nodiscard]] Status open_reader(const MetaStore& meta, Namespace& names);
  // `paired`: Namespace counts us as a writer (not so for an inode without a name).
  [[nodiscard]] Status open_writer(const MetaStore& meta, Namespace& names, bool truncate, bool& paired);
  // The record was just created, and with that opened for writing.
  [[nodiscard]] Status created(const MetaRecord& record, Namespace& names);
  void close_writer(Namespace& names, bool paired);
  void close_all(Namespace& names);  // the last handle went
  // Somebody truncated it by its name, or the name was looked up again: read the record anew.
  [[nodiscard]] Status reload(const MetaStore& meta, Namespace& names);

  struct Bytes {
    std::shared_ptr<StagedFile> staged;    // else:
    std::optional<RemoteVersion> version;  // none: an empty file
  };
  [[nodiscard]] Bytes bytes() const;
  // The place these bytes were read from is gone. An inode's bytes change only by writes on this mount, so the
  // record of the same inode says where they are now: renamed in the bucket, or stored meanwhile. False: nowhere.
  bool renew(const MetaStore& meta, Namespace& names);

  // ---- attributes
  void wrote() { dirty_.store(true); }
  [[nodiscard]] Status commit(const MetaStore& meta, Namespace& names);
  void overlay(Attributes& attr) const;         // what an open writer knows better than the record
  void remember(const Attributes& attr);
  [[nodiscard]] Attributes remembered() const;

 private:
  Status load(const MetaStore& meta, Namespace& names) CD_REQUIRES(mutex_);
  void announce(Namespace& names) CD_REQUIRES(mutex_);

  const InodeId ino_;
  std::atomic<bool> dirty_{false};  // written since the last commit

  mutable Mutex mutex_;
  Bytes bytes_ CD_GUARDED_BY(mutex_);
  Attributes attr_ CD_GUARDED_BY(mutex_);
  bool loaded_ CD_GUARDED_BY(mutex_) = false;
  bool reading_ CD_GUARDED_BY(mutex_) = false;  // Namespace knows that we read what is stored
  bool closed_ CD_GUARDED_BY(mutex_) = false;   // the last handle is gone; who still looks holds nothing back
  int writers_ CD_GUARDED_BY(mutex_) = 0;
};

class Contents {
 public:
  // Counts one handle; give it back with release().
  [[nodiscard]] std::shared_ptr<Content> acquire(InodeId ino);
  void release(const std::shared_ptr<Content>& content, Namespace& names);
  [[nodiscard]] std::shared_ptr<Content> find(InodeId ino) const;  // null if not open
  void overlay(InodeId ino, Attributes& attr) const;

 private:
  struct Slot {
    std::shared_ptr<Content> content;
    int handles = 0;
  };
  std::atomic<std::size_t> count_{0};  // most attributes are asked for while nothing is open
  mutable std::shared_mutex mutex_;
  std::unordered_map<InodeId, Slot> slots_;  // guarded by mutex_
};

}  // namespace cd
