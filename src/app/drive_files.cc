#include "app/drive_files.h"

#include <algorithm>
#include <optional>

#include "app/batch_tables.h"
#include "app/status_json.h"
#include "base/text.h"

namespace cd {

namespace {

constexpr std::int64_t kMillisecond = 1'000'000;
constexpr std::int64_t kShownAge = 1'000 * kMillisecond;        // what stat may be told
constexpr std::int64_t kOpenedAge = 250 * kMillisecond;         // what an open may be given
constexpr std::int64_t kHeavyShownAge = 10'000 * kMillisecond;
constexpr std::int64_t kHeavyOpenedAge = 1'000 * kMillisecond;
constexpr std::int64_t kForgottenAge = 15'000 * kMillisecond;   // kept bytes nobody asks for are memory
constexpr std::size_t kUploadsShown = 1'000;

constexpr const char* kReadme =
    "This folder is made up by cratedrive; nothing in it is in the bucket.\n"
    "\n"
    "  status  status.json     the drive at a glance / the same for programs\n"
    "  dashboard.html          the same as a page\n"
    "  cost.json               requests, bytes stored, estimate of the month's bill\n"
    "  health  health.json     what is well, what is not, and the cure\n"
    "  uploads                 what the bucket does not have yet\n"
    "  events.jsonl            what happened; tail -f works\n"
    "  metrics                 counters in Prometheus' text format\n"
    "  config.toml             the configuration in effect\n"
    "  control                 write a verb; reading it lists the verbs\n"
    "  catalog.json .csv .m3u8 every sample with its labels\n"
    "  batches/<id>/           status, items.csv, errors, report.json and control of a batch\n"
    "  by-bpm by-key by-kind   links to the samples, sorted by what is known for sure\n"
    "  recent duplicates       the newest; what lies in the library more than once\n"
    "  search/<query>/         any name is a search: search/README.txt\n"
    "\n"
    "getfattr -d FILE shows the state and the labels of a file of the library.\n";

VirtualNode folder_node(std::string name, std::int64_t mtime_ns) {
  VirtualNode node;
  node.name = std::move(name);
  node.type = VirtualNode::Type::directory;
  node.mtime_ns = mtime_ns;
  return node;
}

std::string_view last_part(std::string_view path) { return path.substr(path.rfind('/') + 1); }

}  // namespace

DriveFiles::DriveFiles(const DriveParts& parts, DriveControl& control)
    : parts_(parts), control_(control), labels_(parts), smart_(parts.meta, parts.mounted_at_ns),
      catalog_(parts.meta, parts.disk, parts.clock, parts.place.cache_dir, catalog_urls(parts.config, parts.url)),
      control_dir_(parts.config.control_name),
      batches_dir_(control_dir_ + "/batches") {
  fill_tables();
}

void DriveFiles::fill_tables() {
  const DriveParts& p = parts_;
  const auto file = [](std::string name, Render render) { return File{std::move(name), std::move(render)}; };

  inbox_files_ = {file("STATUS.txt", [&p](auto&) { return render_inbox(p.status(), p.config.control_name); })};

  drive_files_ = {
      file("README.txt", [](auto&) { return std::string(kReadme); }),
      file("cost.json", [&p](auto&) { return cost_json(p.cost()); }),
      file("dashboard.html", [&p](auto&) { return render_dashboard(p.dashboard_facts()); }),
      file("config.toml", [&p](auto&) { return config_to_toml(p.config); }),
      file("control", [this](auto&) { return control_.help(); }),
      file("events.jsonl", [](auto&) { return std::string(); }),
      file("health", [&p](auto&) { return render_health(examine(p.health_facts())); }),
      file("health.json", [&p](auto&) { return health_json(examine(p.health_facts())); }),
      file("import.json", [&p](auto&) { return p.importer.state().to_json(); }),
      file("metrics", [&p](auto&) { return p.metrics_text(); }),
      file("status", [&p](auto&) { return render_status(p.status()); }),
      file("status.json", [&p](auto&) { return status_json(p.status()); }),
      file("uploads", [&p](auto&) {
        return render_uploads(p.journal.uploads(kUploadsShown), p.journal.totals(), p.clock.wall_ns());
      }),
  };
  batch_files_ = {
      file("control", [](auto&) { return batch_control_help(); }),
      file("errors", [&p](auto& id) { return errors_text(p.conductor, id); }),
      file("items.csv", [&p](auto& id) { return items_csv(p.conductor, id); }),
      file("report.json", [&p](auto& id) { return p.conductor.report_json(id); }),
      file("status", [&p](auto& id) -> Result<std::string> {
        CD_TRY(const BatchProgress batch, p.conductor.batch(id));
        return render_batch(batch, p.clock.wall_ns());
      }),
      file("status.json", [&p](auto& id) -> Result<std::string> {
        CD_TRY(const BatchProgress batch, p.conductor.batch(id));
        return batch_json(batch);
      }),
  };
  for (auto* table : {&drive_files_, &batch_files_}) {
    for (File& f : *table) {
      f.writable = f.name == "control";
      f.growing = f.name == "events.jsonl";
      f.optional = f.name == "report.json";
      f.weight = f.name == "items.csv" || f.name == "errors" ? Weight::heavy
                                                                                               : Weight::light;
    }
  }
}

DriveFiles::Place DriveFiles::place_of_path(std::string_view path) const {
  const auto in = [](const std::vector<File>& files, std::string_view name) -> Place {
    for (const File& f : files) {
      if (f.name == name) return {Place::Kind::file, &f, {}};
    }
    return {};
  };
  const std::string inbox = parts_.config.inbox_name + "/";
  if (path == control_dir_ || path == batches_dir_) return {Place::Kind::folder, nullptr, {}};
  if (path.starts_with(inbox)) return in(inbox_files_, path.substr(inbox.size()));
  if (path.starts_with(batches_dir_ + "/")) {
    const std::string_view rest = path.substr(batches_dir_.size() + 1);
    const std::size_t slash = std::min(rest.find('/'), rest.size());
    const std::string id(rest.substr(0, slash));
    if (!parts_.conductor.batch(id)) return {};
    Place place = slash == rest.size() ? Place{Place::Kind::folder, nullptr, {}} : in(batch_files_, rest.substr(slash + 1));
    place.batch = id;
    return place;
  }
  if (path.starts_with(control_dir_ + "/")) return in(drive_files_, path.substr(control_dir_.size() + 1));
  return {};
}

Result<VirtualNode> DriveFiles::node_of(const Place& place, const std::string& path) {
  if (place.kind == Place::Kind::none) return fail(Code::not_found, "no such file");
  if (place.kind == Place::Kind::folder) return folder_node(std::string(last_part(path)), parts_.mounted_at_ns);
  VirtualNode node;
  node.name = place.file->name;
  node.writable = place.file->writable;
  node.growing = place.file->growing;
  if (node.growing) {
    node.size = parts_.events.size();
    node.mtime_ns = parts_.clock.wall_ns();
    return node;
  }
  CD_TRY(const Kept bytes, kept(path, place, place.file->weight == Weight::heavy ? kHeavyShownAge : kShownAge));
  node.size = bytes.bytes->size();
  node.mtime_ns = bytes.wall_ns;
  return node;
}

std::string_view DriveFiles::in_control(std::string_view path) const {
  return path.starts_with(control_dir_ + "/") ? path.substr(control_dir_.size() + 1) : std::string_view();
}

Result<VirtualNode> DriveFiles::find(std::string_view path) {
  if (const auto smart = in_control(path); SmartFolders::owns(smart)) return smart_.find(smart);
  if (const auto name = in_control(path); CatalogFiles::owns(name)) return catalog_.find(name);
  return node_of(place_of_path(path), std::string(path));
}

Result<std::shared_ptr<DiskFile>> DriveFiles::spool(std::string_view path) {
  if (const auto name = in_control(path); CatalogFiles::owns(name)) return catalog_.open(name);
  return std::shared_ptr<DiskFile>();
}

std::vector<VirtualNode> DriveFiles::nodes_of(const std::vector<File>& files, const std::string& folder,
                                              const std::string& batch) {
  std::vector<VirtualNode> nodes;
  for (const File& f : files) {
    auto node = node_of({Place::Kind::file, &f, batch}, folder + "/" + f.name);
    if (node) nodes.push_back(std::move(*node));
  }
  return nodes;
}

Result<VirtualPage> DriveFiles::list(std::string_view folder, const std::string& after, std::size_t at_most) {
  if (const auto smart = in_control(folder); SmartFolders::owns(smart)) return smart_.list(smart, after, at_most);
  const std::string path(folder);
  VirtualPage page;
  std::vector<VirtualNode>& nodes = page.nodes;
  if (path.empty()) {
    nodes.push_back(folder_node(control_dir_, parts_.mounted_at_ns));
  } else if (path == parts_.config.inbox_name) {
    nodes = nodes_of(inbox_files_, path, "");
  } else if (path == control_dir_) {
    nodes = nodes_of(drive_files_, path, "");
    nodes.push_back(folder_node("batches", parts_.mounted_at_ns));
    for (VirtualNode& top : smart_.tops()) nodes.push_back(std::move(top));
    for (const std::string& name : CatalogFiles::names()) {
      if (auto node = catalog_.find(name)) nodes.push_back(std::move(*node));
    }
  } else if (path == batches_dir_) {
    for (const BatchProgress& b : parts_.conductor.batches()) nodes.push_back(folder_node(b.id, b.created_at_ns));
  } else {
    const Place place = place_of_path(path);
    if (place.kind == Place::Kind::none) return fail(Code::not_found, "no such folder");
    if (place.kind == Place::Kind::file) return fail(Code::not_directory, "not a folder");
    nodes = nodes_of(batch_files_, path, place.batch);
  }
  return page;
}

// Only what shows labels may lag behind what other mounts found out.
bool DriveFiles::is_current(std::string_view path) {
  const std::string_view name = in_control(path);
  return !(SmartFolders::owns(name) || name.starts_with("catalog.")) || parts_.reports.is_current();
}

void DriveFiles::bring_up_to_date(std::string_view, std::function<void(Status)> done) {
  parts_.reports.bring_up_to_date(std::move(done));
}

Result<DriveFiles::Kept> DriveFiles::kept(const std::string& path, const Place& place, std::int64_t age_max_ns) {
  const std::int64_t now = parts_.clock.steady_ns();
  const std::uint64_t sequence = parts_.meta.sequence();
  {
    MutexLock lock(mutex_);
    std::erase_if(kept_, [now](const auto& one) { return now - one.second.steady_ns > kForgottenAge; });
    const auto found = kept_.find(path);
    if (found != kept_.end()) {
      const Kept& k = found->second;
      const bool same_tree = k.tree_sequence == sequence;
      // Whoever has just changed something and looks must see it; only what is dear to render may lag behind.
      const bool young = now - k.steady_ns <= age_max_ns && (same_tree || place.file->weight == Weight::heavy);
      if (young) return k;
    }
  }
  CD_TRY(std::string text, place.file->render(place.batch));
  Kept fresh{share(std::move(text)), now, parts_.clock.wall_ns(), sequence};
  MutexLock lock(mutex_);
  Kept& slot = kept_[path];
  // Two may have rendered at the same time; who began later has the newer truth, and both give that.
  if (slot.bytes == nullptr || slot.steady_ns <= fresh.steady_ns) slot = std::move(fresh);
  return slot;
}

Result<SharedBytes> DriveFiles::render(std::string_view path) {
  if (const auto smart = in_control(path); SmartFolders::owns(smart)) {
    CD_TRY(std::string text, smart_.render(smart));
    return share(std::move(text));
  }
  const Place place = place_of_path(path);
  if (place.kind == Place::Kind::none) return fail(Code::not_found, "no such file");
  if (place.kind == Place::Kind::folder) return fail(Code::is_directory, "a folder");
  if (place.file->growing) {
    CD_TRY(std::string all, parts_.events.read_at(0, parts_.events.size()));
    return share(std::move(all));
  }
  CD_TRY(const Kept bytes, kept(std::string(path), place,
                                place.file->weight == Weight::heavy ? kHeavyOpenedAge : kOpenedAge));
  return bytes.bytes;
}

Result<std::string> DriveFiles::read_at(std::string_view path, std::uint64_t offset, std::size_t length) {
  const Place place = place_of_path(path);
  if (place.kind != Place::Kind::file) return fail(Code::not_found, "no such file");
  if (place.file->growing) return parts_.events.read_at(offset, length);
  CD_TRY(const SharedBytes bytes, render(path));
  return offset >= bytes->size() ? std::string() : bytes->substr(offset, length);
}

Status DriveFiles::run_line(const Place& place, std::string_view line) {
  if (place.batch.empty()) return control_.command(line);
  return parts_.conductor.command(place.batch, line);
}

Status DriveFiles::command(std::string_view path, std::string_view text) {
  const Place place = place_of_path(path);
  if (place.kind != Place::Kind::file || !place.file->writable) return fail(Code::permission, "not a control file");
  Status outcome;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string line(text.substr(0, end));
    text.remove_prefix(std::min(text.size(), end + 1));
    if (line.find_first_not_of(" \t\r") == std::string::npos) continue;
    const Status one = run_line(place, line);
    const std::string which = place.batch.empty() ? "drive" : place.batch;
    if (one) {
      parts_.events.add("command", {{"of", which}, {"text", shorten(line, 200)}});
    } else {
      parts_.events.add("command-refused", {{"of", which}, {"text", shorten(line, 200)}, {"reason", one.error().message}});
      if (outcome) outcome = one;
    }
  }
  MutexLock lock(mutex_);
  kept_.clear();
  return outcome;
}

std::vector<std::string> DriveFiles::xattr_names(std::string_view library_path) { return labels_.names(library_path); }

Result<std::string> DriveFiles::xattr(std::string_view library_path, std::string_view name) {
  return labels_.value(library_path, name);
}

}  // namespace cd
