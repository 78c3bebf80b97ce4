// What a credential_process prints, and the ini files of the AWS tools.
#include "remote/credentials.h"
#include "tests/fuzz/target.h"

void cd::fuzz::one(std::string_view input) {
  const auto keys = parse_process_answer(input);
  must(!keys || (!keys->keys.access_key.empty() && !keys->keys.secret_key.empty()));
  (void)parse_ini(input);
}
