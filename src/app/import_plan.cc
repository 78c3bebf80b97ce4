#include "app/import_plan.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <map>
#include <set>

#include "analyze/analyze_file.h"
#include "app/wait_for_tree.h"
#include "base/digest.h"
#include "base/disk.h"
#include "base/text.h"
#include "base/unique_fd.h"
#include "batch/content_index.h"
#include "batch/junk.h"
#include "batch/placement.h"

namespace cd {

namespace {

namespace stdfs = std::filesystem;
using What = PlannedFile::What;

// A folder for a tree that is needed once.
class TemporaryFolder {
 public:
  TemporaryFolder() : path_((stdfs::temp_directory_path() / "cratedrive-plan-XXXXXX").string()) {
    if (::mkdtemp(path_.data()) == nullptr) path_.clear();
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    if (!path_.empty()) stdfs::remove_all(path_, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

class Planner {
 public:
  Planner(const std::string& directory, const Config& config, const MetaStore& meta)
      : config_(config), options_(config.batch_options()), meta_(meta), library_(meta),
        name_(safe_part(directory.substr(directory.rfind('/') + 1))) {
    for (const char* field : {"{bpm}", "{key}", "{kind}"})
      needs_labels_ = needs_labels_ || options_.destination.find(field) != std::string::npos;
  }

  PlannedFile plan(const std::string& path, const std::string& below) {
    PlannedFile file;
    file.path = below;
    const UniqueFd open(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
    const auto content = !open ? Result<ItemResult>(fail(error_from_errno(errno, "open"))) : hash(open.get());
    if (!content) {
      file.what = What::unreadable;
      file.why = content.error().message;
      return file;
    }
    file.bytes = content->bytes;
    ItemResult result = *content;
    if (needs_labels_ || options_.only_audio) listen(open.get(), below, result);
    if (options_.only_audio && !result.is_audio) {
      file.what = What::leave_out;
      file.why = "not audio";
      return file;
    }
    if (options_.skip_duplicates && result.bytes > 0) {
      if (const auto twin = library_.find(result)) return skip(std::move(file), *twin, "the same content is there");
      const auto [first, is_new] = contents_.try_emplace(result.content.hex(), below);
      if (!is_new) return skip(std::move(file), first->second, "the same content as another file of the folder");
    }
    return placed(std::move(file), result);
  }

 private:
  static PlannedFile skip(PlannedFile file, const std::string& twin, std::string why) {
    file.what = What::skip;
    file.destination = twin;
    file.why = std::move(why);
    return file;
  }

  PlannedFile placed(PlannedFile file, const ItemResult& result) {
    const PlacementFields fields{name_ + "/" + file.path, name_, format_utc(system_clock().wall_ns()).substr(0, 10),
                                 result.bpm, result.key, result.kind};
    const std::string base = place(options_.destination, fields, {config_.inbox_name, ".cratedrive"});
    for (int number = 1;; ++number) {
      file.destination = number == 1 ? base : keep_both_path(base, number);
      const auto there = meta_.resolve(file.destination);
      const bool in_bucket = there && *there;
      if (!in_bucket && taken_.insert(file.destination).second) {
        if (number > 1) file.why = "another file is there already: both are kept";
        return file;
      }
      if (in_bucket && library_.holds(file.destination, result)) return skip(std::move(file), std::string(file.destination), "it is there already");
      if (in_bucket && options_.if_present == IfPresent::replace && !(*there)->record.is_directory()) {
        file.why = "replaces the file that is there";
        return file;
      }
      if (in_bucket && options_.if_present == IfPresent::skip)
        return skip(std::move(file), std::string(file.destination), "another file is there already");
    }
  }

  Result<ItemResult> hash(int fd) const {
    struct stat info {};
    if (::fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) return fail(Code::invalid, "no regular file");
    Hasher128 content;
    EtagHasher etags(options_.part_bytes);
    std::string buffer(1u << 20, '\0');
    ItemResult out;
    while (true) {
      const ssize_t n = ::pread(fd, buffer.data(), buffer.size(), static_cast<off_t>(out.bytes));
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return fail(error_from_errno(errno, "read"));
      if (n == 0) break;
      const std::string_view bytes = std::string_view(buffer).substr(0, static_cast<std::size_t>(n));
      content.update(bytes);
      etags.update(bytes);
      out.bytes += bytes.size();
    }
    out.content = content.digest();
    EtagHasher::Etags both = etags.finish();
    out.etag_single = std::move(both.single);
    out.etag_multipart = std::move(both.multipart);
    return out;
  }

  static void listen(int fd, const std::string& name, ItemResult& result) {
    FdSource source(fd);
    const auto report = analyze(source, name);
    if (!report) return;
    auto labels = labels_of(*report);
    result.is_audio = report->is_audio;
    result.bpm = labels["bpm"];
    result.key = labels["key"];
    result.kind = labels["kind"];
  }

  const Config& config_;
  const BatchOptions options_;
  const MetaStore& meta_;
  const Library library_;
  const std::string name_;
  bool needs_labels_ = false;
  std::map<std::string, std::string> contents_;  // of files that would be stored: hash to path
  std::set<std::string> taken_;
};

}  // namespace

std::string_view name_of(PlannedFile::What what) {
  switch (what) {
    case What::store: return "store";
    case What::skip: return "skip";
    case What::leave_out: return "leave out";
    case What::unreadable: return "unreadable";
  }
  return "";
}

Status plan_import(const std::string& directory, const Config& config, ObjectStore& store, StoreHealth& health,
                   const std::function<void(const PlannedFile&)>& visit) {
  const TemporaryFolder temporary;
  if (temporary.path().empty()) return fail(error_from_errno(errno, "make a temporary folder"));
  MetaStoreOptions options;
  options.directory = temporary.path() + "/cache";
  CD_TRY(const auto meta, MetaStore::open(options, system_disk(), system_clock()));
  MetricRegistry metrics;
  TreeCache tree(*meta, store, health, system_clock(), metrics, config.tree_options());
  CD_TRY_VOID(wait_for_tree(tree, {}));
  Planner planner(directory, config, *meta);
  std::error_code error;
  stdfs::recursive_directory_iterator it(directory, stdfs::directory_options::skip_permission_denied, error);
  for (const stdfs::recursive_directory_iterator end; !error && it != end; it.increment(error)) {
    std::error_code ignored;
    const stdfs::file_status status = it->symlink_status(ignored);
    if (stdfs::is_directory(status)) continue;
    const std::string below = it->path().string().substr(directory.size() + (directory == "/" ? 0 : 1));
    if (!stdfs::is_regular_file(status)) {
      visit({What::leave_out, below, "", "no regular file", 0});
    } else if (junk_kind(it->path().filename().string()) != Junk::none) {
      visit({What::leave_out, below, "", "junk, or not finished", 0});
    } else {
      visit(planner.plan(it->path().string(), below));
    }
  }
  if (error) return fail(error_from_errno(error.value(), printable(directory)));
  return {};
}

}  // namespace cd
