// SyncMemory: what two sides were when they were last equal, path by path, in <state>/sync/<folder and bucket>.jsonl:
// a version line, then [path, size, mtime in ns, ETag] a line. It tells which side changed, and spares hashing. It may
// be lost: then every difference is a conflict both ways, and files are hashed once. Replaced atomically. Not
// thread-safe.
#pragma once

#include <map>
#include <string>

#include "app/sync_sides.h"
#include "base/disk.h"

namespace cd {

struct SyncRecord {
  LocalEntry local;
  std::string etag;
};

class SyncMemory {
 public:
  SyncMemory(Disk& disk, std::string file) : disk_(disk), file_(std::move(file)) {}
  void load();  // what cannot be read is forgotten
  [[nodiscard]] Status save() const;

  std::map<std::string, SyncRecord> records;

 private:
  Disk& disk_;
  const std::string file_;
};

}  // namespace cd
