// NamespaceVerbs: the Namespace on the Ledger. One verb is one Turn: look, say what changes, commit.
// Split by what is changed: namespace_tree.cc (names), namespace_rename.cc, namespace_bytes.cc (files open for
// writing), namespace_inbox.cc. Thread-safe; the Ledger outlives it.
#pragma once

#include "journal/ledger.h"
#include "journal/namespace.h"

namespace cd {

class NamespaceVerbs final : public Namespace {
 public:
  explicit NamespaceVerbs(Ledger& ledger) : ledger_(ledger) {}

  Result<MetaRecord> create(InodeId parent, std::string_view name, const NewNode& node) override;
  Result<MetaRecord> make_directory(InodeId parent, std::string_view name, const NewNode& node) override;
  Result<MetaRecord> make_symlink(InodeId parent, std::string_view name, std::string_view target,
                                  const NewNode& node) override;
  Result<MetaRecord> make_special(InodeId parent, std::string_view name, const SpecialNode& what,
                                  const NewNode& node) override;
  Result<MetaRecord> link(InodeId ino, InodeId parent, std::string_view name) override;
  Status unlink(InodeId parent, std::string_view name) override;
  Status remove_directory(InodeId parent, std::string_view name) override;
  Status rename(InodeId parent, std::string_view name, InodeId new_parent, std::string_view new_name,
                RenameMode mode) override;

  Result<MetaRecord> set_attributes(InodeId ino, const AttributeChange& change) override;
  Status set_xattr(InodeId ino, std::string_view name, std::string_view value) override;
  Status remove_xattr(InodeId ino, std::string_view name) override;

  Result<std::shared_ptr<StagedFile>> open_for_write(InodeId ino, bool truncate) override;
  Status commit(InodeId ino) override;
  void close_for_write(InodeId ino) override;
  Result<std::shared_ptr<StagedFile>> staged(StagedId id) override;
  Status truncate(InodeId ino, std::uint64_t size) override;
  Status sync(InodeId ino) override;

  void reader_opened(InodeId ino) override;
  void reader_closed(InodeId ino) override;

  [[nodiscard]] InodeId inbox() const override { return inbox_; }
  [[nodiscard]] bool has_writer(InodeId ino) const override;
  [[nodiscard]] bool was_interrupted(InodeId ino) const override;
  Result<MetaRecord> file_away(const Filing& filing) override;
  Result<bool> withdraw(const std::string& destination, const std::string& inbox_path) override;

  // Journal::put_object.
  [[nodiscard]] Status put_object(const std::string& path, std::string_view bytes, const std::string& content_type,
                                  const std::string& tag);

  // Makes the inbox's folder at the root if it is not there. Once, before anything else.
  [[nodiscard]] Status make_inbox();

 private:
  // A folder of the tree, and a name in it.
  struct Folder {
    InodeId ino;
    std::string path;
    MetaRecord record;
  };
  // An entry that was found, with the slot it has.
  struct Node {
    InodeId parent;
    std::string name;
    std::string path;
    MetaRecord record;
    [[nodiscard]] std::string slot() const { return slot_of(path, record.is_directory()); }
    [[nodiscard]] InodeId file() const { return record.link_of ? record.link_of : record.ino; }
  };
  // What a renamed name takes along.
  struct Moved {
    std::string from;
    std::string to;
    MetaRecord record;
  };

  // ---- namespace_tree.cc
  Result<Folder> folder(InodeId ino) const;
  Status check_new_name(const Folder& folder, std::string_view name) const;
  Status check_free(const Folder& folder, std::string_view name) const;
  Result<Node> find(const Folder& folder, std::string_view name) const;
  Result<Node> node(InodeId ino) const;  // not_found also where it is hidden
  Status check_not_reserved(const Node& node) const;
  Result<MetaRecord> add(const Folder& folder, std::string_view name, Intent intent, Change change = {});
  // The folder stays when its last entry goes: one that no marker holds gets one.
  Status keep_if_emptied(Change& change, const Folder& folder, std::string_view name) const;
  // The intent that says what this node is now: the live one, or a copy of the stored object onto itself.
  Result<Intent> intent_for(const Node& node) const;
  Status change_node(const Node& node, const std::function<void(MetaRecord&)>& change, bool upload);
  Result<MetaRecord> record_at(InodeId parent, std::string_view name) const;

  // ---- namespace_rename.cc
  Status check_rename(const Node& from, const Folder& to, const std::optional<Node>& target, RenameMode mode) const;
  Status collect(const Node& node, const std::string& to, std::vector<Moved>& moved) const;
  std::optional<Intent> content_of(const Moved& moved) const;
  Status plan_move(Change& change, const std::vector<Moved>& moved) const;
  void come_home(Change& change, const Moved& moved) const;

  // ---- namespace_bytes.cc
  Result<std::shared_ptr<StagedFile>> open_locked(const Node& node, bool truncate);
  Status commit_locked(InodeId ino);
  void close_locked(InodeId ino);
  Status give_back_untouched(const Node& node, const Intent& intent);

  Ledger& ledger_;
  InodeId inbox_;
};

[[nodiscard]] Intent new_intent(IntentKind kind, NodeType type, const NewNode& node, std::int64_t now_ns);

}  // namespace cd
