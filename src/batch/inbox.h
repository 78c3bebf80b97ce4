// Inbox: what lies in the inbox right now, read from MetaStore. Looking is all it does; what it means is the
// conductor's business. A drop is one folder directly in the inbox, or all loose files there together.
// Batch thread only (others may, with results of their own).
#pragma once

#include <string>
#include <vector>

#include "batch/item.h"
#include "batch/settle.h"
#include "cache/meta_store.h"
#include "journal/namespace.h"

namespace cd {

struct InboxFile {  // a file or a symlink that is no junk
  std::string path;  // below the drop's folder
  InodeId ino;
  FileStamp stamp;
  std::uint64_t changed = 0;
  bool is_symlink = false;
  bool has_writer = false;
};

struct DropView {
  std::string folder;  // its name in the inbox; "" = the loose files
  std::vector<InboxFile> files;
  Sight sight;
};

class Inbox {
 public:
  Inbox(const MetaStore& meta, const Namespace& tree) : meta_(meta), tree_(tree) {}

  // Folders directly in the inbox, and "" if there are loose files.
  [[nodiscard]] Result<std::vector<std::string>> drops() const;
  [[nodiscard]] Result<DropView> look(const std::string& folder) const;
  // The same for a folder anywhere below the inbox, but not its drop as a whole: paths are below it.
  [[nodiscard]] Result<DropView> look_below(const std::string& path) const;
  [[nodiscard]] std::string path() const;  // "inbox"

 private:
  [[nodiscard]] Status look_into(InodeId folder, const std::string& below, bool loose_only, DropView& out,
                                 std::vector<std::pair<InodeId, std::string>>& deeper) const;
  const MetaStore& meta_;
  const Namespace& tree_;
};

// Takes away what a finished drop leaves behind: droppings of desktops and folders that are empty without them,
// from the bottom up. `keep_top`: not `folder` itself.
void sweep_folder(const MetaStore& meta, Namespace& tree, const std::string& path, bool keep_top);
// Removes the folders of `file_path` that became empty by its leaving, up to but not including `top`.
void remove_emptied_parents(const MetaStore& meta, Namespace& tree, std::string_view file_path,
                            std::string_view top);

}  // namespace cd
