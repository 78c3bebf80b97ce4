// Status, headers and body of an answer: "status", then "name: value" lines, an empty line, the body.
#include <cstdlib>

#include "remote/s3_answer.h"
#include "remote/s3_error.h"
#include "tests/fuzz/target.h"

void cd::fuzz::one(std::string_view input) {
  HttpResponse response;
  const auto body = input.find("\n\n");
  if (body != std::string_view::npos) response.body = input.substr(body + 2);
  const auto lines = pieces(input.substr(0, body));
  response.status = std::atoi(lines[0].c_str()) % 1000;
  for (std::size_t i = 1; i < lines.size(); ++i) {
    const auto colon = lines[i].find(": ");
    if (colon != std::string::npos) response.headers[lines[i].substr(0, colon)] = lines[i].substr(colon + 2);
  }
  S3Place place;
  (void)error_from_answer(response, place, "get \"a\"", 1'700'000'000'000'000'000);
  must(retry_after(response, 1'700'000'000'000'000'000).count() >= 0);
  (void)read_head("key", response);
  (void)check_etag(response, response.header("etag"), "0123456789abcdef0123456789abcdef");
  for (const std::uint64_t offset : {0ull, 3ull, 1ull << 40}) {
    const auto got = read_get({"key", offset, 10, ""}, response);
    must(!got || (*got->body).size() <= 10);
  }
}
