// The values that both a record of the cache and an intent of the journal hold, as bytes (docs/ON_DISK_FORMAT.md).
// What is read past the end or is malformed shows in Decoder::ok and done.
#pragma once

#include <map>
#include <string>

#include "base/codec.h"
#include "cache/meta_record.h"

namespace cd {

void put_attributes(Encoder& out, const Attributes& a);
[[nodiscard]] bool get_attributes(Decoder& in, Attributes& a);  // false: of no type that there is
void put_version(Encoder& out, const RemoteVersion& v);
[[nodiscard]] RemoteVersion get_version(Decoder& in);
void put_map(Encoder& out, const std::map<std::string, std::string>& map);
void get_map(Decoder& in, std::map<std::string, std::string>& map);

}  // namespace cd
