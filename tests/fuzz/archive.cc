// An archive that somebody sent us: whatever it says, its files have paths of ours, and the limits hold.
#include "batch/unpack.h"
#include "tests/fuzz/target.h"

namespace {

class CheckingSink final : public cd::UnpackSink {
 public:
  cd::Status begin(const cd::UnpackedFile& file) override {
    cd::fuzz::must(!file.path.empty() && file.path.front() != '/' && file.path.back() != '/');
    for (const std::string& part : cd::fuzz::pieces(file.path, '/')) {
      cd::fuzz::must(!part.empty() && part != "." && part != ".." && part.size() <= 255);
    }
    cd::fuzz::must(file.mode <= 0777);
    return {};
  }
  cd::Status write(std::uint64_t, std::string_view bytes) override {
    written += bytes.size();
    return {};
  }
  cd::Status end(std::uint64_t) override { return {}; }
  void discard() override {}
  std::uint64_t written = 0;
};

}  // namespace

void cd::fuzz::one(std::string_view input) {
  MemorySource source(input);
  CheckingSink sink;
  const auto unpacked = unpack(source, {.bytes_max = 1u << 20, .files_max = 100}, sink, {});
  must(sink.written <= (1u << 20));
  if (!unpacked) must(!unpacked.error().message.empty());
}
