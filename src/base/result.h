// Result<T>: a T or an Error. Expected outcomes travel as values; exceptions stay inside the libraries
// that throw them.
//
//   Result<Bytes> read_head(...) {
//     CD_TRY(auto file, File::open(path));     // returns the error, or binds the value
//     CD_TRY_VOID(file.sync());
//     ...
//   }
#pragma once

#include <string>
#include <tl/expected.hpp>
#include <utility>

#include "base/error.h"

namespace cd {

template <class T>
using Result = tl::expected<T, Error>;
using Status = Result<void>;

[[nodiscard]] inline tl::unexpected<Error> fail(Code code, std::string message) {
  return tl::make_unexpected(Error{code, std::move(message)});
}
[[nodiscard]] inline tl::unexpected<Error> fail(Error error) {
  return tl::make_unexpected(std::move(error));
}

}  // namespace cd

#define CD_CONCAT_INNER(a, b) a##b
#define CD_CONCAT(a, b) CD_CONCAT_INNER(a, b)
#define CD_TRY_IMPL(tmp, decl, expr)                                 \
  auto tmp = (expr);                                                 \
  if (!tmp) return tl::make_unexpected(std::move(tmp).error());      \
  decl = std::move(tmp).value()
#define CD_TRY(decl, expr) CD_TRY_IMPL(CD_CONCAT(cd_try_, __LINE__), decl, expr)
#define CD_TRY_VOID(expr)                                            \
  do {                                                               \
    auto cd_try_status = (expr);                                     \
    if (!cd_try_status)                                              \
      return tl::make_unexpected(std::move(cd_try_status).error());  \
  } while (false)
