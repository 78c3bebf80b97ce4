// What a container's own header promises, compared with the bytes that are there. libsndfile silently takes a
// cut file for a shorter one; here it is noticed.
#pragma once

#include <optional>
#include <string>

#include "analyze/analyze_file.h"

namespace cd {

// A sentence if `source`, of this sniffed type, ends before its header says. Headers of streams that were
// written without knowing their length (0, 0x7FFFF000 and above) promise nothing. Read errors of the source
// count as "nothing noticed": whoever decodes will meet them.
[[nodiscard]] std::optional<std::string> find_truncation(ByteSource& source, std::string_view type);

// For a WAV that no decoder opens: what its `fmt ` chunk says is inside ("Ogg Vorbis", "WMA", "codec
// 0x0123"). Empty for the codecs that libsndfile has, and where there is no such chunk.
[[nodiscard]] std::optional<std::string> wav_codec(ByteSource& source);

}  // namespace cd
