#include "remote/credentials.h"

#include <fmt/format.h>
#include <stdio.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/disk.h"
#include "base/text.h"
#include "remote/url_text.h"

extern char** environ;

namespace cd {

namespace {

constexpr std::int64_t kRefreshBeforeNs = 5LL * 60 * 1'000'000'000;
constexpr Millis kRestRefused{2'000};
constexpr Millis kRestExpired{30'000};
constexpr std::size_t kProcessAnswerMax = 64u << 10;

std::string trimmed(std::string_view text) {
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.front())) != 0) text.remove_prefix(1);
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.back())) != 0) text.remove_suffix(1);
  return std::string(text);
}

std::string aws_file(const Environment& environment, const std::string& variable, const std::string& name) {
  const std::string named = value_of(environment, variable);
  return named.empty() ? value_of(environment, "HOME") + "/.aws/" + name : named;
}

std::map<std::string, Profile> load_ini(const std::string& path) {
  const auto text = read_file(system_disk(), path);
  return text ? parse_ini(*text) : std::map<std::string, Profile>();
}

// Runs the command with a shell, as the AWS SDKs do, and takes what it prints.
Result<ExpiringKeys> run_process(const std::string& command) {
  FILE* pipe = ::popen(command.c_str(), "re");
  if (pipe == nullptr) return fail(error_from_errno(errno, "run credential_process"));
  std::string out(kProcessAnswerMax, '\0');
  out.resize(::fread(out.data(), 1, out.size(), pipe));
  const int status = ::pclose(pipe);
  if (status != 0) return fail(Code::permission, "credential_process failed: run it by hand to see why");
  return parse_process_answer(out);
}

std::optional<ExpiringKeys> keys_in(const Environment& environment, const std::string& id, const std::string& secret,
                                    const std::string& token) {
  const SigningKeys keys{value_of(environment, id), value_of(environment, secret),
                         token.empty() ? "" : value_of(environment, token)};
  if (keys.access_key.empty() || keys.secret_key.empty()) return std::nullopt;
  return ExpiringKeys{keys, std::nullopt, "the environment"};
}

}  // namespace

Environment process_environment() {
  Environment environment;
  for (char** at = environ; at != nullptr && *at != nullptr; ++at) {
    const std::string_view line = *at;
    const std::size_t equals = line.find('=');
    if (equals != std::string_view::npos) environment.emplace(line.substr(0, equals), line.substr(equals + 1));
  }
  return environment;
}

std::string value_of(const Environment& environment, const std::string& name) {
  const auto found = environment.find(name);
  return found == environment.end() ? std::string() : found->second;
}

std::map<std::string, Profile> parse_ini(std::string_view text) {
  std::map<std::string, Profile> sections;
  Profile* section = nullptr;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view raw = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    const std::string line = trimmed(raw);
    if (line.empty() || line[0] == '#' || line[0] == ';') continue;
    if (line.front() == '[' && line.back() == ']') {
      std::string name = trimmed(line.substr(1, line.size() - 2));
      if (name.starts_with("profile ")) name = trimmed(name.substr(8));
      section = &sections[name];
      continue;
    }
    const std::size_t equals = line.find('=');
    // An indented line belongs to a nested block ("s3 =" and what follows), which is not ours.
    const bool nested = !raw.empty() && (raw.front() == ' ' || raw.front() == '\t');
    if (section == nullptr || nested || equals == std::string::npos) continue;
    (*section)[to_lower_ascii(trimmed(line.substr(0, equals)))] = trimmed(line.substr(equals + 1));
  }
  return sections;
}

Profile load_profile(const Environment& environment, const std::string& name) {
  Profile profile = load_ini(aws_file(environment, "AWS_SHARED_CREDENTIALS_FILE", "credentials"))[name];
  profile.merge(load_ini(aws_file(environment, "AWS_CONFIG_FILE", "config"))[name]);
  return profile;
}

Result<ExpiringKeys> parse_process_answer(std::string_view text) {
  const auto json = nlohmann::json::parse(text, nullptr, false);
  const auto field = [&](const char* name) {
    const auto found = json.is_object() ? json.find(name) : json.end();
    return json.is_object() && found != json.end() && found->is_string() ? found->get<std::string>() : std::string();
  };
  ExpiringKeys answer{{field("AccessKeyId"), field("SecretAccessKey"), field("SessionToken")}, {}, "credential_process"};
  if (answer.keys.access_key.empty() || answer.keys.secret_key.empty()) {
    return fail(Code::permission, "credential_process printed no AccessKeyId and SecretAccessKey");
  }
  std::string expires = field("Expiration");
  if (expires.ends_with("+00:00")) expires = expires.substr(0, expires.size() - 6) + "Z";
  answer.expires_wall_ns = parse_iso_date(expires);
  if (!expires.empty() && !answer.expires_wall_ns) {
    return fail(Code::permission, "credential_process printed an Expiration that is no UTC date");
  }
  return answer;
}

