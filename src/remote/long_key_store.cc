#include "remote/long_key_store.h"

#include <deque>
#include <optional>
#include <set>

#include "remote/deadline.h"

namespace cd {
namespace {

// In front of the tokens of a delimited LIST: a page of a folder's own keys goes on, or its long ones follow.
constexpr char kOwnToken = '=';
constexpr char kLongToken = '+';

}  // namespace

// ---- one key, one key

void LongKeyStore::get(GetRequest request, CallOptions options, Done<GetReply> done) {
  std::string key = std::exchange(request.key, keys_.stored(request.key));
  below_->get(std::move(request), std::move(options), [key = std::move(key), done = std::move(done)](Result<GetReply> reply) {
    if (reply) reply->head.info.key = key;
    done(std::move(reply));
  });
}

void LongKeyStore::head(std::string key, CallOptions options, Done<ObjectHead> done) {
  std::string stored = keys_.stored(key);
  below_->head(std::move(stored), std::move(options), [key = std::move(key), done = std::move(done)](Result<ObjectHead> head) {
    if (head) head->info.key = key;
    done(std::move(head));
  });
}

// Nothing but markers tells of the folders above a long key: they are there before it is. They go one after another, from
// below to the first whose own key fits.
void LongKeyStore::mark_above(std::string key, const CallOptions& options, std::function<void(Result<void>)> then) {
  const std::string folder(folder_of_key(key));
  if (keys_.fits(key) || folder.empty()) return then({});
  PutRequest marker;
  marker.key = keys_.stored(folder);
  marker.body = share("");
  marker.condition = Condition::if_absent();
  below_->put(std::move(marker), options, [this, folder, options, then = std::move(then)](Result<PutReply> put) mutable {
    if (!put && put.error().code != Code::precondition_failed) return then(fail(std::move(put).error()));
    mark_above(std::move(folder), options, std::move(then));
  });
}

template <class T, class Send>
void LongKeyStore::when_marked(const std::string& key, CallOptions options, Done<T> done, Send send) {
  if (keys_.fits(key)) return send(std::move(options), std::move(done));
  const SteadyTime until = deadline_of(options);
  mark_above(key, options, [options, until, done = std::move(done), send = std::move(send)](Result<void> marked) mutable {
    if (!marked) return done(fail(std::move(marked).error()));
    send(rest_of(options, until), std::move(done));
  });
}

void LongKeyStore::put(PutRequest request, CallOptions options, Done<PutReply> done) {
  const std::string key = std::exchange(request.key, keys_.stored(request.key));
  when_marked(key, std::move(options), std::move(done), [this, request = std::move(request)](CallOptions o, Done<PutReply> d) mutable {
    below_->put(std::move(request), std::move(o), std::move(d));
  });
}

void LongKeyStore::copy(CopyRequest request, CallOptions options, Done<PutReply> done) {
  const std::string key = std::exchange(request.key, keys_.stored(request.key));
  request.source_key = keys_.stored(request.source_key);
  when_marked(key, std::move(options), std::move(done), [this, request = std::move(request)](CallOptions o, Done<PutReply> d) mutable {
    below_->copy(std::move(request), std::move(o), std::move(d));
  });
}

void LongKeyStore::remove(std::string key, std::string etag, CallOptions options, Done<void> done) {
  below_->remove(keys_.stored(key), std::move(etag), std::move(options), std::move(done));
}

void LongKeyStore::multipart_begin(PutRequest request, CallOptions options, Done<UploadId> done) {
  const std::string key = std::exchange(request.key, keys_.stored(request.key));
  Done<UploadId> begun = [key, done = std::move(done)](Result<UploadId> upload) {
    if (upload) upload->key = key;
    done(std::move(upload));
  };
  when_marked(key, std::move(options), std::move(begun), [this, request = std::move(request)](CallOptions o, Done<UploadId> d) mutable {
    below_->multipart_begin(std::move(request), std::move(o), std::move(d));
  });
}

void LongKeyStore::multipart_part(PartRequest request, CallOptions options, Done<Part> done) {
  request.upload.key = keys_.stored(request.upload.key);
  request.source_key = keys_.stored(request.source_key);
  below_->multipart_part(std::move(request), std::move(options), std::move(done));
}

void LongKeyStore::multipart_finish(FinishRequest request, CallOptions options, Done<PutReply> done) {
  request.upload.key = keys_.stored(request.upload.key);
  below_->multipart_finish(std::move(request), std::move(options), std::move(done));
}

void LongKeyStore::multipart_abort(UploadId upload, CallOptions options, Done<void> done) {
  upload.key = keys_.stored(upload.key);
  below_->multipart_abort(std::move(upload), std::move(options), std::move(done));
}

Result<std::string> LongKeyStore::presign(const std::string& key, std::chrono::seconds lifetime) {
  return below_->presign(keys_.stored(key), lifetime);
}

// ---- LIST

// The long keys of one folder whose names begin with `start`; or, of the folder above, its own marker.
struct LongKeyStore::Step {
  std::string folder;
  std::string start;
  std::string token;
};

struct LongKeyStore::Walk {
  ListRequest request;
  CallOptions options;
  SteadyTime until;
  Done<ListReply> done;
  ListReply reply;
  std::deque<Step> steps;
  std::optional<ObjectInfo> last;  // of a page that is not the last: LIST goes on behind the key that ends it
};

void LongKeyStore::list(ListRequest request, CallOptions options, Done<ListReply> done) {
  const auto slash = request.prefix.rfind('/');
  std::string folder = slash == std::string::npos ? "" : request.prefix.substr(0, slash + 1);
  if (request.delimited) {
    if (!keys_.may_hold_long(folder)) return list_below(std::move(request), options, std::move(done));
    if (request.token.starts_with(kLongToken)) return list_long(std::move(request), std::move(folder), options, std::move(done));
    return list_folder(std::move(request), std::move(folder), options, std::move(done));
  }
  const SteadyTime until = deadline_of(options);
  list_flat(std::make_shared<Walk>(Walk{std::move(request), std::move(options), until, std::move(done), {}, {}, {}}), folder);
}

void LongKeyStore::list_below(ListRequest request, const CallOptions& options, Done<ListReply> done) {
  below_->list(std::move(request), options, [this, done = std::move(done)](Result<ListReply> page) {
    if (page) {
      std::erase_if(page->objects, [&](const ObjectInfo& object) { return object.key.starts_with(keys_.place); });
      std::erase_if(page->folders, [&](const std::string& folder) { return folder.starts_with(keys_.place); });
    }
    done(std::move(page));
  });
}

// A folder's own keys, and then a page that says that its long ones are still to come.
void LongKeyStore::list_folder(ListRequest request, std::string folder, const CallOptions& options, Done<ListReply> done) {
  const bool marker_only = !keys_.fits(folder);
  if (marker_only && request.prefix != folder) return list_long(std::move(request), std::move(folder), options, std::move(done));
  if (!request.token.empty()) request.token.erase(0, 1);
  auto more = [key = marker_only ? folder : "", done = std::move(done)](Result<ListReply> page) {
    if (page && !key.empty()) {
      for (ObjectInfo& object : page->objects) object.key = key;
    }
    if (page) page->next_token = page->next_token.empty() ? std::string(1, kLongToken) : kOwnToken + page->next_token;
    done(std::move(page));
  };
  if (!marker_only) return list_below(std::move(request), options, std::move(more));
  request.prefix = keys_.stored(folder);
  below_->list(std::move(request), options, std::move(more));
}

void LongKeyStore::list_long(ListRequest request, std::string folder, const CallOptions& options, Done<ListReply> done) {
  const std::string place = keys_.place_of(folder);
  request.prefix = place + request.prefix.substr(folder.size());
  request.delimited = false;
  request.after.clear();
  if (!request.token.empty()) request.token.erase(0, 1);
  below_->list(std::move(request), options,
               [folder = std::move(folder), cut = place.size(), done = std::move(done)](Result<ListReply> page) {
    if (!page) return done(std::move(page));
    ListReply reply;
    for (ObjectInfo& object : page->objects) {
      object.key.replace(0, cut, folder);
      if (object.key.ends_with('/'))
        reply.folders.push_back(std::move(object.key));
      else
        reply.objects.push_back(std::move(object));
    }
    if (!page->next_token.empty()) reply.next_token = kLongToken + page->next_token;
    done(std::move(reply));
  });
}

// A page of the keys that fit, and every long key below the folders that it shows.
void LongKeyStore::list_flat(const WalkPtr& walk, const std::string& folder) {
  const ListRequest& request = walk->request;
  const bool first = request.token.empty() && request.after.empty();
  if (!keys_.fits(folder)) {
    const std::string above(folder_of_key(folder));
    if (request.prefix == folder) walk->steps.push_back({above, folder.substr(above.size()), ""});  // its marker
    walk->steps.push_back({folder, request.prefix.substr(folder.size()), ""});
    return next_step(walk);
  }
  if (first && keys_.may_hold_long(folder)) walk->steps.push_back({folder, request.prefix.substr(folder.size()), ""});
  list_below(request, walk->options, [this, walk, folder](Result<ListReply> page) {
    if (!page) return walk->done(std::move(page));
    walk->reply = std::move(*page);
    std::set<std::string> asked{folder};
    for (const ObjectInfo& object : walk->reply.objects) {
      for (std::string& below : keys_.folders_to_ask(object.key)) {
        if (below.size() > folder.size() && asked.insert(below).second) walk->steps.push_back({std::move(below), "", ""});
      }
    }
    const bool goes_on = !walk->reply.next_token.empty() && !walk->reply.objects.empty();
    if (goes_on && !walk->steps.empty()) walk->last = walk->reply.objects.back();
    next_step(walk);
  });
}

void LongKeyStore::next_step(const WalkPtr& walk) {
  if (walk->steps.empty()) {
    if (walk->last) walk->reply.objects.push_back(*walk->last);
    return walk->done(std::move(walk->reply));
  }
  Step step = std::move(walk->steps.front());
  walk->steps.pop_front();
  const std::string place = keys_.place_of(step.folder);
  ListRequest request;
  request.prefix = place + step.start;
  request.delimited = false;
  request.token = step.token;
  below_->list(std::move(request), rest_of(walk->options, walk->until),
               [this, walk, step = std::move(step), cut = place.size()](Result<ListReply> page) {
    if (!page) return walk->done(std::move(page));
    for (ObjectInfo& object : page->objects) {
      object.key.replace(0, cut, step.folder);
      if (object.key.ends_with('/') && object.key != walk->request.prefix) walk->steps.push_back({object.key, "", ""});
      walk->reply.objects.push_back(std::move(object));
    }
    if (!page->next_token.empty()) walk->steps.push_front({step.folder, step.start, page->next_token});
    next_step(walk);
  });
}

}  // namespace cd
