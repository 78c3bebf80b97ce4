#include "app/smart_folders.h"

#include <algorithm>
#include <map>
#include <unordered_map>

#include "app/smart_names.h"
#include "base/text.h"

namespace cd {

namespace {

constexpr std::string_view kByBpm = "by-bpm";
constexpr std::string_view kByKey = "by-key";
constexpr std::string_view kByKind = "by-kind";
constexpr std::string_view kRecent = "recent";
constexpr std::string_view kDuplicates = "duplicates";
constexpr std::string_view kSearch = "search";
constexpr std::string_view kTops[] = {kByBpm, kByKey, kByKind, kRecent, kDuplicates, kSearch};
constexpr std::string_view kUnsure = "unsure";
constexpr std::string_view kHelpName = "README.txt";
constexpr std::string_view kWrongName = "NOT UNDERSTOOD.txt";
constexpr std::size_t kRecentShown = 500;
constexpr std::size_t kRowsASnapshot = 8'000;    // a search through all: LMDB's old pages are not held for long
constexpr std::size_t kRowsMapped = 8'000;       // and the pages looked at are given back: they count as our memory
constexpr std::size_t kRowsAFind = 8;            // what a lookup touches is spread over the whole map
constexpr std::size_t kFolderPathsKept = 4'096;

auto nothing() { return fail(Code::not_found, "no such file"); }

Facet facet_of(std::string_view top) {
  return top == kByBpm ? Facet::bpm : top == kByKey ? Facet::key : Facet::kind;
}
Facet unsure_facet(std::string_view top) { return top == kByBpm ? Facet::bpm_unsure : Facet::key_unsure; }

std::string folder_of_value(std::string_view top, const std::string& value) {
  if (top == kByBpm) return decade_folder(value);
  if (top == kByKey) return key_folder(camelot_number(value.starts_with('0') ? value.substr(1) : value));
  return value;
}

std::string value_of_folder(std::string_view top, std::string_view folder) {
  if (top == kByBpm) return decade_of_folder(folder);
  if (top == kByKey) return key_of_folder(folder);
  return std::string(folder);
}

// Does a file meet a query? Paths of folders are looked up once a listing.
class Matcher {
 public:
  Matcher(const MetaStore& meta, const std::optional<Query>& query) : meta_(meta), query_(query) {}

  bool holds(std::string_view name, std::string_view facts_bytes) {
    if (!query_) return true;
    const auto facts = decode_facts(facts_bytes);
    if (!facts || !query_->facts_match(*facts)) return false;
    const std::string lower = fold_case(name);
    if (query_->name_excludes(lower)) return false;
    return !query_->needs_path(lower) || query_->path_matches(folder(facts->folder) + lower);
  }

