// LabelIndex: the labelled files of the library, sorted by what their labels say; and which contents lie in it more
// than once. It lies in the table `labels` of the cache, and MetaWriter keeps it in step with the tree, in the same
// transaction: a file that was filed, moved or removed is at once where it belongs, and nothing has to be built.
//
//   facet (1 byte), value, 0, name of the file, 0, inode (8, big-endian)   → SampleFacts, of Facet::name; else nothing
//   'd', the first 16 bytes of a key of `content`                          → nothing: two files or more have it
// Values hold no 0. Everything here reads by snapshots; a visitor may look things up, but must neither write nor take
// a lock. Thread-safe. MetaStore outlives it.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cache/meta_store.h"
#include "cache/sample_facts.h"

namespace cd {

enum class Facet : char {
  name = 'n',        // all of them; value ""
  bpm = 'b',         // sure; value "090"
  bpm_unsure = 'B',  // value ""
  key = 'k',         // sure; value "08A"
  key_unsure = 'K',  // value ""
  kind = 't',        // "loop", "one-shot", and of one-shots what they are: "kick"
  recent = 'r',      // value: 16 hexadecimal digits, the newest first
};

struct LabelRow {
  std::string_view value;
  std::string_view name;
  InodeId ino;
  std::string_view facts;  // encoded; of Facet::name
  std::string_view key;    // to go on behind it
};

class LabelIndex {
 public:
  explicit LabelIndex(MetaStore& meta) : meta_(meta) {}

  using Visit = std::function<bool(const LabelRow& row)>;  // false ends it
  // The files of one value, in byte order of their names, behind the key `after` ("" = from the start).
  [[nodiscard]] Status scan(Facet facet, std::string_view value, std::string_view after, const Visit& visit) const;
  // The files of one value that have this name.
  [[nodiscard]] Status named(Facet facet, std::string_view value, std::string_view name, const Visit& visit) const;
  // Of all values, in their order.
  [[nodiscard]] Status scan_all(Facet facet, std::string_view after, const Visit& visit) const;
  [[nodiscard]] Result<bool> holds(Facet facet, std::string_view value, std::string_view name, InodeId ino) const;
  // The next value behind `after` that has files.
  [[nodiscard]] Result<std::optional<std::string>> next_value(Facet facet, std::string_view after) const;

  // Contents that lie in the library more than once, as 16 bytes each, behind `after`.
  [[nodiscard]] Status twins(std::string_view after, const std::function<bool(std::string_view content)>& visit) const;
  // The files of one of them.
  [[nodiscard]] Result<std::vector<InodeId>> files_of(std::string_view content) const;

  void release_memory() const { meta_.release_memory(); }

 private:
  Status scan_prefix(const std::string& prefix, std::string_view after, const Visit& visit) const;
  MetaStore& meta_;
};

// ---- how the index follows the tree; for MetaWriter.
using LabelEntries = std::vector<std::pair<std::string, std::string>>;  // keys and values
[[nodiscard]] LabelEntries label_entries(InodeId folder, std::string_view name, const MetaRecord& record);
[[nodiscard]] std::string twins_key(std::string_view content);

}  // namespace cd
