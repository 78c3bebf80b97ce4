// URLs, endpoints, percent-encoding and dates.
#include "remote/open_store.h"
#include "remote/url_text.h"
#include "tests/fuzz/target.h"

void cd::fuzz::one(std::string_view input) {
  if (const auto url = StoreUrl::parse(std::string(input))) {
    const auto again = StoreUrl::parse(url->to_string());
    must(again.has_value() && again->to_string() == url->to_string());
  }
  (void)Endpoint::parse(input);
  must(percent_decode(percent_encode(input, KeepSlashes::no)) == std::string(input));
  (void)percent_decode(input);
  (void)parse_http_date(input);
  (void)parse_iso_date(input);
}
