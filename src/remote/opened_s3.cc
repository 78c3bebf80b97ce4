#include "remote/opened_s3.h"

#include <fmt/format.h>

#include "remote/probe.h"

namespace cd {

namespace {

CurlLoopOptions loop_options(const StoreOptions& options) {
  return CurlLoopOptions{CurlSettings{options.ca_file, options.connect_timeout, options.connections},
                         options.stall_timeout, options.body_memory_bytes};
}

std::string first_of(std::initializer_list<std::string> values) {
  for (const std::string& value : values) {
    if (!value.empty()) return value;
  }
  return {};
}

bool is_amazon(const Endpoint& endpoint) { return endpoint.host.ends_with(".amazonaws.com"); }

}  // namespace

Result<S3Place> place_of(const StoreUrl& url, const StoreOptions& options, const Environment& environment) {
  const std::string named = first_of({options.profile, value_of(environment, "AWS_PROFILE"), "default"});
  const Profile profile = load_profile(environment, named);
  S3Place place;
  place.bucket = url.bucket;
  place.prefix = url.prefix;
  std::string endpoint = options.endpoint;
  if (url.scheme == "r2") {
    place.region = first_of({options.region, "auto"});
    const std::string account = value_of(environment, "R2_ACCOUNT_ID");
    if (endpoint.empty() && account.empty()) {
      return fail(Code::invalid, "r2:// needs your account: set R2_ACCOUNT_ID (Cloudflare dashboard, R2, overview)");
    }
    if (endpoint.empty()) endpoint = fmt::format("https://{}.r2.cloudflarestorage.com", account);
  } else {
    place.region = first_of({options.region, value_of(environment, "AWS_REGION"),
                             value_of(environment, "AWS_DEFAULT_REGION"), value_of(profile, "region"), "us-east-1"});
    endpoint = first_of({endpoint, value_of(environment, "AWS_ENDPOINT_URL_S3"),
                         value_of(environment, "AWS_ENDPOINT_URL"), value_of(profile, "endpoint_url"),
                         fmt::format("https://s3.{}.amazonaws.com", place.region)});
  }
  const auto parsed = Endpoint::parse(endpoint);
  if (!parsed) {
    return fail(Code::invalid, fmt::format("the endpoint {} is not of the form https://host or http://host:port", endpoint));
  }
  place.endpoint = *parsed;
  // A dot in a bucket's name breaks the certificate of a virtual host.
  const bool fits_a_host = place.bucket.find('.') == std::string::npos;
  place.path_style = options.addressing == "path" ||
                     (options.addressing == "auto" && !(is_amazon(place.endpoint) && fits_a_host));
  return place;
}

OpenedS3::OpenedS3(S3Place place, const StoreOptions& options, std::unique_ptr<Credentials> credentials,
                   StoreHealth& health, MetricRegistry& metrics)
    : place_(std::move(place)),
      body_bytes_max_(options.body_memory_bytes),
      health_(health),
      credentials_(std::move(credentials)),
      throttle_(options.connections),
      traits_([this] {
        StoreTraits careful;
        careful.presign = true;
        careful.description = description();
        return careful;
      }()),
      loop_(std::make_unique<CurlLoop>(loop_options(options), throttle_)),
      s3_(place_, parts(), traits_, body_bytes_max_),
      metered_(s3_, health, metrics),
      guarded_(metered_),
      top_(guarded_, *loop_, health) {}

OpenedS3::~OpenedS3() { loop_->end(); }

S3Parts OpenedS3::parts() {
  return S3Parts{*loop_, *credentials_, throttle_, system_clock(),
                 [this](std::int64_t wall_ns) { health_.server_clock(wall_ns); }};
}

std::string OpenedS3::description() const {
  return fmt::format("S3 at {}://{}, {}, region {}", place_.endpoint.scheme, place_.endpoint.host,
                     place_.path_style ? "path style" : "virtual host", place_.region);
}

void OpenedS3::adopt(const StoreTraits& traits) {
  StoreTraits mine = traits;
  mine.presign = true;
  mine.description = description();
  traits_.set(std::move(mine));
}

Result<StoreTraits> OpenedS3::probe(Millis deadline) {
  CD_TRY(StoreTraits found, probe_s3(place_, parts(), body_bytes_max_, deadline));
  found.presign = true;
  found.description = description();
  return found;
}

}  // namespace cd
