// MetaWriter: MetaStore::Writer over one LMDB write transaction. Keeps the tables in step with each other:
// an entry, the place of its inode, its folder state, its line in the content index, and the counters.
// Lives as long as its transaction; one thread.
#pragma once

#include "cache/meta_store.h"
#include "cache/meta_tables.h"

namespace cd {

class MetaWriter final : public MetaStore::Writer {
 public:
  MetaWriter(Lmdb::WriteTxn& txn, const MetaTables& tables, const Clock& clock)
      : txn_(txn), tables_(tables), clock_(clock) {}

  [[nodiscard]] Status begin();   // first: reads the counters
  [[nodiscard]] Status finish();  // last: writes them if anything changed
  [[nodiscard]] std::uint64_t sequence() const { return counters_.sequence; }

  Result<std::optional<MetaRecord>> lookup_raw(InodeId parent, std::string_view name) override;
  Result<std::optional<MetaEntry>> entry(InodeId ino) override;
  Result<std::optional<MetaEntry>> resolve_raw(std::string_view path) override;
  Status list(InodeId parent, const MetaStore::Visit& visit, bool with_whiteouts) override;
  InodeId new_inode() override;
  Status put(InodeId parent, std::string_view name, MetaRecord record) override;
  Status erase(InodeId parent, std::string_view name) override;
  Status move(InodeId parent, std::string_view name, InodeId new_parent, std::string_view new_name) override;
  Result<InodeId> make_folders(std::string_view path) override;
  Status set_folder_state(InodeId folder, FolderState state) override;

  [[nodiscard]] Status put_root();

 private:
  Status check_place(InodeId parent, std::string_view name);
  Status check_not_below(InodeId folder, InodeId new_parent);
  // Writes the entry and what goes with it; `old` is what this inode was before, if it was.
  Status store(InodeId parent, std::string_view name, MetaRecord& record, const MetaEntry* old);
  Status remove_entry(InodeId parent, std::string_view name, const MetaRecord& record);
  Status remove_below(InodeId folder);
  // This name came to be, or is no longer, one more of the inode that it is a link of.
  Status count_link(const MetaRecord& name, bool in);
  Status index_content(const MetaRecord* before, const MetaRecord* after);
  // Keeps what label_index.h reads: do at least two files have this content?
  Status note_twins(const std::string& content_key, std::uint64_t bytes);
  struct Named {
    InodeId folder;
    std::string_view name;
    const MetaRecord& record;
  };
  Status index_labels(const Named* before, const Named* after);
  void count(const MetaRecord& record, bool in);
  // `folder` has one folder more or less in it, if `record` is one that shows.
  Status count_folder(InodeId folder, const MetaRecord& record, bool in);
  Result<MetaEntry> make_folder(const MetaEntry& parent, std::string_view name);
  Status revive(MetaEntry& folder);

  Lmdb::WriteTxn& txn_;
  const MetaTables tables_;
  const Clock& clock_;
  MetaCounters before_;
  MetaCounters counters_;
  bool touched_ = false;
};

}  // namespace cd
