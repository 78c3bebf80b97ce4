// take_over: what listening to a file found out, as what is kept of it. Pure.
#pragma once

#include "analyze/report.h"
#include "batch/item.h"

namespace cd {

// Sets type, is_audio, warnings, labels (the outline of the sound among them), report_json, bpm, key and kind.
void take_over(const Report& report, ItemResult& result);

}  // namespace cd
