#include "app/library_check.h"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_set>

#include "base/digest.h"
#include "base/hash.h"
#include "base/text.h"
#include "remote/blocking.h"

namespace cd {
namespace {

constexpr std::uint64_t kReadBytes = 8u << 20;
constexpr std::size_t kFindingsMax = 1'000;

bool is_md5(const std::string& etag) {
  return etag.size() == 32 && std::ranges::all_of(etag, [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

class LibraryCheck {
 public:
  LibraryCheck(ObjectStore& store, MetaStore* meta, const LibraryCheckOptions& options)
      : store_(store), meta_(meta), options_(options) {}

  Result<Checked> run() {
    CD_TRY_VOID(list_all());
    if (meta_ != nullptr) CD_TRY_VOID(walk_tree());
    if (stale_ > 0 && options_.repair) CD_TRY_VOID(forget_listings());
    out_.summary = fmt::format("{} objects, {}", objects_, human_bytes(bytes_));
    if (options_.read) {
      out_.summary += fmt::format("; {} read and compared, {} have no checksum to compare with", compared_, unlabelled_);
    }
    if (unsaid_ > 0) out_.summary += fmt::format("; {} more findings are not shown", unsaid_);
    return std::move(out_);
  }

 private:
  void add(const std::string& key, std::string what, Finding::Level level, bool repaired = false) {
    if (out_.findings.size() >= kFindingsMax) {
      ++unsaid_;
      return;
    }
    out_.findings.push_back({"library", key, std::move(what), level, repaired});
  }
  void stale(const std::string& key, std::string what) {
    ++stale_;
    add(key, std::move(what), Finding::Level::repairable, options_.repair);
  }
  [[nodiscard]] CallOptions call() const {
    CallOptions out;
    out.deadline = options_.deadline;
    return out;
  }

  Status list_all() {
    ListRequest request;
    request.delimited = false;
    do {
      CD_TRY(const ListReply page, blocking<ListReply>([&](auto done) { store_.list(request, call(), std::move(done)); }));
      for (const ObjectInfo& object : page.objects) {
        ++objects_;
        bytes_ += object.size;
        if (meta_ != nullptr) seen_.insert(version_hash(object.key, object.etag, object.size));
        if (meta_ != nullptr) seen_keys_.insert(xxh3_64(object.key));
        if (options_.read) CD_TRY_VOID(read(object));
      }
      request.token = page.next_token;
    } while (!request.token.empty());
    return {};
  }

  static std::uint64_t version_hash(const std::string& key, const std::string& etag, std::uint64_t size) {
    return xxh3_64(key + '\n' + etag + '\n' + std::to_string(size));
  }

  // Everything in the tree that claims to be stored.
  Status walk_tree() {
    std::vector<InodeId> todo{kRootInode};
    while (!todo.empty()) {
      const InodeId folder = todo.back();
      todo.pop_back();
      CD_TRY_VOID(meta_->list(folder, "", [&](std::string_view, const MetaRecord& record) {
        if (record.is_directory()) todo.push_back(record.ino);
        const bool stored = record.remote && !record.pending && !record.whiteout && !record.is_directory();
        if (stored) compare(*record.remote);
        return true;
      }));
    }
    return {};
  }

  void compare(const RemoteVersion& version) {
    if (!seen_keys_.contains(xxh3_64(version.key))) {
      stale(version.key, "was stored, and the bucket does not have it any more");
    } else if (!version.etag.empty() && !seen_.contains(version_hash(version.key, version.etag, version.size))) {
      stale(version.key, "the bucket has another version than the one known here");
    }
  }

  Status forget_listings() {
    std::vector<InodeId> folders{kRootInode};
    for (std::size_t at = 0; at < folders.size(); ++at) {
      CD_TRY_VOID(meta_->list(folders[at], "", [&](std::string_view, const MetaRecord& record) {
        if (record.is_directory()) folders.push_back(record.ino);
        return true;
      }));
    }
    return meta_->write([&](MetaStore::Writer& writer) -> Status {
      for (const InodeId folder : folders) CD_TRY_VOID(writer.set_folder_state(folder, {}));
      return {};
    });
  }

  Status read(const ObjectInfo& object) {
    Md5 md5;
    Hasher128 xxh;
    std::string label;
    for (std::uint64_t at = 0; at < object.size || at == 0; at += kReadBytes) {
      const GetRequest request{object.key, at, kReadBytes, object.etag};
      const auto got = blocking<GetReply>([&](auto done) { store_.get(request, call(), std::move(done)); });
      if (!got) return cannot_read(object, got.error());
      const std::string& body = *got->body;
      const std::uint64_t wanted = std::min(kReadBytes, object.size - at);
      if (body.size() != wanted) {
        add(object.key, fmt::format("the store gave {} bytes where {} should be", body.size(), wanted), Finding::Level::damage);
        return {};
      }
      md5.update(body);
      xxh.update(body);
      if (const auto found = got->head.metadata.find("xxh128"); found != got->head.metadata.end()) label = found->second;
      if (object.size == 0) break;
    }
    const bool has_md5 = is_md5(object.etag);
    if (label.empty() && !has_md5) return ++unlabelled_, Status{};
    ++compared_;
    const std::string digest = hex(md5.finish());
    const bool wrong = label.empty() ? digest != object.etag : xxh.digest().hex() != label;
    if (wrong) add(object.key, "its bytes in the bucket are not those of its checksum", Finding::Level::damage);
    return {};
  }

  // One object that cannot be read is a finding; a store that cannot be reached ends the check.
  Status cannot_read(const ObjectInfo& object, const Error& error) {
    if (error.code == Code::not_found || error.code == Code::precondition_failed) {
      add(object.key, "changed while it was checked", Finding::Level::note);
      return {};
    }
    if (error.code == Code::unreachable || error.code == Code::timeout) return fail(error);
    add(object.key, "cannot be read: " + error.message, Finding::Level::damage);
    return {};
  }

  ObjectStore& store_;
  MetaStore* const meta_;
  const LibraryCheckOptions options_;
  std::unordered_set<std::uint64_t> seen_;
  std::unordered_set<std::uint64_t> seen_keys_;
  std::uint64_t objects_ = 0;
  std::uint64_t bytes_ = 0;
  std::uint64_t compared_ = 0;
  std::uint64_t unlabelled_ = 0;
  std::uint64_t stale_ = 0;
  std::uint64_t unsaid_ = 0;
  Checked out_;
};

}  // namespace

Result<Checked> check_library(ObjectStore& store, MetaStore* meta, const LibraryCheckOptions& options) {
  return LibraryCheck(store, meta, options).run();
}

}  // namespace cd
