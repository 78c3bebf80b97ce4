// The XML documents of S3, read and written (pugixml). Pure; never throws, never trusts: a document that is too
// large, too deep in numbers or not what was asked for is Code::io.
// Keys come back as they are: listings are asked for with encoding-type=url and decoded here, because XML
// cannot hold control characters.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "remote/object_store.h"

namespace cd {

inline constexpr std::size_t kXmlBytesMax = 16u << 20;

struct S3ErrorDocument {
  std::string code;     // "NoSuchKey"
  std::string message;
  std::string region;   // with wrong-region errors
};
// Empty: this is no <Error> document. Leading white space is allowed.
[[nodiscard]] std::optional<S3ErrorDocument> parse_error_document(std::string_view xml);

// Keys with the bucket's prefix still in front.
[[nodiscard]] Result<ListReply> parse_list(std::string_view xml);
[[nodiscard]] Result<std::string> parse_upload_id(std::string_view xml);
// ETag (no quotes) of a CopyObjectResult, CopyPartResult or CompleteMultipartUploadResult. It may be empty:
// Ceph RGW 16 finishes an upload without telling it.
[[nodiscard]] Result<std::string> parse_etag(std::string_view xml);
[[nodiscard]] std::string complete_document(const std::vector<Part>& parts);

// An ETag without its quotes and "W/".
[[nodiscard]] std::string unquoted(std::string_view etag);

}  // namespace cd
