#include "batch/unpacker.h"

#include <algorithm>
#include <condition_variable>
#include <mutex>

#include "base/crash_point.h"
#include "batch/placement.h"

namespace cd {
namespace {

constexpr std::chrono::milliseconds kStagingFullWait{200};
constexpr int kNamesTried = 1'000;

// Waits as long as uploads make room; ends at once when it is asked to.
bool wait_a_little(const std::stop_token& stop) {
  std::mutex mutex;
  std::condition_variable_any wake;
  std::unique_lock lock(mutex);
  wake.wait_for(lock, stop, kStagingFullWait, [] { return false; });
  return !stop.stop_requested();
}

// Writes the files of one archive below one folder of the inbox, as a copy would.
class InboxSink final : public UnpackSink {
 public:
  InboxSink(const MetaStore& meta, Namespace& tree, InodeId top, const UnpackJob& job)
      : meta_(meta), tree_(tree), top_(top), job_(job) {}
  ~InboxSink() override { close(); }

  Status begin(const UnpackedFile& file) override {
    const std::size_t slash = file.path.rfind('/');
    const std::string folder = slash == std::string::npos ? "" : file.path.substr(0, slash);
    CD_TRY(const InodeId parent, folder_of(folder));
    NewNode node = job_.owner;
    node.mode = file.mode;
    const std::string name = file.path.substr(slash == std::string::npos ? 0 : slash + 1);
    // A path that is there twice: both are kept, as everywhere in the inbox.
    for (int n = 1; n <= kNamesTried; ++n) {
      const std::string tried = n == 1 ? name : keep_both_path(name, n);
      const auto made = tree_.create(parent, tried, node);
      if (!made && made.error().code == Code::exists && n < kNamesTried) continue;
      if (!made) return tl::make_unexpected(made.error());
      parent_ = parent;
      name_ = tried;
      return open(made->ino, file.mtime_ns);
    }
    return {};
  }

  Status write(std::uint64_t offset, std::string_view bytes) override {
    for (;;) {
      const Status written = file_->write(offset, bytes);
      if (written || written.error().code != Code::busy) return written;
      if (!wait_a_little(job_.cancel)) return fail(Code::cancelled, "cancelled");
    }
  }

  Status end(std::uint64_t size) override {
    if (file_->size() < size) CD_TRY_VOID(file_->extend(size));
    CD_TRY_VOID(tree_.commit(ino_));
    crash_point("batch.unpack_file");
    const InodeId ino = ino_;
    close();
    if (mtime_ns_ == 0) return {};
    AttributeChange change;
    change.mtime_ns = mtime_ns_;
    CD_TRY_VOID(tree_.set_attributes(ino, change));
    return {};
  }

  void discard() override {
    close();
    const Status removed = tree_.unlink(parent_, name_);
    (void)removed;  // then it is in the batch, and its own bytes will tell
  }

 private:
  Status open(InodeId ino, std::int64_t mtime_ns) {
    auto opened = tree_.open_for_write(ino, false);
    tree_.close_for_write(ino);  // create() counts as a writer of its own
    if (!opened) return tl::make_unexpected(opened.error());
    file_ = std::move(*opened);
    ino_ = ino;
    mtime_ns_ = mtime_ns;
    return {};
  }

  void close() {
    if (!file_) return;
    file_.reset();
    tree_.close_for_write(ino_);
  }

  Result<InodeId> folder_of(const std::string& path) {
    if (path.empty()) return top_;
    if (path == last_path_) return last_folder_;
    InodeId at = top_;
    for (std::size_t from = 0; from < path.size();) {
      const std::size_t slash = std::min(path.find('/', from), path.size());
      CD_TRY(at, enter(at, path.substr(from, slash - from)));
      from = slash + 1;
    }
    last_path_ = path;
    last_folder_ = at;
    return at;
  }

  Result<InodeId> enter(InodeId parent, const std::string& name) {
    CD_TRY(const auto there, meta_.lookup(parent, name));
    if (there && !there->is_directory()) return fail(Code::not_directory, "a file has the name of its folder");
    if (there) return there->ino;
    NewNode node = job_.owner;
    node.mode = 0755;
    CD_TRY(const auto made, tree_.make_directory(parent, name, node));
    return made.ino;
  }

  const MetaStore& meta_;
  Namespace& tree_;
  const InodeId top_;
  const UnpackJob& job_;
  std::shared_ptr<StagedFile> file_;
  InodeId ino_;
  InodeId parent_;
  std::string name_;
  std::int64_t mtime_ns_ = 0;
  std::string last_path_;
  InodeId last_folder_;
};

void empty_folder(const MetaStore& meta, Namespace& tree, InodeId folder) {
  struct Child {
    std::string name;
    InodeId ino;
    bool directory = false;
  };
  std::vector<Child> children;
  const Status listed = meta.list(folder, "", [&](std::string_view name, const MetaRecord& record) {
    children.push_back({std::string(name), record.ino, record.is_directory()});
    return true;
  });
  (void)listed;  // what stays is found at the next start
  for (const Child& child : children) {
    if (child.directory) empty_folder(meta, tree, child.ino);
    const Status gone = child.directory ? tree.remove_directory(folder, child.name) : tree.unlink(folder, child.name);
    (void)gone;
  }
}

}  // namespace

void remove_inbox_folder(const MetaStore& meta, Namespace& tree, const std::string& name) {
  const auto folder = meta.lookup(tree.inbox(), name);
  if (!folder || !*folder || !(*folder)->is_directory()) return;
  empty_folder(meta, tree, (*folder)->ino);
  const Status removed = tree.remove_directory(tree.inbox(), name);
  (void)removed;
}

Unpacker::Unpacker(const UnpackLimits& limits, const MetaStore& meta, Namespace& tree, Sink sink)
    : limits_(limits), meta_(meta), tree_(tree), sink_(std::move(sink)),
      thread_("unpack", [this](std::stop_token) { work(); }) {}

Unpacker::~Unpacker() { jobs_.close(); }

bool Unpacker::try_submit(UnpackJob job) { return jobs_.try_push(std::move(job)); }

void Unpacker::work() {
  while (auto job = jobs_.pop()) {
    UnpackDone done{job->item, job->job, job->folder, false, fail(Code::cancelled, "cancelled")};
    if (!job->cancel.stop_requested()) {
      const std::uint64_t generation = job->file->generation();
      done.result = run(*job);
      done.changed = job->file->generation() != generation;
      if (!done.result || done.changed) remove_inbox_folder(meta_, tree_, job->folder);
    }
    job->file.reset();  // before the answer: its file may be dropped by what the answer leads to
    sink_(std::move(done));
  }
}

Result<Unpacked> Unpacker::run(const UnpackJob& job) const {
  remove_inbox_folder(meta_, tree_, job.folder);
  NewNode node = job.owner;
  node.mode = 0755;
  CD_TRY(const auto top, tree_.make_directory(tree_.inbox(), job.folder, node));
  FdSource source(job.file->fd());
  InboxSink sink(meta_, tree_, top.ino, job);
  return unpack(source, limits_, sink, job.cancel);
}

}  // namespace cd
