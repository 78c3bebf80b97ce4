#include "remote/s3_xml.h"

#include <fmt/format.h>

#include <charconv>
#include <pugixml.hpp>

#include "remote/url_text.h"

namespace cd {

namespace {

// A page of a listing has at most 1,000 keys and 1,000 prefixes; more is not what we asked for.
constexpr std::size_t kEntriesMax = 2'000;

bool parse(pugi::xml_document& document, std::string_view xml) {
  if (xml.size() > kXmlBytesMax) return false;
  const std::size_t start = xml.find_first_not_of(" \t\r\n");  // keep-alive blanks before a late answer
  if (start == std::string_view::npos) return false;
  xml.remove_prefix(start);
  return static_cast<bool>(document.load_buffer(xml.data(), xml.size(),
                                                pugi::parse_cdata | pugi::parse_escapes | pugi::parse_eol));
}

tl::unexpected<Error> not_understood(std::string_view what) {
  return fail(Code::io, fmt::format("the store's answer is not {}", what));
}

Result<std::string> decoded(const pugi::xml_node& node, bool encoded) {
  if (!encoded) return std::string(node.child_value());
  std::string text = node.child_value();
  // Servers differ in whether a blank is "+" or "%20"; a real plus sign always comes as "%2B".
  for (char& c : text) {
    if (c == '+') c = ' ';
  }
  auto key = percent_decode(text);
  if (!key) return not_understood("a listing with keys in URL encoding");
  return std::move(*key);
}

}  // namespace

std::string unquoted(std::string_view etag) {
  if (etag.starts_with("W/")) etag.remove_prefix(2);
  if (etag.size() >= 2 && etag.front() == '"' && etag.back() == '"') etag = etag.substr(1, etag.size() - 2);
  return std::string(etag);
}

std::optional<S3ErrorDocument> parse_error_document(std::string_view xml) {
  pugi::xml_document document;
  if (!parse(document, xml)) return std::nullopt;
  const pugi::xml_node error = document.child("Error");
  if (!error) return std::nullopt;
  return S3ErrorDocument{error.child_value("Code"), error.child_value("Message"), error.child_value("Region")};
}

Result<ListReply> parse_list(std::string_view xml) {
  pugi::xml_document document;
  if (!parse(document, xml)) return not_understood("XML");
  const pugi::xml_node root = document.child("ListBucketResult");
  if (!root) return not_understood("a listing");
  const bool encoded = std::string_view(root.child_value("EncodingType")) == "url";
  ListReply reply;
  for (const pugi::xml_node& contents : root.children("Contents")) {
    ObjectInfo info;
    CD_TRY(info.key, decoded(contents.child("Key"), encoded));
    const std::string_view size = contents.child_value("Size");
    const auto [end, wrong] = std::from_chars(size.data(), size.data() + size.size(), info.size);
    if (wrong != std::errc() || end != size.data() + size.size()) return not_understood("a listing with sizes");
    info.etag = unquoted(contents.child_value("ETag"));
    info.modified_ns = parse_iso_date(contents.child_value("LastModified")).value_or(0);
    if (reply.objects.size() >= kEntriesMax) return not_understood("a page of at most 1,000 keys");
    reply.objects.push_back(std::move(info));
  }
  for (const pugi::xml_node& group : root.children("CommonPrefixes")) {
    CD_TRY(std::string prefix, decoded(group.child("Prefix"), encoded));
    if (reply.folders.size() >= kEntriesMax) return not_understood("a page of at most 1,000 prefixes");
    reply.folders.push_back(std::move(prefix));
  }
  if (std::string_view(root.child_value("IsTruncated")) == "true") {
    reply.next_token = root.child_value("NextContinuationToken");
    if (reply.next_token.empty()) return not_understood("a listing that says how to go on");
  }
  return reply;
}

Result<std::string> parse_upload_id(std::string_view xml) {
  pugi::xml_document document;
  if (!parse(document, xml)) return not_understood("XML");
  std::string id = document.child("InitiateMultipartUploadResult").child_value("UploadId");
  if (id.empty()) return not_understood("the beginning of a multipart upload");
  return id;
}

Result<std::string> parse_etag(std::string_view xml) {
  pugi::xml_document document;
  if (!parse(document, xml)) return not_understood("XML");
  for (const char* name : {"CopyObjectResult", "CopyPartResult", "CompleteMultipartUploadResult"}) {
    if (const pugi::xml_node root = document.child(name)) return unquoted(root.child_value("ETag"));
  }
  return not_understood("the end of a copy or an upload");
}

std::string complete_document(const std::vector<Part>& parts) {
  std::string out = "<CompleteMultipartUpload xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">";
  for (const Part& part : parts) {
    std::string etag;  // it came from a server: nothing of it may become markup
    for (const char c : part.etag) {
      if (c != '<' && c != '>' && c != '&' && c != '"') etag.push_back(c);
    }
    out += fmt::format("<Part><PartNumber>{}</PartNumber><ETag>\"{}\"</ETag></Part>", part.number, etag);
  }
  return out + "</CompleteMultipartUpload>";
}

}  // namespace cd
