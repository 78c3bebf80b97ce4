// DriveFiles: the virtual files of a drive: inbox/STATUS.txt and everything below .cratedrive/. A table says
// which file is rendered by what; the texts themselves are made elsewhere (status_report, status_json, …).
//
// stat and read agree: a rendering is kept for a moment, so the size that stat shows is that of the bytes which the
// open that follows gives. An open renders anew when the kept bytes are older than a quarter of a second (large
// tables: a second, and only if something changed), so polling programs never see anything older.
// A command that was written is shown in events.jsonl when it was not understood, and voids all kept bytes.
// Thread-safe; never waits for the network.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "app/catalog_files.h"
#include "app/drive_control.h"
#include "app/drive_parts.h"
#include "app/file_labels.h"
#include "app/smart_folders.h"
#include "base/mutex.h"
#include "fs/virtual_source.h"

namespace cd {

class DriveFiles final : public VirtualSource {
 public:
  DriveFiles(const DriveParts& parts, DriveControl& control);

  [[nodiscard]] Result<VirtualNode> find(std::string_view path) override;
  [[nodiscard]] Result<VirtualPage> list(std::string_view folder, const std::string& after,
                                         std::size_t at_most) override;
  [[nodiscard]] bool is_current(std::string_view path) override;
  void bring_up_to_date(std::string_view path, std::function<void(Status)> done) override;
  [[nodiscard]] Result<std::shared_ptr<DiskFile>> spool(std::string_view path) override;
  [[nodiscard]] Result<SharedBytes> render(std::string_view path) override;
  [[nodiscard]] Result<std::string> read_at(std::string_view path, std::uint64_t offset, std::size_t length) override;
  [[nodiscard]] Status command(std::string_view path, std::string_view text) override;
  [[nodiscard]] std::vector<std::string> xattr_names(std::string_view library_path) override;
  [[nodiscard]] Result<std::string> xattr(std::string_view library_path, std::string_view name) override;

 private:
  enum class Weight { light, heavy };  // heavy: as large as the library or a batch
  using Render = std::function<Result<std::string>(const std::string& batch_id)>;
  struct File {
    std::string name;
    Render render;
    Weight weight = Weight::light;
    bool writable = false;
    bool growing = false;
    bool optional = false;  // shown only while render() has something
  };
  struct Kept {
    SharedBytes bytes;
    std::int64_t steady_ns = 0;
    std::int64_t wall_ns = 0;
    std::uint64_t tree_sequence = 0;
  };
  struct Place {  // what a path means
    enum class Kind { none, folder, file } kind = Kind::none;
    const File* file = nullptr;
    std::string batch;
  };

  void fill_tables();
  [[nodiscard]] std::string_view in_control(std::string_view path) const;  // below .cratedrive; "" if it is not
  [[nodiscard]] Place place_of_path(std::string_view path) const;
  [[nodiscard]] Result<VirtualNode> node_of(const Place& place, const std::string& path);
  [[nodiscard]] std::vector<VirtualNode> nodes_of(const std::vector<File>& files, const std::string& folder,
                                                  const std::string& batch);
  [[nodiscard]] Result<Kept> kept(const std::string& path, const Place& place, std::int64_t age_max_ns);
  [[nodiscard]] Status run_line(const Place& place, std::string_view line);

  // constant after construction
  const DriveParts& parts_;
  DriveControl& control_;
  const FileLabels labels_;
  const SmartFolders smart_;
  CatalogFiles catalog_;  // safe by itself
  const std::string control_dir_;   // ".cratedrive"
  const std::string batches_dir_;   // ".cratedrive/batches"
  std::vector<File> inbox_files_;
  std::vector<File> drive_files_;
  std::vector<File> batch_files_;

  Mutex mutex_;
  std::map<std::string, Kept> kept_ CD_GUARDED_BY(mutex_);
};

}  // namespace cd
