// Hard links: one file under several names, in a bucket that knows only objects.
//
// Each name has an object of its own, with all of the bytes, so that any other tool finds them under every name. One name
// is the file's first: its slot has the intents that any file has. The slots of its other names follow: while the
// first has an intent theirs is a `link` to it, which waits; when the first is stored each becomes a copy of
// what was stored. So a `link` always names a slot with a live intent of another kind.
// That they are one file is known to MetaStore alone: with the cache it is lost, and what is left are files of one content.
// All of this happens inside a Turn, as part of the Change given.
#pragma once

#include <map>
#include <string>

#include "journal/ledger.h"

namespace cd {

// `file`, whose first name `path` gets an intent by this change, is now as `record` says: its other names follow.
[[nodiscard]] Status follow_file(const Ledger& ledger, Change& change, const std::string& path, const MetaRecord& record);
// The intent of the first name has come to its end, and `version` holds the file: who waited for it copies that.
void settle_links(const Ledger& ledger, Change& change, const std::string& path, const Intent& file,
                  const RemoteVersion& version);
// First names have moved: path to new path.
void redirect_links(const Ledger& ledger, Change& change, const std::map<std::string, std::string>& moved);
// The file loses its first name `path`, and lives on under another. Its inode stays. Nothing if it has no other name.
// Gives back whether it lives on.
[[nodiscard]] Result<bool> keep_by_other_name(const Ledger& ledger, Change& change, const std::string& path,
                                              const MetaEntry& file);
// The inode that an intent's name is one more name of; none if that is not in the tree. `now`: the name's record so far.
[[nodiscard]] Result<InodeId> file_behind(MetaStore::Writer& writer, const Intent& intent, const MetaRecord& now);

}  // namespace cd
