#include "app/dashboard.h"

#include <fmt/format.h>

#include <algorithm>

#include "app/dashboard_style.h"
#include "base/text.h"
#include "batch/wave_label.h"

namespace cd {

namespace {

constexpr std::size_t kFinishedShown = 6;
constexpr std::size_t kErrorsShown = 5;
constexpr std::size_t kNameMax = 160;

// A name from outside, in its own direction.
std::string name_html(std::string_view name) {
  return "<bdi>" + html_text(shorten(printable(name), kNameMax)) + "</bdi>";
}
std::string words(std::string_view text) { return name_html(text); }

std::string_view tone_of_drive(std::string_view state) {
  if (state == "ok") return "ok";
  return state == "busy" ? "busy" : state == "offline" ? "bad" : "warn";
}

std::string_view tone_of(BatchState state) {
  switch (state) {
    case BatchState::done: return "ok";
    case BatchState::done_with_errors: return "warn";
    case BatchState::failed: return "bad";
    case BatchState::cancelled: return "";
    default: return "busy";
  }
}

std::string_view tone_of(HealthLevel level) {
  switch (level) {
    case HealthLevel::error: return "bad";
    case HealthLevel::warning: return "warn";
    case HealthLevel::note: return "busy";
    case HealthLevel::ok: break;
  }
  return "ok";
}

std::string chip(std::string_view tone, std::string_view text) {
  return fmt::format("<span class=\"chip {}\">{}</span>", tone, html_text(text));
}

std::string tile(std::string_view label, std::string_view value, std::string_view more) {
  return fmt::format("<div class=\"card tile\"><span class=\"dim small\">{}</span><b>{}</b><span class=\"dim small\">{}</span></div>",
                     html_text(label), html_text(value), html_text(more));
}

std::string tiles(const DashboardFacts& f) {
  const DriveStatus& s = f.drive;
  const UploadTotals& u = s.uploads;
  std::string out = "<section class=\"tiles\">";
  out += tile("Store", name_of(s.store.state), "last answer " + ago(s.store.last_ok_wall_ns, s.now_ns));
  std::string rate = u.failed > 0 ? human_count(u.failed) + " failed" : "";
  if (u.bytes_per_second >= 1)
    rate += (rate.empty() ? "" : ", ") + human_bytes(static_cast<std::uint64_t>(u.bytes_per_second)) + "/s";
  if (const double eta = upload_eta_seconds(u); eta >= 0) rate += ", " + human_duration(eta) + " left";
  out += u.pending_uploads == 0 ? tile("Uploads", "all stored", human_count(u.stored_total) + " since the mount")
                                : tile("Uploads", human_count(u.pending_uploads) + " to go", human_bytes(u.pending_bytes) + (rate.empty() ? "" : ", ") + rate);
  out += tile("Library", human_bytes(s.library.bytes), human_count(s.library.entries) + " files and folders known");
  const std::uint64_t reads = s.cache.hits + s.cache.misses;
  out += tile("Cache", human_bytes(s.cache.bytes),
              reads == 0 ? "of " + human_bytes(s.cache.bytes_max) : fmt::format("{} % of the reads were local", s.cache.hits * 100 / reads));
  const RequestCounts& r = f.cost.requests;
  const std::string counted = fmt::format("{} writes and lists, {} reads", human_count(r.class_a), human_count(r.class_b));
  out += f.cost.prices.table == "none" ? tile("Requests this month", human_count(r.class_a + r.class_b), counted)
                                       : tile("Cost a month, estimated", dollars(f.cost.total()), counted);
  return out + "</section>";
}

double share(std::uint64_t part, std::uint64_t whole) {
  return whole == 0 ? 0 : std::min(100.0, 100.0 * static_cast<double>(part) / static_cast<double>(whole));
}

std::string bar(const BatchProgress& b) {
  return fmt::format("<div class=\"bar\"><i class=\"d\" style=\"width:{:.2f}%\"></i><i class=\"s\" style=\"width:{:.2f}%\"></i>"
                     "<i class=\"f\" style=\"width:{:.2f}%\"></i></div>",
                     share(b.files_done, b.files_total), share(b.files_skipped, b.files_total),
                     share(b.files_failed, b.files_total));
}

void fact(std::string& out, std::string_view text, std::string_view tone = "") {
  out += tone.empty() ? fmt::format("<span>{}</span>", html_text(text))
                      : fmt::format("<span class=\"tone {}\">{}</span>", tone, html_text(text));
}

std::string facts_line(const BatchProgress& b, std::int64_t now_ns) {
  std::string out = "<div class=\"facts\">";
  const std::uint64_t over = b.files_done + b.files_skipped + b.files_failed;
  fact(out, fmt::format("{} of {} files", human_count(over), human_count(b.files_total)));
  fact(out, fmt::format("{} of {}", human_bytes(b.bytes_done), human_bytes(b.bytes_total)));
  if (b.files_skipped > 0) fact(out, human_count(b.files_skipped) + " there already");
  if (b.files_warned > 0) fact(out, human_count(b.files_warned) + " with a warning", "warn");
  if (b.files_failed > 0) fact(out, human_count(b.files_failed) + " failed", "bad");
  if (is_final(b.state)) {
    fact(out, ago(b.finished_at_ns, now_ns));
  } else {
    if (b.files_per_second > 0) fact(out, fmt::format("{:.1f} files/s", b.files_per_second));
    if (b.eta_seconds >= 0) fact(out, human_duration(b.eta_seconds) + " left");
  }
  return out + "</div>";
}

std::string batch_card(const BatchProgress& b, std::int64_t now_ns) {
  std::string out = fmt::format("<article class=\"card\"><div class=\"head\"><span class=\"name\">{}</span>{}</div>",
                                name_html(b.name), chip(b.paused ? "warn" : tone_of(b.state),
                                                        b.paused ? "paused" : name_of(b.state)));
  out += bar(b) + facts_line(b, now_ns);
  if (!b.current.empty() && !is_final(b.state)) out += "<div class=\"now\">" + words(b.current) + "</div>";
  if (!b.note.empty()) out += "<div class=\"now dim\">" + words(b.note) + "</div>";
  if (!b.errors.empty()) {
    out += "<ul class=\"why\">";
    for (std::size_t i = 0; i < std::min(b.errors.size(), kErrorsShown); ++i)
      out += fmt::format("<li><b>{}</b><br>{}</li>", name_html(b.errors[i].path), words(b.errors[i].reason));
    out += "</ul>";
    if (b.files_failed > kErrorsShown)
      out += fmt::format("<div class=\"small dim\">and {} more: the file errors of the batch has them all</div>",
                         human_count(b.files_failed - kErrorsShown));
  }
  return out + fmt::format("<div class=\"small dim\">{}</div></article>", name_html(b.id));
}

std::string batches(const DriveStatus& s) {
  std::string open;
  std::string finished;
  std::size_t shown = 0;
  for (const BatchProgress& b : s.batches) {
    if (!is_final(b.state)) open += batch_card(b, s.now_ns);
    else if (shown++ < kFinishedShown) finished += batch_card(b, s.now_ns);
  }
  std::string out = "<h2>Batches</h2><section class=\"stack\">";
  out += open.empty() ? "<div class=\"card dim\">Nothing is under way. Drop a folder into the inbox.</div>" : open;
  if (!finished.empty()) out += "</section><h2>Finished</h2><section class=\"stack\">" + finished;
  return out + "</section>";
}

std::string wave_svg(std::string_view label) {
  const std::vector<double> heights = wave_heights(label);
  if (heights.empty()) return "<div class=\"none\"></div>";
  std::string path;
  for (std::size_t i = 0; i < heights.size(); ++i) {
    const double half = std::max(0.4, heights[i] * 15);
    path += fmt::format("M{} {:.1f}V{:.1f}", 2 * i + 1, 16 - half, 16 + half);
  }
  return fmt::format("<svg viewBox=\"0 0 {} 32\" preserveAspectRatio=\"none\" aria-hidden=\"true\"><path d=\"{}\" "
                     "stroke=\"currentColor\" stroke-width=\"1.3\"/></svg>", 2 * heights.size(), path);
}

std::string samples(const std::vector<SampleCard>& cards) {
  if (cards.empty()) return "";
  std::string out = "<h2>Latest samples</h2><section class=\"samples\">";
  for (const SampleCard& c : cards) {
    const std::string file = c.path.substr(c.path.rfind('/') + 1);
    out += fmt::format("<a class=\"card\" href=\"{}\" title=\"{}\"><span class=\"name\">{}</span>{}<div>", html_link(c.path),
                       html_text(printable(c.path)), name_html(file), wave_svg(c.wave));
    const auto tag = [&out](const std::string& value, std::string_view unit) {
      if (!value.empty()) out += fmt::format("<span class=\"tag\">{}{}</span>", html_text(shorten(printable(value), 16)), unit);
    };
    tag(c.kind, "");
    tag(c.bpm, " bpm");
    tag(c.key, "");
    tag(c.lufs, " LUFS");
    tag(c.duration.substr(0, c.duration.find('.') + 2), " s");
    out += "</div></a>";
  }
  return out + "</section>";
}

std::string uploads(const DashboardFacts& f) {
  if (f.uploads.empty()) return "";
  std::string out = "<h2>Uploads</h2><section class=\"card\">";
  for (const UploadView& u : f.uploads) {
    const std::string_view tone = u.state == "failed" ? "bad" : u.state == "backing off" ? "warn" : "busy";
    out += fmt::format("<div class=\"row\"><span class=\"dot {}\"></span><div><span class=\"name\">{}</span> <span class=\"dim small\">"
                       "{}, {} of {}</span>", tone, name_html(u.path), words(u.state), human_bytes(u.bytes_done), human_bytes(u.bytes_total));
    if (!u.last_error.empty()) out += "<div class=\"small\">" + words(u.last_error) + "</div>";
    out += "</div></div>";
  }
  return out + "</section>";
}

std::string health_row(std::string_view tone, std::string_view subject, std::string_view text, std::string_view cure) {
  std::string out = fmt::format("<div class=\"row\"><span class=\"dot {}\"></span><div><b>{}</b> {}", tone,
                                html_text(printable(subject)), words(text));
  if (!cure.empty()) out += "<div class=\"small dim\">" + words(cure) + "</div>";
  return out + "</div></div>";
}

bool is_trouble(const HealthItem& item) { return item.level >= HealthLevel::warning; }

// What is not well, each with its cure; what is well is only counted.
std::string health(const std::vector<HealthItem>& items) {
  std::string out = "<h2>Health</h2><section class=\"card\">";
  std::size_t fine = 0;
  for (const HealthItem& item : items) {
    if (item.level == HealthLevel::ok) ++fine;
    else out += health_row(tone_of(item.level), item.subject, item.text, item.cure);
  }
  if (fine > 0) out += health_row("ok", human_count(fine), fine == 1 ? "check is fine" : "checks are fine", "");
  return out + "</section>";
}

}  // namespace

std::string html_text(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&': out += "&amp;"; break;
      case '<': out += "&lt;"; break;
      case '>': out += "&gt;"; break;
      case '"': out += "&quot;"; break;
      case '\'': out += "&#39;"; break;
      default: out += c;
    }
  }
  return out;
}

