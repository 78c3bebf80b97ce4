// IntentTable: all live intents by slot, with the sums that the status shows, and the multipart uploads that the
// log knows of. No lock of its own: it lives under the journal's.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "journal/record.h"

namespace cd {

class IntentTable {
 public:
  struct Entry {
    Intent intent;
    std::uint64_t generation = 0;  // another one after every change
  };
  struct Upload {
    UploadRecord begun;
    bool stale = false;  // the intent changed since: to be aborted
    std::map<int, Part> parts;
  };

  void set(const std::string& slot, Intent intent);
  void clear(const std::string& slot);
  [[nodiscard]] const Entry* find(const std::string& slot) const;
  [[nodiscard]] Intent* edit(const std::string& slot);  // in memory only: attempts; same generation
  void recount(const std::string& slot, const std::function<void(Intent&)>& change);  // in memory only too
  // The live intent of a path as it shows in the tree, whichever slot it has; its slot.
  [[nodiscard]] std::optional<std::string> live_slot(std::string_view path) const;
  // True if any intent lies below this folder (the folder's own slot does not count).
  [[nodiscard]] bool any_below(std::string_view folder_path) const;
  // True if what still has to be removed keeps this slot from being stored where keys are files and folders: a file
  // whose name is to become a folder, or the other way round.
  [[nodiscard]] bool waits_for_removal(std::string_view slot) const;
  // Slots of names that are one more name of the file at `path`, and that something is to be done for.
  [[nodiscard]] std::vector<std::string> links_to(const std::string& path) const;
  // Slots at or below `path` ("" = all), in order.
  [[nodiscard]] std::vector<std::string> at_or_below(std::string_view path) const;
  [[nodiscard]] const std::map<std::string, Entry>& all() const { return entries_; }

  void apply(const Record& record);  // what the log says, in its order: intents and uploads only

  void begin_upload(const UploadRecord& begun);
  void add_part(const std::string& upload_id, const Part& part);
  void spoil_upload(const std::string& upload_id);  // its parts are not of one content
  void end_upload(const std::string& upload_id) { uploads_.erase(upload_id); }
  [[nodiscard]] const std::map<std::string, Upload>& uploads() const { return uploads_; }
  [[nodiscard]] const Upload* usable_upload(const std::string& slot) const;

  // All records that a rewritten log needs for this.
  [[nodiscard]] Status emit_live(const std::function<Status(std::string_view)>& emit) const;

  struct Sums {
    std::uint64_t pending = 0;  // not on hold
    std::uint64_t pending_bytes = 0;
    std::uint64_t held_files = 0;
  };
  [[nodiscard]] const Sums& sums() const { return sums_; }

 private:
  void count(const std::string& slot, const Intent& intent, bool add);

  std::map<std::string, Entry> entries_;
  std::map<std::string, Upload> uploads_;  // by upload id
  std::set<std::string> links_;            // slots whose intent has a `link`
  Sums sums_;
  std::uint64_t last_generation_ = 0;
};

}  // namespace cd
