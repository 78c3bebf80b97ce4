// Credentials: where keys come from, in the order that every SDK uses:
//   1. AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN (for r2://: R2_ACCESS_KEY_ID,
//      R2_SECRET_ACCESS_KEY first). An explicitly named profile goes before the environment.
//   2. the profile in ~/.aws/credentials and ~/.aws/config (AWS_SHARED_CREDENTIALS_FILE, AWS_CONFIG_FILE)
//   3. that profile's credential_process
// Keys that expire are fetched again five minutes before they do, and all are when the store refuses them (somebody
// may have signed in again), by a thread of their own (`creds`).
// No message ever holds a secret. Thread-safe.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/mutex.h"
#include "base/result.h"
#include "base/thread.h"
#include "remote/sigv4.h"

namespace cd {

// The process's environment, or a test's.
using Environment = std::map<std::string, std::string>;
[[nodiscard]] Environment process_environment();
[[nodiscard]] std::string value_of(const Environment& environment, const std::string& name);  // "" if unset

// One [section] of an AWS ini file; names in lower case. Pure.
using Profile = std::map<std::string, std::string>;
[[nodiscard]] std::map<std::string, Profile> parse_ini(std::string_view text);
// Both files together; the credentials file wins.
[[nodiscard]] Profile load_profile(const Environment& environment, const std::string& name);

struct ExpiringKeys {
  SigningKeys keys;
  std::optional<std::int64_t> expires_wall_ns;  // empty: lasting
  std::string source;                           // for messages: "the environment", "the profile studio"
};
// What a credential_process prints. Pure.
[[nodiscard]] Result<ExpiringKeys> parse_process_answer(std::string_view json);

struct CredentialRequest {
  std::string scheme;   // "s3" or "r2"
  std::string profile;  // "" = none was named
};
// Blocking: may read files and run a process.
[[nodiscard]] Result<ExpiringKeys> find_keys(const Environment& environment, const CredentialRequest& request);

class Credentials {
 public:
  // Finds the keys once, blocking; later ones are fetched in the background.
  static Result<std::unique_ptr<Credentials>> open(Environment environment, CredentialRequest request,
                                                   const Clock& clock);
  [[nodiscard]] std::shared_ptr<const SigningKeys> keys() const;
  // The store did not accept `keys`: they are looked up again soon, once for all who say so.
  void refused(const SigningKeys& keys);

 private:
  Credentials(Environment environment, CredentialRequest request, const Clock& clock, ExpiringKeys first);
  void refresh(std::stop_token stop);

  const Environment environment_;
  const CredentialRequest request_;
  const Clock& clock_;

  mutable Mutex mutex_;
  CondVar changed_;
  bool refused_ CD_GUARDED_BY(mutex_) = false;
  std::shared_ptr<const SigningKeys> keys_ CD_GUARDED_BY(mutex_);
  std::optional<std::int64_t> expires_wall_ns_ CD_GUARDED_BY(mutex_);

  Thread thread_;
};

}  // namespace cd
