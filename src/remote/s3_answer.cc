#include "remote/s3_answer.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include "remote/digest.h"
#include "remote/s3_request.h"

namespace cd {

namespace {

bool read_number(std::string_view& text, std::uint64_t& value) {
  const auto [end, wrong] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (wrong != std::errc()) return false;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return true;
}

bool skip(std::string_view& text, std::string_view what) {
  if (!text.starts_with(what)) return false;
  text.remove_prefix(what.size());
  return true;
}

struct ContentRange {
  std::uint64_t first = 0;
  std::uint64_t last = 0;
  std::uint64_t total = 0;
};

std::optional<ContentRange> parse_content_range(std::string_view text) {
  ContentRange range;
  const bool fits = skip(text, "bytes ") && read_number(text, range.first) && skip(text, "-") &&
                    read_number(text, range.last) && skip(text, "/") && read_number(text, range.total) && text.empty();
  if (!fits || range.last < range.first || range.last >= range.total) return std::nullopt;
  return range;
}

std::optional<std::uint64_t> content_length(const HttpResponse& response) {
  const std::string text = response.header("content-length");
  std::string_view rest = text;
  std::uint64_t value = 0;
  if (rest.empty() || !read_number(rest, value) || !rest.empty()) return std::nullopt;
  return value;
}

}  // namespace

Result<GetReply> read_get(const GetRequest& request, HttpResponse response) {
  GetReply reply;
  reply.head = head_of(request.key, response);
  if (!request.if_match.empty() && reply.head.info.etag != request.if_match) {
    return fail(Code::precondition_failed, "the store gave another version than was asked for");
  }
  const auto announced = content_length(response);
  if (announced && *announced != response.body.size()) return fail(Code::io, "the body is not as long as announced");
  if (response.status == 206) {
    const auto range = parse_content_range(response.header("content-range"));
    if (!range) return fail(Code::io, "the answer does not say which range it is");
    const std::uint64_t available = range->total > request.offset ? range->total - request.offset : 0;
    const std::uint64_t expected = std::min(request.length, available);
    if (range->first != request.offset || range->last - range->first + 1 != expected ||
        response.body.size() != expected) {
      return fail(Code::io, "the answer is not the range that was asked for");
    }
    reply.head.info.size = range->total;
    reply.body = share(std::move(response.body));
    return reply;
  }
  // 200: the whole object, asked for or because this server knows no ranges.
  reply.head.info.size = response.body.size();
  if (request.offset == 0 && request.length >= response.body.size()) {
    reply.body = share(std::move(response.body));
  } else {
    reply.body = share(response.body.substr(std::min<std::uint64_t>(request.offset, response.body.size()), request.length));
  }
  return reply;
}

Result<ObjectHead> read_head(const std::string& key, const HttpResponse& response) {
  ObjectHead head = head_of(key, response);
  const auto size = content_length(response);
  if (!size) return fail(Code::io, "the answer does not say how large the object is");
  head.info.size = *size;
  return head;
}

bool has_plain_etag(const HttpResponse& response) {
  return response.header("x-amz-server-side-encryption").find("kms") == std::string::npos &&
         response.header("x-amz-server-side-encryption-customer-algorithm").empty();
}

Status check_etag(const HttpResponse& response, const std::string& etag, const std::string& expected) {
  const std::string start = etag.substr(0, etag.find('-'));
  if (!has_plain_etag(response) || expected.empty() || !looks_like_md5(start) || etag == expected) return {};
  return fail(Code::corrupt, "the store's checksum of what it kept is not the one of what was sent");
}

Status strip_prefix(ListReply& reply, const std::string& prefix) {
  for (ObjectInfo& info : reply.objects) {
    if (!info.key.starts_with(prefix)) return fail(Code::io, "the listing has a key that was not asked for");
    info.key.erase(0, prefix.size());
  }
  std::erase_if(reply.objects, [](const ObjectInfo& info) { return info.key.empty(); });  // the prefix's own marker
  for (std::string& folder : reply.folders) {
    if (!folder.starts_with(prefix)) return fail(Code::io, "the listing has a prefix that was not asked for");
    folder.erase(0, prefix.size());
  }
  std::erase(reply.folders, "");
  return {};
}

}  // namespace cd
