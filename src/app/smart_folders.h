// SmartFolders: the folders of relative symlinks below .cratedrive/: by-bpm, by-key, by-kind, recent, duplicates,
// search. All is read from the label index of the cache when it is asked for, page by page: nothing is built, and
// memory does not grow with the library. smart_names.h says how the links are called.
// Thread-safe; never waits for the network. `meta` outlives it.
#pragma once

#include <atomic>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "batch/query.h"
#include "cache/label_index.h"
#include "fs/virtual_source.h"

namespace cd {

class SmartFolders {
 public:
  SmartFolders(MetaStore& meta, std::int64_t mounted_at_ns)
      : meta_(meta), index_(meta), mounted_at_ns_(mounted_at_ns) {}

  // Paths are relative to .cratedrive: "by-bpm/090-099/kick.wav".
  [[nodiscard]] static bool owns(std::string_view path);
  [[nodiscard]] std::vector<VirtualNode> tops() const;  // by-bpm, by-key, …
  [[nodiscard]] Result<VirtualNode> find(std::string_view path) const;  // not_found
  [[nodiscard]] Result<VirtualPage> list(std::string_view path, const std::string& after, std::size_t at_most) const;
  [[nodiscard]] Result<std::string> render(std::string_view path) const;  // the few texts in here

 private:
  struct Sorted {  // files as the index has them
    Facet facet;
    std::string value;
    std::optional<Query> query;
  };
  struct Sample {
    std::string name;
    InodeId ino;
  };
  using Few = std::vector<Sample>;  // recent ones, or those of one content
  struct Place {                    // what a path means
    enum class Kind { none, top, sorted, few, twins, note } kind = Kind::none;
    Sorted sorted{};
    Few few{};
    std::string text{};   // of a note: what it says
    std::string file{};   // below a folder: which name is meant; "" = the folder itself
    std::string folder{};
  };

  [[nodiscard]] Result<Place> place_of(std::string_view path) const;
  [[nodiscard]] Result<Place> value_place(std::string_view top, std::string_view folder) const;
  [[nodiscard]] Result<VirtualNode> find_sorted(const Sorted& in, std::string_view name, std::size_t depth) const;
  [[nodiscard]] Result<bool> belongs(const Sorted& in, std::string_view name, InodeId ino) const;
  [[nodiscard]] Result<VirtualNode> find_few(const Few& few, std::string_view name, std::size_t depth) const;
  [[nodiscard]] Result<VirtualPage> list_sorted(const Sorted& in, const std::string& after, std::size_t at_most) const;
  [[nodiscard]] Result<VirtualPage> list_top(std::string_view top, const std::string& after, std::size_t at_most) const;
  [[nodiscard]] Result<VirtualPage> list_values(std::string_view top) const;
  [[nodiscard]] Result<VirtualPage> list_twins(const std::string& after, std::size_t at_most) const;
  [[nodiscard]] VirtualPage list_few(const Few& few) const;
  [[nodiscard]] Result<Few> recent() const;
  [[nodiscard]] Result<Few> twins_of(std::string_view content) const;
  [[nodiscard]] std::string shown_name(const Sample& sample, bool alone) const;
  [[nodiscard]] Result<VirtualNode> link_to(std::string_view name, InodeId ino, std::size_t depth) const;
  void touched(std::size_t rows) const;
  [[nodiscard]] VirtualNode folder(std::string_view name) const;
  [[nodiscard]] VirtualNode note(const std::string& text) const;

  MetaStore& meta_;
  const LabelIndex index_;
  const std::int64_t mounted_at_ns_;
  mutable std::atomic<std::size_t> looked_at_{0};  // since pages were given back
};

}  // namespace cd
