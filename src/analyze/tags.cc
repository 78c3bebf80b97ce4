#include "analyze/tags.h"

#include <fileref.h>
#include <tiostream.h>
#include <tpropertymap.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "analyze/name_hint.h"

namespace cd {

namespace {

constexpr double kBpmLeast = 20;
constexpr double kBpmMost = 400;
// What one file's tags may make us read, pictures and all. Beyond it the file looks as if it ended.
constexpr std::uint64_t kReadMax = 16U << 20U;

// A read-only stream over a ByteSource.
class SourceStream final : public TagLib::IOStream {
 public:
  explicit SourceStream(ByteSource& source) : source_(source) {}

  TagLib::FileName name() const override { return ""; }
  TagLib::ByteVector readBlock(unsigned long length) override {
    const std::uint64_t left = position_ < source_.size() ? source_.size() - position_ : 0;
    const std::uint64_t wanted = std::min({std::uint64_t{length}, left, kReadMax - std::min(kReadMax, read_)});
    TagLib::ByteVector out(static_cast<unsigned>(wanted), 0);
    std::size_t done = 0;
    while (done < wanted) {
      const auto got = source_.read(position_ + done, out.data() + done, static_cast<std::size_t>(wanted) - done);
      if (!got || *got == 0) break;
      done += *got;
    }
    out.resize(static_cast<unsigned>(done));
    position_ += done;
    read_ += done;
    return out;
  }
  void seek(long offset, Position from) override {
    const auto size = static_cast<std::int64_t>(source_.size());
    const std::int64_t base = from == Beginning ? 0 : from == Current ? static_cast<std::int64_t>(position_) : size;
    std::int64_t target = 0;
    if (__builtin_add_overflow(base, std::int64_t{offset}, &target)) return;
    position_ = static_cast<std::uint64_t>(std::clamp<std::int64_t>(target, 0, size));
  }
  long tell() const override { return static_cast<long>(position_); }
  long length() override { return static_cast<long>(source_.size()); }
  bool readOnly() const override { return true; }
  bool isOpen() const override { return true; }
  void writeBlock(const TagLib::ByteVector&) override {}
  void insert(const TagLib::ByteVector&, unsigned long, unsigned long) override {}
  void removeBlock(unsigned long, unsigned long) override {}
  void truncate(long) override {}

 private:
  ByteSource& source_;
  std::uint64_t position_ = 0;
  std::uint64_t read_ = 0;
};

std::optional<std::string> first_of(const TagLib::PropertyMap& tags, std::initializer_list<const char*> names) {
  for (const char* name : names) {
    const auto it = tags.find(name);
    if (it != tags.end() && !it->second.isEmpty()) return it->second.front().stripWhiteSpace().to8Bit(true);
  }
  return std::nullopt;
}

std::optional<double> tempo_of(std::string text) {
  std::replace(text.begin(), text.end(), ',', '.');
  double bpm = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), bpm, std::chars_format::fixed);
  if (error != std::errc{} || end != text.data() + text.size() || !(bpm >= kBpmLeast && bpm <= kBpmMost))
    return std::nullopt;  // "0" stands for "not known"
  return bpm;
}

}  // namespace

std::vector<Hint> hints_of_tags(ByteSource& source) {
  SourceStream stream(source);
  const TagLib::FileRef file(&stream, /*readAudioProperties=*/false);
  if (file.isNull() || file.file() == nullptr) return {};
  const TagLib::PropertyMap tags = file.file()->properties();
  std::vector<Hint> hints;
  if (const auto text = first_of(tags, {"BPM", "TEMPO"})) {
    if (const auto bpm = tempo_of(*text)) hints.push_back({HintField::bpm, HintSource::tag, bpm_text(*bpm)});
  }
  if (const auto text = first_of(tags, {"INITIALKEY", "INITIAL KEY", "KEY"})) {
    if (const auto key = parse_key(*text)) hints.push_back({HintField::key, HintSource::tag, key->name()});
  }
  return hints;
}

}  // namespace cd
