// Steps on the tree that several verbs take, each inside a write of MetaStore.
#pragma once

#include <string>
#include <string_view>

#include "cache/meta_store.h"
#include "journal/intent_table.h"

namespace cd {

// The folder of `path`, whatever hides it; makes what is missing (below a whiteout: hidden too).
// A file on the way makes room, or is Code::not_directory.
[[nodiscard]] Result<InodeId> ensure_folder(MetaStore::Writer& writer, std::string_view path, bool in_place_of_files);
// Whiteouts below the hidden folder `old_folder` come to lie below `new_folder`, which takes its name.
[[nodiscard]] Status adopt_whiteouts(MetaStore::Writer& writer, InodeId old_folder, InodeId new_folder);
// Takes away hidden folders on the way up that hide nothing any more and that no intent needs.
[[nodiscard]] Status prune_hidden(MetaStore::Writer& writer, const IntentTable& table, std::string path);
// ctime: of what has got or lost a name.
[[nodiscard]] Status note_change(MetaStore::Writer& writer, InodeId changed, std::int64_t now_ns);
[[nodiscard]] Status touch_folder(MetaStore::Writer& writer, InodeId folder, std::int64_t now_ns);

}  // namespace cd
