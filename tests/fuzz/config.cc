// The configuration file.
#include "app/config.h"
#include "tests/fuzz/target.h"

void cd::fuzz::one(std::string_view input) {
  Config config;
  if (!apply_toml(config, std::string(input), "config.toml", "s3://bucket/prefix")) return;
  (void)config.validate();
  Config again;
  must(apply_toml(again, config_to_toml(config), "again.toml", "").has_value());
}
