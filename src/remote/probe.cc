#include "remote/probe.h"

#include <fmt/format.h>

#include <optional>
#include <random>

#include "base/mutex.h"
#include "base/thread.h"
#include "remote/blocking.h"
#include "remote/deadline.h"
#include "remote/digest.h"

namespace cd {

namespace {

constexpr const char* kWrongEtag = "00000000000000000000000000000000";

// A store that sends every condition, so that the server's own behaviour shows.
StoreTraits bold(bool quoted) {
  StoreTraits traits;
  traits.probed = traits.put_if_absent = traits.put_if_match = traits.finish_if_absent = true;
  traits.delete_if_match = traits.copy_source_if_match = traits.copy_part = true;
  traits.quoted_if_match = quoted;
  return traits;
}

// One round of questions. Each chain works on an object of its own, on a thread of its own.
class Probe {
 public:
  Probe(const S3Place& place, const S3Parts& parts, std::uint64_t body_bytes_max, Millis deadline)
      : quoted_traits_(bold(true)),
        bare_traits_(bold(false)),
        quoted_(place, parts, quoted_traits_, body_bytes_max),
        bare_(place, parts, bare_traits_, body_bytes_max),
        until_(std::chrono::steady_clock::now() + deadline) {
    std::random_device random;
    folder_ = fmt::format(".cratedrive/probe/{:08x}{:08x}-", random(), random());
  }

  Result<StoreTraits> run() {
    // First whether the bucket is there and lets us in: its error is the one to show.
    ListRequest one;
    one.max_keys = 1;
    CD_TRY(const ListReply page,
           blocking<ListReply>([&](auto done) { quoted_.list(one, rest(), std::move(done)); }));
    (void)page;
    const Status writable = put(quoted_, "absent", Condition::if_absent());
    if (!writable && writable.error().code == Code::permission) return StoreTraits{};  // read-only
    const bool knows_if_absent = writable.has_value();
    if (!writable && writable.error().code != Code::unsupported && writable.error().code != Code::invalid) {
      return fail(writable.error());
    }
    {
      Thread match("probe-match", [this](std::stop_token) { ask_if_match(); });
      Thread finish("probe-finish", [this](std::stop_token) { ask_finish(); });
      Thread copy("probe-copy", [this](std::stop_token) { ask_copy_and_delete(); });
      if (knows_if_absent) traits_.put_if_absent = refuses(put(quoted_, "absent", Condition::if_absent()));
      remove("absent");
    }
    traits_.quoted_if_match = quoted_match_;
    traits_.put_if_match = put_if_match_;
    traits_.finish_if_absent = finish_if_absent_;
    traits_.copy_part = copy_part_;
    traits_.copy_source_if_match = copy_source_if_match_;
    traits_.delete_if_match = delete_if_match_;
    MutexLock lock(mutex_);
    if (failed_) return fail(*failed_);
    traits_.probed = true;
    return traits_;
  }

 private:
  static bool refuses(const Status& status) { return !status && status.error().code == Code::precondition_failed; }

  [[nodiscard]] CallOptions rest() const { return rest_of(CallOptions{}, until_); }

  // Transient failures make the whole probe worthless: a "no" must be the server's.
  Status note(Status status) {
    if (!status && is_transient(status.error().code)) {
      MutexLock lock(mutex_);
      if (!failed_) failed_ = status.error();
    }
    return status;
  }

  Status put(ObjectStore& store, const std::string& name, Condition condition) {
    PutRequest request;
    request.key = folder_ + name;
    request.body = share("cratedrive asks what this store honours\n");
    request.content_type = "text/plain";
    request.condition = std::move(condition);
    const auto reply = blocking<PutReply>([&](auto done) { store.put(request, rest(), std::move(done)); });
    return note(reply ? Status() : Status(fail(reply.error())));
  }

  Status remove(const std::string& name, const std::string& etag = "") {
    return note(blocking<void>([&](auto done) { quoted_.remove(folder_ + name, etag, rest(), std::move(done)); }));
  }

  void ask_if_match() {
    const std::string etag = md5_hex("cratedrive asks what this store honours\n");
    if (!put(quoted_, "match", Condition::none())) return;
    quoted_match_ = put(quoted_, "match", Condition::if_match(etag)).has_value();
    ObjectStore& store = quoted_match_ ? quoted_ : bare_;
    const bool takes_right = quoted_match_ || put(bare_, "match", Condition::if_match(etag)).has_value();
    put_if_match_ = takes_right && refuses(put(store, "match", Condition::if_match(kWrongEtag)));
    if (!takes_right) quoted_match_ = true;
    (void)remove("match");
  }

  void ask_finish() {
    if (!put(quoted_, "finish", Condition::none())) return;
    PutRequest begin;
    begin.key = folder_ + "finish";
    const auto upload =
        blocking<UploadId>([&](auto done) { quoted_.multipart_begin(begin, rest(), std::move(done)); });
    if (!upload) {
      (void)note(fail(upload.error()));
      (void)remove("finish");
      return;
    }
    PartRequest part;
    part.upload = *upload;
    part.source_key = begin.key;
    part.source_length = 8;
    auto sent = blocking<Part>([&](auto done) { quoted_.multipart_part(part, rest(), std::move(done)); });
    copy_part_ = sent.has_value();
    if (!sent) {
      (void)note(fail(sent.error()));
      part.body = share("cratedrive");
      sent = blocking<Part>([&](auto done) { quoted_.multipart_part(part, rest(), std::move(done)); });
    }
    if (sent) {
      const FinishRequest finish{*upload, {*sent}, Condition::if_absent()};
      const auto reply = blocking<PutReply>([&](auto done) { quoted_.multipart_finish(finish, rest(), std::move(done)); });
      const Status status = note(reply ? Status() : Status(fail(reply.error())));
      finish_if_absent_ = refuses(status);
      if (!status) (void)blocking<void>([&](auto done) { quoted_.multipart_abort(*upload, rest(), std::move(done)); });
    }
    (void)remove("finish");
  }

  void ask_copy_and_delete() {
    if (!put(quoted_, "copy", Condition::none())) return;
    CopyRequest copy;
    copy.source_key = folder_ + "copy";
    copy.source_etag = kWrongEtag;
    copy.key = folder_ + "copied";
    copy.content_type = "text/plain";
    const auto copied = blocking<PutReply>([&](auto done) { quoted_.copy(copy, rest(), std::move(done)); });
    // An ETag that differs from the expected one is told as corrupt: the copy was made all the same.
    copy_source_if_match_ = refuses(note(copied ? Status() : Status(fail(copied.error()))));
    if (!copy_source_if_match_) (void)remove("copied");
    delete_if_match_ = refuses(remove("copy", kWrongEtag));
    if (delete_if_match_) (void)remove("copy");
  }

  const TraitsCell quoted_traits_;
  const TraitsCell bare_traits_;
  S3Store quoted_;
  S3Store bare_;
  const SteadyTime until_;
  std::string folder_;
  StoreTraits traits_;
  // Each is written by one chain, and read when all have ended.
  bool quoted_match_ = true;
  bool put_if_match_ = false;
  bool finish_if_absent_ = false;
  bool copy_part_ = false;
  bool copy_source_if_match_ = false;
  bool delete_if_match_ = false;

  Mutex mutex_;
  std::optional<Error> failed_ CD_GUARDED_BY(mutex_);  // the first transient one
};

}  // namespace

Result<StoreTraits> probe_s3(const S3Place& place, const S3Parts& parts, std::uint64_t body_bytes_max,
                             Millis deadline) {
  return Probe(place, parts, body_bytes_max, deadline).run();
}

}  // namespace cd
