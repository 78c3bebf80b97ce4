// check: one probe of a store, shown as a table.
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "app/commands.h"
#include "app/health_report.h"
#include "base/text.h"
#include "remote/open_store.h"

namespace cd {

namespace {

constexpr Millis kDeadline{30'000};

struct Checked {
  StoreTraits traits;
  StoreHealth::Snapshot health;
};

Result<Checked> probe(const StoreUrl& url, const Config& config) {
  StoreHealth health(system_clock());
  MetricRegistry metrics;
  CD_TRY(const auto store, open_store(url, config.store_options(), health, metrics));
  CD_TRY(StoreTraits traits, probe_store(*store, url, kDeadline));
  return Checked{std::move(traits), health.snapshot()};
}

std::vector<HealthItem> items_of(const Checked& checked) {
  DriveStatus drive;
  drive.store = checked.health;
  std::vector<HealthItem> items{{"store", HealthLevel::ok, printable(checked.traits.description), ""}};
  HealthFacts facts;
  facts.drive = drive;
  for (HealthItem& item : examine(facts)) {
    if (item.subject == "credentials" || item.subject == "clock") items.push_back(std::move(item));
  }
  if (!checked.traits.probed) {
    items.push_back({"writing", HealthLevel::warning, "refused: the bucket can only be read with these credentials",
                     "give the credentials the right to put and delete objects"});
  } else {
    items.push_back({"writing", HealthLevel::ok, "allowed", ""});
  }
  for (HealthItem& item : examine_traits(checked.traits)) items.push_back(std::move(item));
  items.push_back({"urls", HealthLevel::ok,
                   checked.traits.presign ? "files can be shared by presigned URLs" : "there are no presigned URLs here", ""});
  return items;
}

}  // namespace

Outcome run_check(const CheckArguments& arguments, const CommandContext& context) {
  const auto url = StoreUrl::parse(arguments.url);
  if (!url) return Outcome::fail(ExitCode::usage, url.error());
  const auto config = context.config(url->to_string());
  if (!config) return Outcome::fail(ExitCode::usage, config.error());
  const auto checked = probe(*url, *config);
  if (!checked) return Outcome::fail(ExitCode::store, checked.error());
  const std::vector<HealthItem> items = items_of(*checked);
  if (arguments.json) {
    auto json = nlohmann::ordered_json::parse(health_json(items));
    json["url"] = url->to_string();
    json["traits"] = nlohmann::ordered_json::parse(checked->traits.to_json(), nullptr, false);
    std::printf("%s\n", json.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace).c_str());
  } else {
    std::printf("%s\n%s", url->to_string().c_str(), render_health(items).c_str());
  }
  const bool limited = std::ranges::any_of(items, [](const HealthItem& i) { return i.level != HealthLevel::ok; });
  return {limited ? ExitCode::failed : ExitCode::ok, ""};
}

}  // namespace cd