Result<ExpiringKeys> find_keys(const Environment& environment, const CredentialRequest& request) {
  if (request.profile.empty()) {
    if (request.scheme == "r2") {
      if (auto keys = keys_in(environment, "R2_ACCESS_KEY_ID", "R2_SECRET_ACCESS_KEY", "")) return *keys;
    }
    if (auto keys = keys_in(environment, "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")) return *keys;
  }
  std::string name = request.profile.empty() ? value_of(environment, "AWS_PROFILE") : request.profile;
  if (name.empty()) name = "default";
  const Profile profile = load_profile(environment, name);
  const SigningKeys keys{value_of(profile, "aws_access_key_id"), value_of(profile, "aws_secret_access_key"),
                         value_of(profile, "aws_session_token")};
  if (!keys.access_key.empty() && !keys.secret_key.empty()) {
    return ExpiringKeys{keys, std::nullopt, fmt::format("the profile {}", name)};
  }
  const std::string command = value_of(profile, "credential_process");
  if (!command.empty()) return run_process(command);
  return fail(Code::permission,
              fmt::format("no credentials: set {} and {}, or put them into the profile {} of ~/.aws/credentials",
                          request.scheme == "r2" ? "R2_ACCESS_KEY_ID" : "AWS_ACCESS_KEY_ID",
                          request.scheme == "r2" ? "R2_SECRET_ACCESS_KEY" : "AWS_SECRET_ACCESS_KEY", name));
}

Result<std::unique_ptr<Credentials>> Credentials::open(Environment environment, CredentialRequest request,
                                                       const Clock& clock) {
  CD_TRY(auto first, find_keys(environment, request));
  return std::unique_ptr<Credentials>(
      new Credentials(std::move(environment), std::move(request), clock, std::move(first)));
}

Credentials::Credentials(Environment environment, CredentialRequest request, const Clock& clock, ExpiringKeys first)
    : environment_(std::move(environment)),
      request_(std::move(request)),
      clock_(clock),
      keys_(std::make_shared<const SigningKeys>(std::move(first.keys))),
      expires_wall_ns_(first.expires_wall_ns) {
  thread_ = Thread("creds", [this](std::stop_token stop) { refresh(stop); });
}

std::shared_ptr<const SigningKeys> Credentials::keys() const {
  MutexLock lock(mutex_);
  return keys_;
}

void Credentials::refused(const SigningKeys& keys) {
  MutexLock lock(mutex_);
  if (*keys_ != keys) return;  // newer ones are here already
  refused_ = true;
  changed_.notify_all();
}

void Credentials::refresh(std::stop_token stop) {
  const std::stop_callback wake(stop, [this] {
    MutexLock lock(mutex_);
    changed_.notify_all();
  });
  MutexLock lock(mutex_);
  SteadyTime rest = SteadyTime::min();  // not before: a process that signs in may be slow and dear
  while (!stop.stop_requested()) {
    SteadyTime due = SteadyTime::max();
    if (expires_wall_ns_) {
      due = std::chrono::steady_clock::now() + std::chrono::nanoseconds(*expires_wall_ns_ - kRefreshBeforeNs - clock_.wall_ns());
    }
    if (refused_) due = SteadyTime::min();
    due = std::max(due, rest);
    if (due > std::chrono::steady_clock::now()) {
      if (due == SteadyTime::max()) {
        changed_.wait(mutex_);
      } else {
        (void)changed_.wait_until(mutex_, due);
      }
      continue;
    }
    const bool asked = std::exchange(refused_, false);
    lock.unlock();
    auto next = find_keys(environment_, request_);
    lock.lock();
    rest = std::chrono::steady_clock::now() + (asked ? kRestRefused : kRestExpired);
    if (!next) continue;
    keys_ = std::make_shared<const SigningKeys>(std::move(next->keys));
    expires_wall_ns_ = next->expires_wall_ns;
  }
}

}  // namespace cd
