// [[enrich]] tables of the configuration: a program of the user's each, that is asked about stored files.
#pragma once

#include <string>
#include <vector>

#include "batch/enricher.h"

namespace toml {
inline namespace v3 {
class node;
}
}  // namespace toml

namespace cd {

// A list of tables. Errors name the file and the line.
[[nodiscard]] Result<std::vector<Enricher>> enrichers_from_toml(const toml::node& list, const std::string& file);
[[nodiscard]] std::string enrichers_to_toml(const std::vector<Enricher>& enrichers);

// Those that come with the drive, made with ffmpeg: an Opus preview of audio, a thumbnail of images.
[[nodiscard]] Enricher preview_enricher();
[[nodiscard]] Enricher thumbnail_enricher();

}  // namespace cd