std::string html_link(std::string_view library_path) {
  std::string out = "../";
  for (const char c : library_path) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       std::string_view("-._~/").find(c) != std::string_view::npos;
    if (plain) out += c;
    else out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return out;
}

std::string render_dashboard(const DashboardFacts& f) {
  const std::string_view state = drive_state(f.drive);
  std::string out = "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
                    "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; "
                    "base-uri 'none'; form-action 'none'\">\n";
  out += fmt::format("<meta http-equiv=\"refresh\" content=\"{}\">\n", state == "busy" ? 2 : 5);
  out += "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n<meta name=\"robots\" content=\"noindex\">\n";
  out += fmt::format("<title>{} - {}</title>\n<style>{}</style></head>\n<body><main>\n", html_text(state),
                     html_text(printable(f.drive.url)), kDashboardStyle);
  out += fmt::format("<header><h1>{}</h1>{}<span class=\"dim small\">on {}, mounted {}</span></header>\n",
                     name_html(f.drive.url), chip(tone_of_drive(state), state), name_html(f.drive.mount_point),
                     html_text(ago(f.drive.mounted_at_ns, f.drive.now_ns)));
  if (f.drive.store.state != StoreState::ok && !f.drive.store.last_error.empty())
    out += "<p class=\"card\">" + words(f.drive.store.last_error) + "</p>\n";
  const bool trouble = std::ranges::any_of(f.health, is_trouble);
  const std::string checks = health(f.health);
  for (const std::string& part : {tiles(f), trouble ? checks : std::string(), batches(f.drive), uploads(f),
                                  samples(f.drive.samples), trouble ? std::string() : checks})
    out += part + "\n";
  out += fmt::format("<footer>{}, cratedrive {}. This page loads itself anew.</footer>\n</main></body></html>\n",
                     html_text(format_utc(f.drive.now_ns)), CD_VERSION);
  return out;
}

}  // namespace cd
