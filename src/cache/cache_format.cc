#include "cache/cache_format.h"

#include <algorithm>
#include <charconv>

namespace cd {
namespace {

constexpr std::string_view kName = "cratedrive-cache ";
constexpr std::uint64_t kPieceBytes = 1u << 20;

// Takes "<word> <value>\n" off the front of `text`; empty if the line is another.
std::optional<std::string_view> take_line(std::string_view& text, std::string_view word) {
  const auto end = text.find('\n');
  if (end == std::string_view::npos || !text.starts_with(word)) return std::nullopt;
  const std::string_view value = text.substr(word.size(), end - word.size());
  text.remove_prefix(end + 1);
  return value;
}

template <class T>
bool parse_number(std::string_view text, T& out) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  return error == std::errc() && end == text.data() + text.size();
}

}  // namespace

std::string CacheMark::to_text() const {
  return std::string(kName) + std::to_string(version) + "\nboot " + boot_id + "\nclean " + (clean ? "yes" : "no") +
         "\nbytes " + std::to_string(bytes) + "\nsum " + sum.hex() + "\n";
}

std::optional<CacheMark> CacheMark::parse(std::string_view text) {
  CacheMark mark;
  const auto version = take_line(text, kName);
  if (!version || !parse_number(*version, mark.version)) return std::nullopt;
  if (mark.version != kVersion) return mark;  // what follows is not ours to read
  const auto boot = take_line(text, "boot ");
  const auto clean = take_line(text, "clean ");
  const auto bytes = take_line(text, "bytes ");
  const auto sum = take_line(text, "sum ");
  if (!boot || !clean || !bytes || !sum || sum->size() != 32 || !text.empty() || !parse_number(*bytes, mark.bytes)) return std::nullopt;
  if (*clean != "yes" && *clean != "no") return std::nullopt;
  mark.boot_id = *boot;
  mark.clean = *clean == "yes";
  mark.sum = hash128_from_hex(*sum);
  return mark;
}

bool is_trusted(const std::optional<CacheMark>& mark, std::string_view boot_id, std::uint64_t bytes_now) {
  if (!mark || mark->version != CacheMark::kVersion || bytes_now == 0) return false;
  if (mark->clean) return bytes_now >= mark->bytes;
  return !boot_id.empty() && mark->boot_id == boot_id;
}

CacheFormat::CacheFormat(std::string directory, std::string boot_id, Disk& disk)
    : directory_(std::move(directory)),
      boot_id_(boot_id.empty() ? boot_id_of_machine(disk) : std::move(boot_id)),
      disk_(disk) {}

std::optional<CacheMark> CacheFormat::read_mark() const {
  const auto text = read_file(disk_, mark_path());
  return text ? CacheMark::parse(*text) : std::nullopt;
}

bool CacheFormat::is_kept() const {
  std::uint64_t bytes = 0;
  if (auto file = disk_.open(data_path(), OpenMode::read)) bytes = (*file)->size().value_or(0);
  const std::optional<CacheMark> mark = read_mark();
  if (!is_trusted(mark, boot_id_, bytes)) return false;
  if (!mark->clean) return true;  // a process that was killed
  const auto sum = sum_of(mark->bytes);
  return sum && *sum == mark->sum;
}

Result<Hash128> CacheFormat::sum_of(std::uint64_t bytes) const {
  CD_TRY(const auto file, disk_.open(data_path(), OpenMode::read));
  Hasher128 hasher;
  std::string piece(std::min(kPieceBytes, bytes), '\0');
  for (std::uint64_t at = 0; at < bytes; at += piece.size()) {
    piece.resize(std::min<std::uint64_t>(piece.size(), bytes - at));
    CD_TRY(const std::size_t got, file->read(at, piece.data(), piece.size()));
    if (got != piece.size()) return fail(Code::corrupt, data_path() + " is shorter than it was");
    hasher.update(piece);
  }
  return hasher.digest();
}

Result<bool> CacheFormat::prepare() {
  const std::optional<CacheMark> mark = read_mark();
  if (!is_kept()) {
    CD_TRY_VOID(start_afresh());
    return false;
  }
  // From here on nothing is synced, so the mark of the last clean stop must not outlive this moment.
  if (mark->clean || mark->boot_id != boot_id_) CD_TRY_VOID(write_mark(false, 0, {}));
  return true;
}

Status CacheFormat::start_afresh() {
  distrust();
  CD_TRY_VOID(disk_.remove_tree(meta_directory()));
  CD_TRY_VOID(disk_.remove_tree(directory_ + "/blocks"));
  CD_TRY_VOID(disk_.make_dirs(meta_directory()));
  return write_mark(false, 0, {});
}

Status CacheFormat::mark_clean(std::uint64_t bytes) {
  CD_TRY(const Hash128 sum, sum_of(bytes));
  return write_mark(true, bytes, sum);
}

void CacheFormat::distrust() {
  if (disk_.exists(mark_path())) static_cast<void>(disk_.remove(mark_path()));
}

Status CacheFormat::write_mark(bool clean, std::uint64_t bytes, const Hash128& sum) {
  CacheMark mark;
  mark.boot_id = boot_id_;
  mark.clean = clean;
  mark.bytes = bytes;
  mark.sum = sum;
  return write_file_atomically(disk_, mark_path(), mark.to_text());
}

}  // namespace cd
