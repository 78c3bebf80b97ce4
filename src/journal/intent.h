// Intent: what the bucket should come to hold under one key, and what we believe that it holds now.
//
// A slot names the key in terms of the tree: "Drums/kick.wav" for a file, "Drums/" for a folder's marker. Per
// slot there is at most one intent; a newer one replaces it. Values; pure functions.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/rare.h"
#include "cache/meta_record.h"
#include "journal/staging.h"

namespace cd {

enum class IntentKind : std::uint8_t {
  put = 1,     // from the staged file (a symlink: from its target)
  copy = 2,    // from `source` inside the store: rename, or new attributes when the source is the key itself
  marker = 3,  // the folder's own zero-byte object
  remove = 4,  // of a file or marker; hides the name meanwhile
  link = 5,    // what `link` will be stored as: that has an intent, and its answer makes this one a copy
};

struct Intent {
  IntentKind kind = IntentKind::put;
  bool hold = false;        // below the inbox: staged, never uploaded as it lies
  bool bare = false;        // an object that is no file of the tree
  bool unfinished = false;  // open for writing; commit() has not been called since
  bool dirty = false;       // copy: attributes differ from those of the source object
  bool exact = true;        // what the name is comes from the object itself, not from LIST alone

  // What the name is (of a remove: what was there, for recognising an upload of ours).
  Attributes attr;
  std::string target;
  std::string content_type;
  Metadata metadata;
  std::map<std::string, std::string> xattrs;

  std::string link;                      // a hard link: the path of the file that this is one more name of

  StagedId staged;                       // put of a file
  Hash128 content;                       // xxh3-128 of the staged bytes, where they were written front to back; else empty
  Rare<StagedBase> base;                 // of the staged file
  Rare<RemoteVersion> source;            // copy

  // What the bucket holds under this key as far as we know; none: nothing. An empty ETag: something unknown.
  Rare<RemoteVersion> expected;
  // Fingerprints of uploads to this key whose outcome is unknown: what of them the bucket shows is ours.
  std::vector<std::uint64_t> attempts;

  std::string tag;          // of the Filing
  std::string conflict_of;  // the path under which it was first meant to be stored
  std::int64_t since_wall_ns = 0;

  [[nodiscard]] bool live() const { return kind != IntentKind::remove; }  // the name is visible
  friend bool operator==(const Intent&, const Intent&) = default;
};

[[nodiscard]] std::string encode(const Intent& intent);
[[nodiscard]] Result<Intent> decode_intent(std::string_view bytes);  // Code::corrupt

// ---- slots
[[nodiscard]] std::string slot_of(std::string_view path, bool folder);
[[nodiscard]] std::string_view path_of_slot(std::string_view slot);
[[nodiscard]] inline bool is_folder_slot(std::string_view slot) { return !slot.empty() && slot.back() == '/'; }
[[nodiscard]] std::string key_of_slot(std::string_view slot);
[[nodiscard]] std::string_view parent_path(std::string_view path);  // "" for names at the root
[[nodiscard]] std::string_view base_name(std::string_view path);
[[nodiscard]] std::string join(std::string_view folder, std::string_view name);

// ---- intents and the tree
// The record that MetaStore shows for this intent; `key` is its own. `ino`, `link_of` and atime come from `before`.
[[nodiscard]] MetaRecord record_of(const Intent& intent, const MetaRecord& before);
void describe(Intent& intent, const MetaRecord& record);  // takes over everything that the name is

// ---- intents and the bucket
[[nodiscard]] Metadata metadata_to_send(const Intent& intent);
// Of an object as it appears in the bucket: size and metadata. mtime has nanoseconds and travels with every object
// of ours, so that two versions of one file differ.
[[nodiscard]] std::uint64_t fingerprint(std::uint64_t size, const Metadata& metadata);
[[nodiscard]] std::uint64_t fingerprint(const Intent& intent);
void add_attempt(Intent& intent, std::uint64_t print);
[[nodiscard]] std::uint64_t body_bytes(const Intent& intent);  // what the object's size will be

}  // namespace cd
