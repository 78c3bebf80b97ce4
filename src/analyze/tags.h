// Labels that programs write into files as tags: tempo and key of ID3 (TBPM, TKEY; also inside WAV and AIFF) and of Vorbis
// comments (BPM, TEMPO, KEY, INITIALKEY). The only place that names TagLib.
#pragma once

#include <vector>

#include "analyze/analyze_file.h"
#include "analyze/report.h"

namespace cd {

// None where there are no tags, or none that make sense. A source that fails gives none either: ask the source.
[[nodiscard]] std::vector<Hint> hints_of_tags(ByteSource& source);

}  // namespace cd
