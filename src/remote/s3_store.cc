#include "remote/s3_store.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "remote/deadline.h"
#include "remote/digest.h"
#include "remote/s3_answer.h"
#include "remote/s3_error.h"
#include "remote/s3_xml.h"

namespace cd {

namespace {

std::string named(std::string_view verb, const std::string& key) {
  return fmt::format("{} \"{}\"", verb, printable(key));
}

std::string_view view(const SharedBytes& body) { return body ? std::string_view(*body) : std::string_view(); }

std::string content_md5(const Md5Digest& digest) {
  return to_base64(std::string_view(reinterpret_cast<const char*>(digest.data()), digest.size()));
}

constexpr int kRangeNotSatisfiable = 416;

// A store, or what stands before it, may repeat our headers in the words of its error.
HttpResponse without_secrets(HttpResponse response, const SigningKeys& keys) {
  for (const std::string& secret : {keys.secret_key, keys.session_token}) {
    if (secret.empty()) continue;
    for (auto at = response.body.find(secret); at != std::string::npos; at = response.body.find(secret, at))
      response.body.replace(at, secret.size(), "***");
  }
  return response;
}

}  // namespace

S3Store::S3Store(S3Place place, S3Parts parts, const TraitsCell& traits, std::uint64_t body_bytes_max)
    : place_(std::move(place)), parts_(std::move(parts)), traits_(traits), body_bytes_max_(body_bytes_max) {}

std::string S3Store::if_match_value(const std::string& etag) const {
  return traits_.get()->quoted_if_match ? "\"" + etag + "\"" : etag;
}

template <class T>
void S3Store::call(S3Request request, const CallOptions& options, std::string what, Done<T> done,
                   std::function<Result<T>(HttpResponse)> read) {
  const S3Answers accepted = request.answers;
  const std::shared_ptr<const SigningKeys> keys = parts_.credentials.keys();
  HttpRequest http = signed_request(place_, std::move(request), *keys, parts_.clock.wall_ns());
  HttpCall how{std::chrono::steady_clock::now() + options.deadline, options.cancel, options.priority};
  auto take = [this, accepted, keys, what = std::move(what), done = std::move(done), read = std::move(read)](Result<HttpResponse> got) {
    if (!got) return done(fail(got.error().code, what + ": " + got.error().message));
    if (const Status refused = check(*got, accepted, what); !refused) {
      if (refused.error().code == Code::credentials) parts_.credentials.refused(*keys);
      return done(fail(refused.error()));
    }
    Result<T> answer = read(std::move(*got));
    if (!answer) answer.error().message = what + ": " + answer.error().message;
    done(std::move(answer));
  };
  parts_.transport.send(std::move(http), std::move(how), std::move(take));
}

Status S3Store::check(const HttpResponse& response, S3Answers accepted, const std::string& what) {
  if (const auto date = parse_http_date(response.header("date")); date && parts_.on_server_clock) {
    parts_.on_server_clock(*date);
  }
  const bool hidden = accepted == S3Answers::success_or_error_in_200 && parse_error_document(response.body);
  const bool past_end = accepted == S3Answers::success_or_past_end && response.status == kRangeNotSatisfiable;
  if ((response.ok() && !hidden) || past_end) {
    parts_.throttle.succeeded();
    return {};
  }
  Error error = error_from_answer(without_secrets(response, *parts_.credentials.keys()), place_, what,
                                  parts_.clock.wall_ns());
  if (error.code == Code::throttled) {
    parts_.throttle.slow_down(parts_.clock.steady_ns(), retry_after(response, parts_.clock.wall_ns()));
  } else {
    parts_.throttle.succeeded();
  }
  return fail(std::move(error));
}

void S3Store::get(GetRequest request, CallOptions options, Done<GetReply> done) {
  get_verified(request, options, "", std::move(done));
}

// A whole object is compared with its ETag where that should be its MD5. A server that makes other ETags gives the
// same bytes twice; a damaged transfer does not: `doubted_md5` is what came the first time.
void S3Store::get_verified(const GetRequest& request, const CallOptions& options, const std::string& doubted_md5,
                           Done<GetReply> done) {
  if (request.length == 0) return get_past_end(request, options, std::move(done));
  S3Request call_of{.method = "GET", .key = full(request.key)};
  call_of.answer_bytes_max = std::min(request.length, body_bytes_max_);
  call_of.answer_bytes_expected = request.length == UINT64_MAX ? 0 : call_of.answer_bytes_max;
  if (request.offset > 0 || request.length != UINT64_MAX) {
    const bool open_end = request.length > UINT64_MAX - request.offset;
    call_of.headers.emplace_back(
        "Range", open_end ? fmt::format("bytes={}-", request.offset)
                          : fmt::format("bytes={}-{}", request.offset, request.offset + request.length - 1));
  }
  if (!request.if_match.empty()) call_of.headers.emplace_back("If-Match", "\"" + request.if_match + "\"");
  call_of.answers = S3Answers::success_or_past_end;
  const std::string what = named("get", request.key);
  auto odd_md5 = std::make_shared<std::string>();
  auto ready = [this, request, options, odd_md5, doubted_md5, deadline = deadline_of(options), done](Result<GetReply> reply) {
    if (reply && !reply->body) return get_past_end(request, options, done);
    if (!odd_md5->empty() && doubted_md5.empty()) return get_verified(request, rest_of(options, deadline), *odd_md5, done);
    done(std::move(reply));
  };
  call<GetReply>(std::move(call_of), options, what, std::move(ready),
                 [request, odd_md5, doubted_md5](HttpResponse response) -> Result<GetReply> {
                   if (response.status == kRangeNotSatisfiable) return GetReply{};
                   const bool plain = has_plain_etag(response);
                   CD_TRY(GetReply reply, read_get(request, std::move(response)));
                   const ObjectInfo& info = reply.head.info;
                   if (!plain || reply.body->size() != info.size || !looks_like_md5(info.etag)) return reply;
                   std::string sum = md5_hex(*reply.body);
                   if (sum == info.etag || sum == doubted_md5) return reply;
                   *odd_md5 = std::move(sum);
                   return fail(Code::io, "the bytes that came are not those of the object's checksum");
                 });
}

// Nothing lies there; the head says how large the object is, and that it is there at all.
void S3Store::get_past_end(const GetRequest& request, const CallOptions& options, Done<GetReply> done) {
  head(request.key, options, [request, done = std::move(done)](Result<ObjectHead> head) {
    if (!head) return done(fail(std::move(head.error())));
    if (!request.if_match.empty() && head->info.etag != request.if_match) {
      return done(fail(Code::precondition_failed, named("get", request.key) + ": another version by now"));
    }
    if (request.length > 0 && request.offset < head->info.size) {
      return done(fail(Code::io, named("get", request.key) + ": the store refuses a range that lies in the object"));
    }
    done(GetReply{std::move(*head), share("")});
  });
}

void S3Store::head(std::string key, CallOptions options, Done<ObjectHead> done) {
  S3Request request{.method = "HEAD", .key = full(key)};
  const std::string what = named("look at", key);
  call<ObjectHead>(std::move(request), options, what, std::move(done),
                   [key = std::move(key)](const HttpResponse& response) { return read_head(key, response); });
}

void S3Store::list(ListRequest request, CallOptions options, Done<ListReply> done) {
  S3Request page{.method = "GET", .key = ""};
  page.query = {{"list-type", "2"},
                {"encoding-type", "url"},
                {"prefix", full(request.prefix)},
                {"max-keys", std::to_string(std::clamp(request.max_keys, 1, 1000))}};
  if (request.delimited) page.query.emplace_back("delimiter", "/");
  if (!request.token.empty()) {
    page.query.emplace_back("continuation-token", request.token);
  } else if (!request.after.empty()) {
    page.query.emplace_back("start-after", full(request.after));
  }
  page.answer_bytes_expected = 512u << 10;
  page.answer_bytes_max = kXmlBytesMax;
  call<ListReply>(std::move(page), options, named("list", request.prefix), std::move(done),
                  [this](const HttpResponse& response) -> Result<ListReply> {
                    CD_TRY(ListReply reply, parse_list(response.body));
                    CD_TRY_VOID(strip_prefix(reply, place_.prefix));
                    return reply;
                  });
}

void S3Store::put(PutRequest request, CallOptions options, Done<PutReply> done) {
  S3Request upload{.method = "PUT", .key = full(request.key), .body = request.body};
  if (Status labels = add_labels(upload.headers, request.content_type, request.metadata); !labels) {
    return done(fail(std::move(labels.error())));
  }
  const Md5Digest digest = md5(view(request.body));
  upload.headers.emplace_back("Content-MD5", content_md5(digest));
  const auto traits = traits_.get();
  if (request.condition.kind == Condition::Kind::if_absent && traits->put_if_absent) {
    upload.headers.emplace_back("If-None-Match", "*");
  } else if (request.condition.kind == Condition::Kind::if_match && traits->put_if_match) {
    upload.headers.emplace_back("If-Match", if_match_value(request.condition.etag));
  }
  call<PutReply>(std::move(upload), options, named("put", request.key), std::move(done),
                 [expected = hex(digest)](const HttpResponse& response) -> Result<PutReply> {
                   PutReply reply{unquoted(response.header("etag"))};
                   if (reply.etag.empty()) return fail(Code::io, "the answer has no ETag");
                   CD_TRY_VOID(check_etag(response, reply.etag, expected));
                   return reply;
                 });
}

void S3Store::copy(CopyRequest request, CallOptions options, Done<PutReply> done) {
  S3Request upload{.method = "PUT", .key = full(request.key)};
  if (Status labels = add_labels(upload.headers, request.content_type, request.metadata); !labels) {
    return done(fail(std::move(labels.error())));
  }
  upload.headers.emplace_back("x-amz-copy-source", copy_source(place_, full(request.source_key)));
  upload.headers.emplace_back("x-amz-metadata-directive", "REPLACE");
  if (!request.source_etag.empty() && traits_.get()->copy_source_if_match) {
    upload.headers.emplace_back("x-amz-copy-source-if-match", "\"" + request.source_etag + "\"");
  }
  upload.answers = S3Answers::success_or_error_in_200;
  const std::string expected = looks_like_md5(request.source_etag) ? request.source_etag : "";
  call<PutReply>(std::move(upload), options, named("copy to", request.key), std::move(done),
                 [expected](const HttpResponse& response) -> Result<PutReply> {
                   CD_TRY(std::string etag, parse_etag(response.body));
                   if (etag.empty()) return fail(Code::io, "the answer has no ETag");
                   CD_TRY_VOID(check_etag(response, etag, expected));
                   return PutReply{std::move(etag)};
                 });
}

void S3Store::remove(std::string key, std::string etag, CallOptions options, Done<void> done) {
  S3Request request{.method = "DELETE", .key = full(key)};
  if (!etag.empty() && traits_.get()->delete_if_match) request.headers.emplace_back("If-Match", if_match_value(etag));
  call<void>(
      std::move(request), options, named("remove", key),
      [done = std::move(done)](Status status) {
        if (!status && status.error().code == Code::not_found) return done({});
        done(std::move(status));
      },
      [](const HttpResponse&) { return Status(); });
}

void S3Store::multipart_begin(PutRequest request, CallOptions options, Done<UploadId> done) {
  S3Request begin{.method = "POST", .key = full(request.key), .query = {{"uploads", ""}}, .headers = {}, .body = {}};
  if (Status labels = add_labels(begin.headers, request.content_type, request.metadata); !labels) {
    return done(fail(std::move(labels.error())));
  }
  call<UploadId>(std::move(begin), options, named("begin the upload of", request.key), std::move(done),
                 [key = request.key](const HttpResponse& response) -> Result<UploadId> {
                   CD_TRY(std::string id, parse_upload_id(response.body));
                   return UploadId{key, std::move(id)};
                 });
}

void S3Store::multipart_part(PartRequest request, CallOptions options, Done<Part> done) {
  S3Request upload{.method = "PUT", .key = full(request.upload.key), .body = request.body};
  upload.query = {{"partNumber", std::to_string(request.number)}, {"uploadId", request.upload.id}};
  const std::string what = fmt::format("{} part {} of \"{}\"", request.body ? "send" : "copy", request.number,
                                       printable(request.upload.key));
  Part part{.number = request.number, .etag = {}, .size = request.body ? request.body->size() : request.source_length};
  if (request.body) {
    const Md5Digest digest = md5(*request.body);
    upload.headers.emplace_back("Content-MD5", content_md5(digest));
    call<Part>(std::move(upload), options, what, std::move(done),
               [part, expected = hex(digest)](const HttpResponse& response) mutable -> Result<Part> {
                 part.etag = unquoted(response.header("etag"));
                 if (part.etag.empty()) return fail(Code::io, "the answer has no ETag");
                 CD_TRY_VOID(check_etag(response, part.etag, expected));
                 return part;
               });
    return;
  }
  upload.answers = S3Answers::success_or_error_in_200;
  if (request.source_length == 0) return done(fail(Code::invalid, what + ": a part copied from an object has no bytes"));
  const auto traits = traits_.get();
  if (traits->probed && !traits->copy_part) {
    return done(fail(Code::unsupported, what + ": this store cannot make a part of a range of an object"));
  }
  upload.headers.emplace_back("x-amz-copy-source", copy_source(place_, full(request.source_key)));
  upload.headers.emplace_back("x-amz-copy-source-range",
                              fmt::format("bytes={}-{}", request.source_offset,
                                          request.source_offset + request.source_length - 1));
  if (!request.source_etag.empty() && traits->copy_source_if_match) {
    upload.headers.emplace_back("x-amz-copy-source-if-match", "\"" + request.source_etag + "\"");
  }
  call<Part>(std::move(upload), options, what, std::move(done),
             [part](const HttpResponse& response) mutable -> Result<Part> {
               CD_TRY(part.etag, parse_etag(response.body));
               if (part.etag.empty()) return fail(Code::io, "the answer has no ETag");
               return part;
             });
}

void S3Store::multipart_finish(FinishRequest request, CallOptions options, Done<PutReply> done) {
  std::vector<std::string> etags;
  for (std::size_t i = 0; i < request.parts.size(); ++i) {
    if (i > 0 && request.parts[i].number <= request.parts[i - 1].number) {
      return done(fail(Code::invalid, "the parts of an upload must ascend"));
    }
    etags.push_back(request.parts[i].etag);
  }
  if (etags.empty()) return done(fail(Code::invalid, "a multipart upload needs at least one part"));
  S3Request finish{.method = "POST",
                   .key = full(request.upload.key),
                   .query = {{"uploadId", request.upload.id}},
                   .headers = {{"Content-Type", "application/xml"}},
                   .body = share(complete_document(request.parts))};
  finish.answers = S3Answers::success_or_error_in_200;
  const auto traits = traits_.get();
  if (request.condition.kind == Condition::Kind::if_absent && traits->finish_if_absent) {
    finish.headers.emplace_back("If-None-Match", "*");
  }
  const std::string expected = multipart_etag(etags);
  auto ready = [this, key = request.upload.key, expected, options, deadline = deadline_of(options),
                done = std::move(done)](Result<PutReply> reply) {
    if (!reply || !reply->etag.empty()) return done(std::move(reply));
    confirm(key, expected, rest_of(options, deadline), done);
  };
  call<PutReply>(std::move(finish), options, named("finish the upload of", request.upload.key), std::move(ready),
                 [expected](const HttpResponse& response) -> Result<PutReply> {
                   CD_TRY(std::string etag, parse_etag(response.body));
                   CD_TRY_VOID(check_etag(response, etag, expected));
                   return PutReply{std::move(etag)};
                 });
}

// The server finished the upload without telling the ETag: a receipt needs one.
void S3Store::confirm(const std::string& key, const std::string& expected, const CallOptions& options,
                      Done<PutReply> done) {
  head(key, options, [key, expected, done = std::move(done)](Result<ObjectHead> head) {
    if (!head) return done(fail(std::move(head.error())));
    if (!expected.empty() && head->info.etag != expected) {
      return done(fail(Code::io, named("finish the upload of", key) + ": what lies there has another checksum"));
    }
    done(PutReply{std::move(head->info.etag)});
  });
}

void S3Store::multipart_abort(UploadId upload, CallOptions options, Done<void> done) {
  S3Request request{.method = "DELETE",
                    .key = full(upload.key),
                    .query = {{"uploadId", upload.id}},
                    .headers = {},
                    .body = {}};
  call<void>(
      std::move(request), options, named("drop the upload of", upload.key),
      [done = std::move(done)](Status status) {
        if (!status && status.error().code == Code::not_found) return done({});
        done(std::move(status));
      },
      [](const HttpResponse&) { return Status(); });
}

Result<std::string> S3Store::presign(const std::string& key, std::chrono::seconds lifetime) {
  if (lifetime < std::chrono::seconds(1) || lifetime > std::chrono::seconds(7 * 24 * 3600)) {
    return fail(Code::invalid, "a link may last from one second to seven days");
  }
  return presigned_url(place_, full(key), *parts_.credentials.keys(), parts_.clock.wall_ns(), lifetime);
}

}  // namespace cd
