#include "app/catalog_files.h"

#include <algorithm>

namespace cd {

namespace {

struct Kind {
  std::string_view name;
  Status (*write)(const MetaStore&, const UrlOf&, const TextSink&);
};
constexpr Kind kKinds[] = {{"catalog.csv", &write_catalog_csv},
                           {"catalog.json", &write_catalog_json},
                           {"catalog.m3u8", &write_catalog_m3u8}};
constexpr std::size_t kPiece = 1u << 20;
constexpr std::size_t kReleaseEvery = 1u << 20;      // of text: then the pages of the tree are given back
constexpr std::int64_t kQuickNs = 50'000'000;          // as quick is rendered again for a stat
constexpr std::uint64_t kSmallLibrary = 10'000;        // entries; that quick without having tried

}  // namespace

bool CatalogFiles::owns(std::string_view name) {
  return std::ranges::any_of(kKinds, [&](const Kind& kind) { return kind.name == name; });
}

std::vector<std::string> CatalogFiles::names() {
  std::vector<std::string> out;
  for (const Kind& kind : kKinds) out.emplace_back(kind.name);
  return out;
}

CatalogFiles::Rendered CatalogFiles::last(std::string_view name) {
  MutexLock lock(mutex_);
  const auto found = rendered_.find(name);
  return found == rendered_.end() ? Rendered{} : found->second;
}

Result<VirtualNode> CatalogFiles::find(std::string_view name) {
  Rendered shown = last(name);
  const bool quick = shown.file ? shown.took_ns <= kQuickNs : meta_.totals().entries <= kSmallLibrary;
  if (quick) {
    CD_TRY(shown, current(name));
  }
  VirtualNode node;
  node.name = name;
  node.size = shown.size;
  node.mtime_ns = shown.file ? shown.wall_ns : clock_.wall_ns();
  return node;
}

Result<std::shared_ptr<DiskFile>> CatalogFiles::open(std::string_view name) {
  CD_TRY(Rendered now, current(name));
  return std::move(now.file);
}

Result<CatalogFiles::Rendered> CatalogFiles::current(std::string_view name) {
  MutexLock one(rendering_);
  Rendered known = last(name);
  if (known.file && known.sequence == meta_.sequence()) return known;
  CD_TRY(Rendered fresh, render(std::string(name)));
  MutexLock lock(mutex_);
  rendered_[std::string(name)] = fresh;
  return fresh;
}

Result<CatalogFiles::Rendered> CatalogFiles::render(const std::string& name) {
  const auto kind = std::ranges::find_if(kKinds, [&](const Kind& k) { return k.name == name; });
  if (kind == std::end(kKinds)) return fail(Code::not_found, "no such file");
  Rendered out;
  out.sequence = meta_.sequence();
  const std::int64_t begun = clock_.steady_ns();
  const std::string path = folder_ + "/" + name + ".tmp";
  if (disk_.exists(path)) CD_TRY_VOID(disk_.remove(path));  // of a process that was killed
  CD_TRY(std::shared_ptr<DiskFile> file, disk_.open(path, OpenMode::create_new));
  CD_TRY_VOID(disk_.remove(path));
  std::string piece;
  Status written;
  std::size_t held = 0;
  const auto flush = [&] {
    if (written) written = file->write(out.size, piece);
    out.size += piece.size();
    held += piece.size();
    piece.clear();
    if (held < kReleaseEvery) return;
    meta_.release_memory();
    held = 0;
  };
  CD_TRY_VOID(kind->write(meta_, url_of_, [&](std::string_view text) {
    piece += text;
    if (piece.size() >= kPiece) flush();
  }));
  flush();
  CD_TRY_VOID(std::move(written));
  meta_.release_memory();
  out.file = std::move(file);
  out.wall_ns = clock_.wall_ns();
  out.took_ns = clock_.steady_ns() - begun;
  return out;
}

}  // namespace cd
