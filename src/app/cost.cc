#include "app/cost.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <charconv>
#include <cmath>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "base/text.h"

namespace cd {

namespace {

using Json = nlohmann::ordered_json;

constexpr std::int64_t kSaveEveryNs = 60'000'000'000;
constexpr const char* kClassA[] = {"put", "copy", "list", "begin", "part", "finish"};
constexpr const char* kClassB[] = {"get", "head"};
constexpr const char* kFree[] = {"remove", "abort"};

// The published list prices for standard storage: https://developers.cloudflare.com/r2/pricing/ and, in us-east-1 and
// for the first tier, https://aws.amazon.com/s3/pricing/.
Prices r2() { return {"r2", "2025-06-01", 0.015, 4.50, 0.36, 0, 1e9}; }
Prices s3() { return {"s3", "2025-06-01", 0.023, 5.00, 0.40, 0.09, 1024.0 * 1024 * 1024}; }

void replace_price(const std::string& text, double& price, std::string& table) {
  if (text.empty()) return;
  std::from_chars(text.data(), text.data() + text.size(), price);
  table = "own";
}

double round6(double value) { return std::round(value * 1e6) / 1e6; }

std::string month_of(std::int64_t wall_ns) { return format_utc(wall_ns).substr(0, 7); }

RequestCounts minus(RequestCounts a, const RequestCounts& b) {
  a.class_a -= b.class_a;
  a.class_b -= b.class_b;
  a.free -= b.free;
  a.bytes_received -= b.bytes_received;
  a.bytes_sent -= b.bytes_sent;
  return a;
}

}  // namespace

RequestCounts& RequestCounts::operator+=(const RequestCounts& more) {
  class_a += more.class_a;
  class_b += more.class_b;
  free += more.free;
  bytes_received += more.bytes_received;
  bytes_sent += more.bytes_sent;
  return *this;
}

Prices prices_of(const Config& config, const StoreUrl& url) {
  Prices prices;
  prices.table = "none";
  const bool cloudflare = url.scheme == "r2" || config.endpoint.find(".r2.cloudflarestorage.com") != std::string::npos;
  const bool amazon = url.scheme == "s3" && (config.endpoint.empty() ? std::getenv("AWS_ENDPOINT_URL") == nullptr &&
                                                                          std::getenv("AWS_ENDPOINT_URL_S3") == nullptr
                                                                    : config.endpoint.find(".amazonaws.com") != std::string::npos);
  const bool automatic = config.prices == "auto";
  if (config.prices == "r2" || (automatic && cloudflare)) prices = r2();
  else if (config.prices == "s3" || (automatic && amazon)) prices = s3();
  replace_price(config.price_storage, prices.storage_gb_month, prices.table);
  replace_price(config.price_class_a, prices.class_a_million, prices.table);
  replace_price(config.price_class_b, prices.class_b_million, prices.table);
  replace_price(config.price_egress, prices.egress_gb, prices.table);
  return prices;
}

CostReport estimate(const RequestCounts& requests, std::string month, std::uint64_t bytes_stored, const Prices& prices) {
  CostReport r;
  r.month = std::move(month);
  r.requests = requests;
  r.bytes_stored = bytes_stored;
  r.prices = prices;
  r.storage = static_cast<double>(bytes_stored) / prices.gb_bytes * prices.storage_gb_month;
  r.class_a = static_cast<double>(requests.class_a) / 1e6 * prices.class_a_million;
  r.class_b = static_cast<double>(requests.class_b) / 1e6 * prices.class_b_million;
  r.egress = static_cast<double>(requests.bytes_received) / prices.gb_bytes * prices.egress_gb;
  return r;
}

std::string cost_json(const CostReport& r) {
  const Json json{
      {"month", r.month},
      {"requests", {{"class_a", r.requests.class_a}, {"class_b", r.requests.class_b}, {"free", r.requests.free}}},
      {"bytes_sent", r.requests.bytes_sent},
      {"bytes_received", r.requests.bytes_received},
      {"bytes_stored", r.bytes_stored},
      {"prices",
       {{"table", r.prices.table},
        {"as_of", r.prices.as_of},
        {"storage_gb_month", r.prices.storage_gb_month},
        {"class_a_million", r.prices.class_a_million},
        {"class_b_million", r.prices.class_b_million},
        {"egress_gb", r.prices.egress_gb},
        {"gb_bytes", r.prices.gb_bytes}}},
      {"estimate",
       {{"currency", "USD"},
        {"storage", round6(r.storage)},
        {"class_a", round6(r.class_a)},
        {"class_b", round6(r.class_b)},
        {"egress", round6(r.egress)},
        {"month", round6(r.total())}}},
      {"note", "the whole month's storage at what is stored now, and the requests of this mount's drive so far; free "
               "allowances are not deducted"}};
  return json.dump(2) + "\n";
}

std::string dollars(double amount) {
  if (amount <= 0) return "$0";
  return amount < 0.01 ? "under 1 ¢" : fmt::format("${:.2f}", amount);
}

std::string cost_line(const CostReport& r) {
  const std::string counted = fmt::format("{} writes and lists, {} reads this month", human_count(r.requests.class_a),
                                          human_count(r.requests.class_b));
  if (r.prices.table == "none") return counted;
  return fmt::format("about {} a month; {}", dollars(r.total()), counted);
}

CostMeter::CostMeter(MetricRegistry& metrics, Disk& disk, const Clock& clock, std::string file)
    : metrics_(metrics), disk_(disk), clock_(clock), file_(std::move(file)) {
  load();
}

CostMeter::~CostMeter() {
  std::string month;
  (void)counts(month);
  MutexLock lock(mutex_);
  save();
}

RequestCounts CostMeter::since_start() const {
  const auto sum = [&](const auto& verbs) {
    std::uint64_t total = 0;
    for (const char* verb : verbs)
      total += metrics_.counter("cratedrive_store_requests_total", "Requests to the store, repeated ones too",
                                fmt::format("verb=\"{}\"", verb)).value();
    return total;
  };
  return {sum(kClassA), sum(kClassB), sum(kFree), metrics_.counter_sum("cratedrive_store_bytes_received_total"),
          metrics_.counter_sum("cratedrive_store_bytes_sent_total")};
}

void CostMeter::load() {
  MutexLock lock(mutex_);
  month_ = month_of(clock_.wall_ns());
  const auto text = read_file(disk_, file_);
  if (!text) return;
  const Json json = Json::parse(*text, nullptr, false);
  if (!json.is_object() || json.value("month", Json()) != month_) return;
  const auto number = [&](const char* name) {
    const auto found = json.find(name);
    return found != json.end() && found->is_number_unsigned() ? found->get<std::uint64_t>() : 0;
  };
  before_ = {number("class_a"), number("class_b"), number("free"), number("bytes_received"), number("bytes_sent")};
}

RequestCounts CostMeter::counts(std::string& month) {
  const std::int64_t now = clock_.wall_ns();
  MutexLock lock(mutex_);
  if (const std::string today = month_of(now); today != month_) {
    month_ = today;
    before_ = {};
    not_ours_ = since_start();
  }
  month = month_;
  RequestCounts all = minus(since_start(), not_ours_);
  all += before_;
  if (now - saved_ns_ >= kSaveEveryNs) save();
  return all;
}

void CostMeter::save() {
  saved_ns_ = clock_.wall_ns();
  RequestCounts all = minus(since_start(), not_ours_);
  all += before_;
  const Json json{{"month", month_},     {"class_a", all.class_a},
                  {"class_b", all.class_b}, {"free", all.free},
                  {"bytes_received", all.bytes_received}, {"bytes_sent", all.bytes_sent}};
  if (const Status kept = write_file_atomically(disk_, file_, json.dump() + "\n"); !kept)
    spdlog::debug("costs.json could not be written: {}", kept.error().message);
}

}  // namespace cd
