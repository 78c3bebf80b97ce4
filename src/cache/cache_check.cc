#include "cache/cache_check.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/text.h"
#include "cache/block_store.h"
#include "cache/cache_format.h"

namespace cd {
namespace {

class CacheCheck {
 public:
  CacheCheck(Disk& disk, const std::string& directory, bool repair, MetaStore& meta, Checked& out)
      : repair_(repair), index_(meta.lmdb()), store_(directory + "/blocks", disk), out_(out) {}

  Status run() {
    CD_TRY(const std::vector<BlockKey> keys, index_.all());
    std::vector<BlockKey> bad;
    for (const BlockKey& key : keys) {
      const std::string wrong = wrong_with(key);
      if (wrong.empty()) continue;
      add(name_of(key), wrong + "; it will be fetched again");
      bad.push_back(key);
    }
    if (repair_ && !bad.empty()) {
      CD_TRY_VOID(index_.erase(bad));
      for (const BlockKey& key : bad) store_.remove(key);
    }
    find_strays(keys);
    CD_TRY(const std::uint64_t wrong, index_.rebuild(!repair_));
    if (wrong > 0) add("index", fmt::format("{} of its entries do not agree with the blocks", wrong));
    out_.summary = fmt::format("{} blocks, {}", keys.size(), human_bytes(bytes_));
    return {};
  }

 private:
  void add(std::string subject, std::string what) {
    out_.findings.push_back({"cache", std::move(subject), std::move(what), Finding::Level::repairable, repair_});
  }
  static std::string name_of(const BlockKey& key) { return fmt::format("block {}-{}", key.id.hex(), key.number); }

  // "" = the bytes are those of its checksums.
  std::string wrong_with(const BlockKey& key) {
    BlockEntry entry;
    std::string bytes;
    const auto found = index_.find(key, [&](const BlockEntry& its, std::string_view small) {
      entry = its;
      bytes = small;
    });
    if (!found || !*found) return "its entry cannot be read";
    bytes_ += entry.length;
    if (!entry.small) {
      const auto file = store_.open(key);
      if (!file) return "its file is not there";
      bytes.resize(entry.length);
      const auto got = (*file)->read(0, bytes.data(), bytes.size());
      if (!got) return "its file cannot be read: " + got.error().message;
      bytes.resize(*got);
    }
    if (bytes.size() != entry.length) return "it is cut short";
    for (std::size_t i = 0; i < entry.sums.size(); ++i)
      if (!entry.holds(i, std::string_view(bytes).substr(i * kChunkBytes, kChunkBytes))) return "its checksum does not hold";
    return "";
  }

  // Files that the index does not know.
  void find_strays(const std::vector<BlockKey>& keys) {
    const std::set<BlockKey> known(keys.begin(), keys.end());
    std::uint64_t strays = 0;
    const auto wanted = [&](const BlockKey& key) { return known.contains(key); };
    store_.each([&](const std::optional<BlockKey>& key, const std::string&) { strays += key && wanted(*key) ? 0 : 1; });
    if (strays == 0) return;
    if (repair_) store_.sweep(wanted);
    add("blocks", fmt::format("{} files are none of the cache's", strays));
  }

  const bool repair_;
  BlockIndex index_;
  BlockStore store_;
  Checked& out_;
  std::uint64_t bytes_ = 0;
};

}  // namespace

Result<CheckedCache> check_cache(Disk& disk, const std::string& directory, bool repair) {
  CheckedCache out;
  const std::string data = directory + "/meta/data.mdb";
  if (!disk.exists(data)) {
    out.checked.summary = "there is none";
    return out;
  }
  CacheFormat format(directory, "", disk);
  if (!format.is_kept()) {
    if (repair) CD_TRY_VOID(format.start_afresh());
    out.checked.summary = "not to be trusted";
    out.checked.findings.push_back({"cache", directory, "was left by a machine that stopped, or by another version; "
                                    "the next mount throws it away and fetches what it needs",
                                    Finding::Level::repairable, repair});
    return out;
  }
  MetaStoreOptions options;
  options.directory = directory;
  CD_TRY(out.meta, MetaStore::open(options, disk, system_clock()));
  if (!out.meta->was_warm()) {
    out.checked.summary = "emptied";
    out.checked.findings.push_back({"cache", data, "was damaged and has been emptied; what is needed is fetched again",
                                    Finding::Level::repairable, true});
    return out;
  }
  if (Status done = CacheCheck(disk, directory, repair, *out.meta, out.checked).run(); !done) {
    out.checked.findings.push_back({"cache", data, done.error().message + "; the next mount throws it away",
                                    Finding::Level::repairable, repair});
    out.meta.reset();
    if (repair) CD_TRY_VOID(format.start_afresh());
  }
  return out;
}

}  // namespace cd
