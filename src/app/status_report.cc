#include "app/status_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "app/wrapped_text.h"
#include "base/text.h"
#include "batch/wave_label.h"

namespace cd {

namespace {

constexpr std::size_t kColumns = 80;
constexpr int kBarColumns = 24;
constexpr std::size_t kFinishedShown = 8;
constexpr std::size_t kSamplesInText = 6;

std::string clean(std::string_view name, std::size_t columns) { return shorten(printable(name), columns); }

void line(std::string& out, std::string_view text) {
  out += shorten(text, kColumns);
  out += '\n';
}

// "store       ok, …": a label and what there is to say, on as many lines as it takes.
void row(std::string& out, std::string_view label, std::string_view text) {
  line(out, fmt::format("{:<9} {}", label, text));
}

std::string store_line(const DriveStatus& s) {
  std::string text(name_of(s.store.state));
  if (s.store.state == StoreState::ok) {
    text += fmt::format(", last answer {}", ago(s.store.last_ok_wall_ns, s.now_ns));
  } else if (s.store.state == StoreState::offline) {
    text += fmt::format(" on purpose, {}; write online to control", ago(s.store.since_wall_ns, s.now_ns));
  } else if (s.store.state != StoreState::unknown) {
    text += fmt::format(" since {}, last answer {}", ago(s.store.since_wall_ns, s.now_ns),
                        ago(s.store.last_ok_wall_ns, s.now_ns));
  }
  return text;
}

std::string uploads_line(const UploadTotals& u) {
  if (u.pending_uploads == 0) {
    return u.stored_total == 0 ? "none" : fmt::format("all done, {} since the mount", human_count(u.stored_total));
  }
  std::string text = fmt::format("{} to go, {}", human_count(u.pending_uploads), human_bytes(u.pending_bytes));
  if (u.paused) text += ", paused";
  if (u.bytes_per_second >= 1) {
    text += fmt::format(", {}/s", human_bytes(static_cast<std::uint64_t>(u.bytes_per_second)));
  }
  if (const double eta = upload_eta_seconds(u); eta >= 0) text += fmt::format(", {} left", human_duration(eta));
  if (u.failed > 0) text += fmt::format(", {} failed", human_count(u.failed));
  return text;
}

// The outline of a sample, two columns of it a letter: its height among eight steps.
std::string wave_text(const std::string& label) {
  static constexpr std::array<const char*, 8> kSteps{"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
  const std::vector<double> heights = wave_heights(label);
  std::string out;
  for (std::size_t n = 0; n + 1 < heights.size(); n += 2) {
    const double height = std::max(heights[n], heights[n + 1]);
    out += kSteps[std::min(kSteps.size() - 1, static_cast<std::size_t>(height * static_cast<double>(kSteps.size())))];
  }
  return out + std::string((kWaveColumns - std::min(kWaveColumns, heights.size())) / 2, ' ');
}

void newest(std::string& out, const DriveStatus& s) {
  if (s.samples.empty()) return;
  out += "\nLatest samples\n";
  for (std::size_t n = 0; n < std::min(s.samples.size(), kSamplesInText); ++n) {
    const SampleCard& sample = s.samples[n];
    std::string labels = clean(sample.kind, 10);
    if (!sample.bpm.empty()) labels += " " + clean(sample.bpm, 6);
    if (!sample.key.empty()) labels += " " + clean(sample.key, 4);
    const std::string name = sample.path.substr(sample.path.rfind('/') + 1);
    line(out, fmt::format("  {} {}  {}", wave_text(sample.wave), clean(name, 26), labels));
  }
}

std::string cache_line(const BlockCache::Stats& c) {
  std::string text = fmt::format("{} of {}", human_bytes(c.bytes), human_bytes(c.bytes_max));
  const std::uint64_t reads = c.hits + c.misses;
  if (reads > 0) text += fmt::format(", {} % of {} reads local", c.hits * 100 / reads, human_count(reads));
  return text;
}

double fraction_of(const BatchProgress& b) {
  const std::uint64_t over = b.files_done + b.files_skipped + b.files_failed;
  if (b.files_total == 0) return is_final(b.state) ? 1.0 : 0.0;
  return std::min(1.0, static_cast<double>(over) / static_cast<double>(b.files_total));
}

std::string counts_of(const BatchProgress& b) {
  std::string text = fmt::format("done {}", human_count(b.files_done));
  if (b.files_skipped > 0) text += fmt::format(", skipped {}", human_count(b.files_skipped));
  if (b.files_failed > 0) text += fmt::format(", failed {}", human_count(b.files_failed));
  if (b.files_warned > 0) text += fmt::format(", with a warning {}", human_count(b.files_warned));
  return text;
}

std::string speed_of(const BatchProgress& b) {
  std::string text;
  if (b.files_per_second > 0) text += fmt::format("   {:.1f} files/s", b.files_per_second);
  if (b.eta_seconds >= 0) text += fmt::format("   {} left", human_duration(b.eta_seconds));
  return text;
}

void bar_lines(std::string& out, const BatchProgress& b) {
  const double fraction = fraction_of(b);
  line(out, fmt::format("  {} {:>3} %   {} of {} files   {} of {}", progress_bar(fraction, kBarColumns),
                        static_cast<int>(fraction * 100), human_count(b.files_done + b.files_skipped + b.files_failed),
                        human_count(b.files_total), human_bytes(b.bytes_done), human_bytes(b.bytes_total)));
  line(out, "  " + counts_of(b) + (is_final(b.state) ? "" : speed_of(b)));
}

void open_batch(std::string& out, const BatchProgress& b) {
  const std::string state = std::string(name_of(b.state)) + (b.paused ? ", paused" : "");
  line(out, fmt::format("{:<52}  {:>26}", clean(b.name, 52), state));
  bar_lines(out, b);
  if (!b.current.empty()) line(out, "  now   " + clean(b.current, 72));
  if (!b.note.empty()) line(out, "  note  " + clean(b.note, 72));
  if (!b.errors.empty()) {
    line(out, "  last error  " + clean(b.errors.back().path, 66));
    line(out, "              " + clean(b.errors.back().reason, 66));
  }
  line(out, "  id    " + clean(b.id, 72));
}

std::string finished_line(const BatchProgress& b, std::int64_t now_ns) {
  return fmt::format("{:<16} {:<32} {:>8} files   {}", name_of(b.state), clean(b.name, 32), human_count(b.files_total),
                     ago(b.finished_at_ns, now_ns));
}

void batches(std::string& out, const DriveStatus& s) {
  std::size_t open = 0;
  std::size_t finished = 0;
  for (const BatchProgress& b : s.batches) {
    if (is_final(b.state)) {
      ++finished;
      continue;
    }
    ++open;
    out += '\n';
    open_batch(out, b);
  }
  if (open == 0) out += "\nNo batch is open.\n";
  if (finished == 0) return;
  out += "\nFinished\n";
  std::size_t shown = 0;
  for (const BatchProgress& b : s.batches) {
    if (is_final(b.state) && shown++ < kFinishedShown) line(out, "  " + finished_line(b, s.now_ns));
  }
  if (finished > kFinishedShown) {
    line(out, fmt::format("  and {} earlier ones", human_count(finished - kFinishedShown)));
  }
}

bool any_open(const DriveStatus& s) {
  return std::ranges::any_of(s.batches, [](const BatchProgress& b) { return !is_final(b.state); });
}

std::string amount_of(const UploadView& u) {
  if (u.state == "uploading" && u.bytes_total > 0) {
    return fmt::format("{} of {}", human_bytes(u.bytes_done), human_bytes(u.bytes_total));
  }
  return human_bytes(u.bytes_total);
}

}  // namespace

std::string ago(std::int64_t then_ns, std::int64_t now_ns) {
  if (then_ns == 0) return "never";
  const double seconds = static_cast<double>(now_ns - then_ns) / 1e9;
  return seconds < 1 ? "just now" : human_duration(seconds) + " ago";
}

double upload_eta_seconds(const UploadTotals& u) {
  if (u.pending_bytes == 0 || u.bytes_per_second < 1) return -1;
  return static_cast<double>(u.pending_bytes) / u.bytes_per_second;
}

std::string_view drive_state(const DriveStatus& s) {
  const StoreState store = s.store.state;
  if (store == StoreState::unreachable || store == StoreState::denied || store == StoreState::offline) return "offline";
  if (s.uploads.paused) return "paused";
  if (s.uploads.pending_uploads > s.uploads.failed || any_open(s)) return "busy";
  return s.uploads.failed > 0 ? "attention" : "ok";
}

std::string limits_text(const RateLimits& limits) {
  std::vector<std::string> parts;
  if (limits.up > 0) parts.push_back("up " + human_bytes(limits.up) + "/s");
  if (limits.down > 0) parts.push_back("down " + human_bytes(limits.down) + "/s");
  if (limits.requests > 0) parts.push_back(human_count(limits.requests) + " requests/s");
  if (limits.connections > 0) parts.push_back(human_count(limits.connections) + " at one time");
  return fmt::format("{}", fmt::join(parts, ", "));
}

std::string render_status(const DriveStatus& s) {
  std::string out;
  row(out, "drive", clean(s.url, 70));
  row(out, "on", fmt::format("{}, mounted {}", clean(s.mount_point, 48), ago(s.mounted_at_ns, s.now_ns)));
  row(out, "state", drive_state(s));
  row(out, "store", store_line(s));
  if (s.limits.any()) row(out, "limits", limits_text(s.limits));
  if (s.store.state != StoreState::ok && !s.store.last_error.empty()) row(out, "", clean(s.store.last_error, 70));
  row(out, "uploads", uploads_line(s.uploads));
  if (s.uploads.failed > 0 && !s.uploads.last_error.empty()) row(out, "", clean(s.uploads.last_error, 70));
  row(out, "cache", cache_line(s.cache));
  row(out, "library", fmt::format("{} entries known, {}", human_count(s.library.entries), human_bytes(s.library.bytes)));
  if (!s.cost.empty()) row(out, "cost", s.cost);
  batches(out, s);
  newest(out, s);
  return out;
}

std::string render_inbox(const DriveStatus& s, const std::string& control_name) {
  std::string out = "Drop folders or files here: they are checked, analysed, stored and filed.\n";
  row(out, "state", fmt::format("{}; store {}", drive_state(s), name_of(s.store.state)));
  batches(out, s);
  out += '\n';
  line(out, fmt::format("More: {}/status, {}/batches/<id>/", clean(control_name, 20), clean(control_name, 20)));
  return out;
}

std::string render_batch(const BatchProgress& b, std::int64_t now_ns) {
  std::string out;
  row(out, "batch", clean(b.name, 70));
  row(out, "id", clean(b.id, 70));
  row(out, "state", std::string(name_of(b.state)) + (b.paused ? ", paused" : ""));
  if (!b.note.empty()) row(out, "note", clean(b.note, 70));
  bar_lines(out, b);
  if (!b.current.empty()) row(out, "now", clean(b.current, 70));
  row(out, "began", b.started_at_ns == 0 ? "not yet" : fmt::format("{}, {}", format_utc(b.started_at_ns), ago(b.started_at_ns, now_ns)));
  if (b.finished_at_ns != 0) {
    const double seconds = static_cast<double>(b.finished_at_ns - b.started_at_ns) / 1e9;
    row(out, "ended", fmt::format("{}, after {}", format_utc(b.finished_at_ns), human_duration(std::max(0.0, seconds))));
  }
  if (b.errors.empty()) return out;
  out += "\nFailed (write retry to control to try them again)\n";
  for (const ItemError& e : b.errors) {
    line(out, "  " + clean(e.path, 78));
    line(out, "      " + clean(e.reason, 74));
  }
  if (b.files_failed > b.errors.size()) out += "  and more: see the file errors\n";
  return out;
}

std::string render_uploads(const std::vector<UploadView>& uploads, const UploadTotals& totals, std::int64_t now_ns) {
  std::string out = fmt::format("{} to go, {}\n", human_count(totals.pending_uploads), human_bytes(totals.pending_bytes));
  for (const UploadView& u : uploads) {
    std::string tries = u.tries > 1 ? fmt::format("   try {}", u.tries) : "";
    if (u.next_try_wall_ns > now_ns) {
      tries += fmt::format("   next in {}", human_duration(static_cast<double>(u.next_try_wall_ns - now_ns) / 1e9));
    }
    line(out, fmt::format("{:<11} {:<6} {:>20}   {}{}", u.state, u.verb, amount_of(u), ago(u.since_wall_ns, now_ns), tries));
    line(out, "    " + clean(u.path, 76));
    if (!u.last_error.empty()) append_wrapped(out, "", {4, kColumns}, printable(u.last_error));
  }
  if (totals.pending_uploads > uploads.size()) {
    out += fmt::format("and {} more\n", human_count(totals.pending_uploads - uploads.size()));
  }
  return out;
}

}  // namespace cd