 private:
  const std::string& folder(InodeId ino) {
    const auto known = folders_.find(ino);
    if (known != folders_.end()) return known->second;
    if (folders_.size() >= kFolderPathsKept) folders_.clear();
    const std::string path = meta_.path_of(ino).value_or("");
    return folders_.emplace(ino, path.empty() ? path : fold_case(path) + "/").first->second;
  }
  const MetaStore& meta_;
  const std::optional<Query>& query_;
  std::unordered_map<InodeId, std::string> folders_;
};

std::vector<std::string_view> parts_of(std::string_view path) {
  std::vector<std::string_view> parts;
  while (!path.empty()) {
    const std::size_t slash = std::min(path.find('/'), path.size());
    parts.push_back(path.substr(0, slash));
    path.remove_prefix(std::min(path.size(), slash + 1));
  }
  return parts;
}

}  // namespace

bool SmartFolders::owns(std::string_view path) {
  return std::ranges::find(kTops, path.substr(0, path.find('/'))) != std::end(kTops);
}

VirtualNode SmartFolders::folder(std::string_view name) const {
  VirtualNode node;
  node.name = name;
  node.type = VirtualNode::Type::directory;
  node.mtime_ns = mounted_at_ns_;
  return node;
}

VirtualNode SmartFolders::note(const std::string& text) const {
  VirtualNode node;
  node.size = text.size();
  node.mtime_ns = mounted_at_ns_;
  return node;
}

std::vector<VirtualNode> SmartFolders::tops() const {
  std::vector<VirtualNode> nodes;
  for (const std::string_view top : kTops) nodes.push_back(folder(top));
  return nodes;
}

// ---- what a path means

Result<SmartFolders::Place> SmartFolders::value_place(std::string_view top, std::string_view folder) const {
  Place place{.kind = Place::Kind::sorted};
  if (top == kSearch) {
    auto query = Query::parse(folder);
    if (query) place.sorted = {Facet::name, "", std::move(*query)};
    else place = {.kind = Place::Kind::note, .text = query.error().message + "\n\n" + query_help()};
    return place;
  }
  if (folder == kUnsure && top != kByKind) {
    place.sorted = {unsure_facet(top), "", {}};
  } else {
    place.sorted = {facet_of(top), value_of_folder(top, folder), {}};
    if (place.sorted.value.empty() || place.sorted.value.find('\0') != std::string::npos) return nothing();
  }
  bool any = false;
  CD_TRY_VOID(index_.scan(place.sorted.facet, place.sorted.value, "", [&](const LabelRow&) {
    any = true;
    return false;
  }));
  if (!any) return nothing();
  return place;
}

Result<SmartFolders::Place> SmartFolders::place_of(std::string_view path) const {
  const auto parts = parts_of(path);
  if (parts.empty() || !owns(path) || parts.size() > 3) return nothing();
  const std::string_view top = parts[0];
  if (parts.size() == 1 && top != kRecent) return Place{.kind = Place::Kind::top, .folder = std::string(top)};
  if (top == kRecent) {
    if (parts.size() > 2) return nothing();
    CD_TRY(Few few, recent());
    return Place{.kind = Place::Kind::few, .few = std::move(few), .file = std::string(parts.size() > 1 ? parts[1] : "")};
  }
  const std::string_view name = parts[1];
  Place place;
  if (top == kSearch && parts.size() == 2 && name == kHelpName)
    return Place{.kind = Place::Kind::note, .text = query_help(), .file = std::string(kHelpName)};
  if (top == kSearch && name.starts_with('.')) return nothing();  // what file managers look for everywhere
  if (top == kDuplicates) {
    const auto content = content_of_folder(name);
    if (!content) return nothing();
    place.kind = Place::Kind::few;
    CD_TRY_VOID(index_.twins(*content + std::string(8, '\0'), [&](std::string_view found) {
      if (found.starts_with(*content)) place.folder = found;
      return false;
    }));
    if (place.folder.empty()) return nothing();
    CD_TRY(place.few, twins_of(place.folder));
    if (place.few.empty()) return nothing();
  } else {
    CD_TRY(place, value_place(top, name));
  }
  place.folder = name;
  if (parts.size() == 3) place.file = parts[2];
  if (place.kind == Place::Kind::note && !place.file.empty() && place.file != kWrongName) return nothing();
  return place;
}

Result<VirtualNode> SmartFolders::find(std::string_view path) const {
  CD_TRY(const Place place, place_of(path));
  const std::string_view last = path.substr(path.rfind('/') + 1);
  const auto depth = static_cast<std::size_t>(std::ranges::count(path, '/')) + 1;
  if (place.file.empty()) return folder(last);
  if (place.kind == Place::Kind::few) return find_few(place.few, place.file, depth);
  if (place.kind == Place::Kind::sorted) return find_sorted(place.sorted, place.file, depth);
  VirtualNode node = note(place.text);
  node.name = last;
  return node;
}

Result<std::string> SmartFolders::render(std::string_view path) const {
  CD_TRY(const Place place, place_of(path));
  if (place.kind != Place::Kind::note || place.file.empty()) return nothing();
  return place.text;
}

Result<VirtualPage> SmartFolders::list(std::string_view path, const std::string& after, std::size_t at_most) const {
  CD_TRY(const Place place, place_of(path));
  if (!place.file.empty()) return fail(Code::not_directory, "not a folder");
  switch (place.kind) {
    case Place::Kind::top: return list_top(place.folder, after, at_most);
    case Place::Kind::sorted: return list_sorted(place.sorted, after, at_most);
    case Place::Kind::few: return list_few(place.few);
    default: break;
  }
  VirtualPage page;
  page.nodes.push_back(note(place.text));
  page.nodes.back().name = kWrongName;
  return page;
}

// ---- links

void SmartFolders::touched(std::size_t rows) const {
  if (looked_at_.fetch_add(rows) + rows < kRowsMapped) return;
  looked_at_ = 0;
  index_.release_memory();
}

Result<VirtualNode> SmartFolders::link_to(std::string_view name, InodeId ino, std::size_t depth) const {
  touched(kRowsAFind);
  CD_TRY(const auto entry, meta_.entry(ino));
  if (!entry) return nothing();
  CD_TRY(const std::string path, meta_.path_of(ino));
  VirtualNode node;
  node.name = name;
  node.type = VirtualNode::Type::symlink;
  node.mtime_ns = entry->record.attr.mtime_ns;
  for (std::size_t up = 0; up < depth; ++up) node.target += "../";
  node.target += path;
  return node;
}

std::string SmartFolders::shown_name(const Sample& sample, bool alone) const {
  if (alone) return sample.name;
  const std::string path = meta_.path_of(sample.ino).value_or(sample.name);
  return distinct_name(sample.name, path.substr(0, path.size() - std::min(path.size(), sample.name.size() + 1)), sample.ino);
}

Result<bool> SmartFolders::belongs(const Sorted& in, std::string_view name, InodeId ino) const {
  bool found = false;
  Matcher matcher(meta_, in.query);
  CD_TRY_VOID(index_.named(in.facet, in.value, name, [&](const LabelRow& row) {
    if (row.ino == ino) found = matcher.holds(row.name, row.facts);
    return row.ino != ino;
  }));
  return found;
}

Result<VirtualNode> SmartFolders::find_sorted(const Sorted& in, std::string_view name, std::size_t depth) const {
  InodeId plain;
  Matcher matcher(meta_, in.query);
  CD_TRY_VOID(index_.named(in.facet, in.value, name, [&](const LabelRow& row) {
    if (matcher.holds(row.name, row.facts)) plain = row.ino;
    return !plain;
  }));
  if (plain) return link_to(name, plain, depth);
  for (const NameReading& reading : readings_of(name)) {
    InodeId ino = reading.ino;
    if (reading.path) {
      CD_TRY(const auto entry, meta_.resolve(*reading.path));
      if (!entry) continue;
      ino = entry->record.ino;
    }
    CD_TRY(const bool here, belongs(in, reading.name, ino));
    if (here) return link_to(name, ino, depth);
  }
  return nothing();
}

Result<VirtualPage> SmartFolders::list_sorted(const Sorted& in, const std::string& after, std::size_t at_most) const {
  VirtualPage page;
  page.last = false;
  Matcher matcher(meta_, in.query);
  struct Held {  // the next of the page: whether its name is the only one is known when another name comes
    Sample sample;
    std::string key;
  };
  std::optional<Held> held;
  // The name before: part of the key that the page goes on behind.
  std::string before;
  if (!after.empty()) {
    const std::size_t from = after.find('\0', 1) + 1;
    before = after.substr(from, after.size() - 9 - from);
  }
  bool began = after.empty();
  const auto emit = [&](std::string_view next) {
    VirtualNode node;
    const bool alone = held->sample.name != next && (began || held->sample.name != before);
    node.name = shown_name(held->sample, alone);
    node.type = VirtualNode::Type::symlink;
    node.cursor = std::move(held->key);
    before = std::move(held->sample.name);
    began = false;
    held.reset();
    page.nodes.push_back(std::move(node));
  };
  std::string at = after;
  for (std::size_t rows = kRowsASnapshot; rows == kRowsASnapshot && page.nodes.size() < at_most;) {
    rows = 0;
    CD_TRY_VOID(index_.scan(in.facet, in.value, at, [&](const LabelRow& row) {
      ++rows;
      at = row.key;
      if (held && held->sample.name != row.name) emit(row.name);
      if (page.nodes.size() >= at_most) return false;
      if (matcher.holds(row.name, row.facts)) {
        if (held) emit(row.name);
        held = Held{{std::string(row.name), row.ino}, std::string(row.key)};
      }
      return page.nodes.size() < at_most && rows < kRowsASnapshot;
    }));
    touched(rows);
  }
  if (page.nodes.size() < at_most) {
    if (held) emit("");
    page.last = true;
  }
  return page;
}

// ---- few files: recent ones, and those of one content

Result<SmartFolders::Few> SmartFolders::recent() const {
  Few few;
  CD_TRY_VOID(index_.scan_all(Facet::recent, "", [&](const LabelRow& row) {
    few.push_back({std::string(row.name), row.ino});
    return few.size() < kRecentShown;
  }));
  return few;
}

Result<SmartFolders::Few> SmartFolders::twins_of(std::string_view content) const {
  Few few;
  CD_TRY(const auto files, index_.files_of(content));
  for (const InodeId ino : files) {
    CD_TRY(auto entry, meta_.entry(ino));
    if (entry) few.push_back({std::move(entry->name), ino});
  }
  return few;
}

VirtualPage SmartFolders::list_few(const Few& few) const {
  std::map<std::string_view, int> uses;
  for (const Sample& sample : few) ++uses[sample.name];
  VirtualPage page;
  for (const Sample& sample : few) {
    VirtualNode node;
    node.name = shown_name(sample, uses[sample.name] == 1);
    node.type = VirtualNode::Type::symlink;
    page.nodes.push_back(std::move(node));
  }
  return page;
}

Result<VirtualNode> SmartFolders::find_few(const Few& few, std::string_view name, std::size_t depth) const {
  for (const Sample& sample : few)
    if (sample.name == name) return link_to(name, sample.ino, depth);
  const auto readings = readings_of(name);
  for (const Sample& sample : few) {
    const bool may_be = std::ranges::any_of(readings, [&](const NameReading& r) { return r.name == sample.name; });
    if (may_be && shown_name(sample, false) == name) return link_to(name, sample.ino, depth);
  }
  return nothing();
}

// ---- folders of folders

Result<VirtualPage> SmartFolders::list_top(std::string_view top, const std::string& after, std::size_t at_most) const {
  if (top == kDuplicates) return list_twins(after, at_most);
  if (top != kSearch) return list_values(top);
  VirtualPage page;
  page.nodes.push_back(note(query_help()));
  page.nodes.back().name = kHelpName;
  return page;
}

Result<VirtualPage> SmartFolders::list_values(std::string_view top) const {
  VirtualPage page;
  std::string after;
  while (true) {
    CD_TRY(const auto value, index_.next_value(facet_of(top), after));
    if (!value) break;
    page.nodes.push_back(folder(folder_of_value(top, *value)));
    after = *value;
  }
  if (top != kByKind && value_place(top, kUnsure)) page.nodes.push_back(folder(kUnsure));
  return page;
}

Result<VirtualPage> SmartFolders::list_twins(const std::string& after, std::size_t at_most) const {
  VirtualPage page;
  page.last = false;
  std::vector<std::string> contents;
  CD_TRY_VOID(index_.twins(after, [&](std::string_view content) {
    contents.emplace_back(content);
    return contents.size() < at_most;
  }));
  page.last = contents.size() < at_most;
  for (const std::string& content : contents) {
    CD_TRY(const Few few, twins_of(content));
    page.nodes.push_back(folder(content_folder(few.empty() ? "" : few.front().name, content)));
    page.nodes.back().cursor = content;
  }
  return page;
}

}  // namespace cd
