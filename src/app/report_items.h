// read_report_items: the items of a report object (batch/report_writer.h has its fields), piece by piece, so that memory is
// bounded, however many files it names. For threads that may wait for the network.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "remote/object_store.h"

namespace cd {

inline constexpr std::string_view kReportSuffix = ".json";

struct ReportItem {
  std::string path;                // in the library: where it went, or its twin
  std::uint64_t bytes = 0;
  std::vector<std::string> etags;  // of the content; empty = not told
  Metadata labels;                 // with its xxh128
  bool warned = false;             // it could not be listened to, or not wholly
};

// `visit` is given some hundred items at a time; its error ends the reading. corrupt: no report of a batch. precondition_failed:
// it was replaced meanwhile.
using VisitItems = std::function<Status(std::span<const ReportItem> items)>;
[[nodiscard]] Status read_report_items(ObjectStore& store, const ObjectInfo& report, const CallOptions& call, const VisitItems& visit);

}  // namespace cd
