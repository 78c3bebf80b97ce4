// ObjectStore: a bucket (or a prefix of one) as keys and bytes. No paths, no inodes, no policy.
//
// Every verb is asynchronous: it returns at once, and `done` is called exactly once, later, on a thread of
// the store (or, where the answer needs no waiting, possibly before the verb returns). `done` must be quick:
// it must not block on disk for long, on a lock held across network or disk work, or on another request.
// "remote/blocking.h" turns a verb into a blocking call for threads that may wait.
//
// Keys are relative to the store's prefix, UTF-8, and never empty. ETags are given and taken without quotes.
//
// Promises of every implementation:
//  * `deadline` bounds the whole verb, retries included: then Code::timeout. `cancel` ends it: Code::cancelled.
//  * A condition is always checked. Where the server does not honour it (traits()), the store asks by HEAD
//    just before; a race window remains, and traits() says so. Not met: Code::precondition_failed.
//  * not_found only when the store said so; "could not ask" is unreachable, timeout, throttled or io.
//  * put, multipart_finish and copy return only when the store's answer was compared with what was sent
//    (MD5 by Content-MD5 and ETag, or size and ETag): success is a receipt.
//  * A body shorter or longer than announced is Code::io, never a short success.
// Thread-safe. The store outlives all its requests; its destructor waits for them (they end as cancelled).
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/result.h"

namespace cd {

// User metadata: lower-case names without the "x-amz-meta-" in front; values are UTF-8.
using Metadata = std::map<std::string, std::string>;

template <class T>
using Done = std::function<void(Result<T>)>;

enum class Priority : std::uint8_t { interactive, background };  // interactive goes first when connections are short

struct CallOptions {
  Millis deadline{60'000};
  std::stop_token cancel;
  Priority priority = Priority::interactive;
};

struct Condition {
  enum class Kind : std::uint8_t { none, if_absent, if_match };
  Kind kind = Kind::none;
  std::string etag;  // for if_match

  static Condition none() { return {}; }
  static Condition if_absent() { return {Kind::if_absent, {}}; }
  static Condition if_match(std::string etag) { return {Kind::if_match, std::move(etag)}; }
};

struct ObjectInfo {
  std::string key;
  std::uint64_t size = 0;
  std::string etag;
  std::int64_t modified_ns = 0;  // the store's Last-Modified
};

struct ObjectHead {
  ObjectInfo info;
  std::string content_type;
  Metadata metadata;
};

struct GetRequest {
  std::string key;
  std::uint64_t offset = 0;
  std::uint64_t length = UINT64_MAX;  // clipped at the end of the object
  std::string if_match;               // "" = whatever is there; else precondition_failed if it is another version
};
struct GetReply {
  ObjectHead head;  // info.size is the size of the whole object
  SharedBytes body;
};

struct PutRequest {
  std::string key;
  SharedBytes body;
  std::string content_type;
  Metadata metadata;
  Condition condition;
};
struct PutReply {
  std::string etag;
};

struct CopyRequest {  // inside the store; the destination gets exactly this metadata (REPLACE)
  std::string source_key;
  std::string source_etag;  // "" = whatever is there; else precondition_failed if it changed
  std::string key;          // may equal source_key: a change of metadata only
  std::string content_type;
  Metadata metadata;
  Condition condition;      // on the destination
};

struct ListRequest {
  std::string prefix;
  bool delimited = true;    // true: '/' groups deeper keys into `folders`; false: every key below the prefix
  std::string after;        // start after this key ("" = from the start); ignored when `token` is set
  std::string token;        // from the page before
  int max_keys = 1000;
};
struct ListReply {
  std::vector<ObjectInfo> objects;   // in key order; may hold the marker "prefix" itself
  std::vector<std::string> folders;  // whole prefixes, with '/' at the end
  std::string next_token;            // "" = this was the last page
};

struct UploadId {  // a multipart upload under way
  std::string key;
  std::string id;
};
struct PartRequest {
  UploadId upload;
  int number = 1;           // 1 … 10,000; all parts but the last at least 5 MiB
  SharedBytes body;         // or, when null, a range of an object in the same store:
  std::string source_key;
  std::string source_etag;
  std::uint64_t source_offset = 0;
  std::uint64_t source_length = 0;
};
struct Part {
  int number = 0;
  std::string etag;
  std::uint64_t size = 0;
};
struct FinishRequest {
  UploadId upload;
  std::vector<Part> parts;  // in ascending order
  Condition condition;
};

// What this bucket honours, as probed; never decided by the vendor's name.
struct StoreTraits {
  bool probed = false;             // false: offline so far, or read-only credentials; the careful defaults hold
  bool put_if_absent = false;
  bool put_if_match = false;
  bool finish_if_absent = false;   // condition on CompleteMultipartUpload
  bool delete_if_match = false;
  bool copy_source_if_match = false;
  bool copy_part = false;          // UploadPartCopy with a range
  bool quoted_if_match = true;     // If-Match wants the ETag in quotes
  bool presign = false;
  std::uint64_t part_bytes_min = 5u << 20;
  std::string description;         // "Ceph RGW at http://127.0.0.1:9000, path style"

  [[nodiscard]] std::string to_json() const;
  static StoreTraits from_json(std::string_view json);  // careful defaults for what is missing or wrong
};

class ObjectStore {
 public:
  virtual ~ObjectStore() = default;

  virtual void get(GetRequest request, CallOptions options, Done<GetReply> done) = 0;
  virtual void head(std::string key, CallOptions options, Done<ObjectHead> done) = 0;
  virtual void list(ListRequest request, CallOptions options, Done<ListReply> done) = 0;
  virtual void put(PutRequest request, CallOptions options, Done<PutReply> done) = 0;
  virtual void copy(CopyRequest request, CallOptions options, Done<PutReply> done) = 0;
  // Removing what is not there is a success. `etag` "" = whatever is there; else only that version
  // (precondition_failed if another is there now).
  virtual void remove(std::string key, std::string etag, CallOptions options, Done<void> done) = 0;

  virtual void multipart_begin(PutRequest request_without_body, CallOptions options, Done<UploadId> done) = 0;
  virtual void multipart_part(PartRequest request, CallOptions options, Done<Part> done) = 0;
  virtual void multipart_finish(FinishRequest request, CallOptions options, Done<PutReply> done) = 0;
  // Aborting what is gone is a success.
  virtual void multipart_abort(UploadId upload, CallOptions options, Done<void> done) = 0;

  // A URL that anybody may GET until `lifetime` has passed; no request is made. unsupported on file://.
  [[nodiscard]] virtual Result<std::string> presign(const std::string& key, std::chrono::seconds lifetime) = 0;
  [[nodiscard]] virtual StoreTraits traits() const = 0;
};

}  // namespace cd
