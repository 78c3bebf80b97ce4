// StoreTraits as JSON, for the cache of an earlier probe and for `check --json`.
#include <nlohmann/json.hpp>

#include "remote/object_store.h"

namespace cd {

namespace {

struct Flag {
  const char* name;
  bool StoreTraits::*member;
};
constexpr Flag kFlags[] = {
    {"probed", &StoreTraits::probed},
    {"put_if_absent", &StoreTraits::put_if_absent},
    {"put_if_match", &StoreTraits::put_if_match},
    {"finish_if_absent", &StoreTraits::finish_if_absent},
    {"delete_if_match", &StoreTraits::delete_if_match},
    {"copy_source_if_match", &StoreTraits::copy_source_if_match},
    {"copy_part", &StoreTraits::copy_part},
    {"quoted_if_match", &StoreTraits::quoted_if_match},
    {"presign", &StoreTraits::presign},
};

}  // namespace

std::string StoreTraits::to_json() const {
  nlohmann::ordered_json json;
  for (const Flag& flag : kFlags) json[flag.name] = this->*flag.member;
  json["part_bytes_min"] = part_bytes_min;
  json["description"] = description;
  return json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

StoreTraits StoreTraits::from_json(std::string_view text) {
  StoreTraits traits;
  const auto json = nlohmann::json::parse(text, nullptr, false);
  if (!json.is_object()) return traits;
  for (const Flag& flag : kFlags) {
    const auto found = json.find(flag.name);
    if (found != json.end() && found->is_boolean()) traits.*flag.member = found->get<bool>();
  }
  if (const auto n = json.find("part_bytes_min"); n != json.end() && n->is_number_unsigned()) {
    traits.part_bytes_min = n->get<std::uint64_t>();
  }
  if (const auto s = json.find("description"); s != json.end() && s->is_string()) {
    traits.description = s->get<std::string>();
  }
  return traits;
}

}  // namespace cd
