#include "fs/fuse_errno.h"

#include <gtest/gtest.h>

#include <cerrno>

namespace cd {
namespace {

TEST(FuseErrnoTest, EveryCodeHasItsErrno) {
  const std::pair<Code, int> table[] = {
      {Code::not_found, ENOENT},      {Code::exists, EEXIST},         {Code::not_directory, ENOTDIR},
      {Code::is_directory, EISDIR},   {Code::not_empty, ENOTEMPTY},   {Code::name_too_long, ENAMETOOLONG},
      {Code::permission, EACCES},     {Code::invalid, EINVAL},        {Code::no_space, ENOSPC},
      {Code::too_large, EFBIG},       {Code::stale, ESTALE},          {Code::precondition_failed, ESTALE},
      {Code::unsupported, EOPNOTSUPP}, {Code::cancelled, EINTR},      {Code::timeout, ETIMEDOUT},
      {Code::unreachable, EHOSTUNREACH}, {Code::throttled, EAGAIN},   {Code::busy, EAGAIN},
      {Code::corrupt, EIO},           {Code::io, EIO},                {Code::no_descriptors, EMFILE},
  };
  for (const auto& [code, errnum] : table) EXPECT_EQ(errno_of(code), errnum) << name_of(code);
}

TEST(FuseErrnoTest, ARenameThatCannotBeDoneAtOnceLetsMvCopy) {
  EXPECT_EQ(errno_of(Code::too_large, Operation::rename), EXDEV);
  EXPECT_EQ(errno_of(Code::unsupported, Operation::rename), EXDEV);
}

TEST(FuseErrnoTest, AnAttributeThatIsNotSetIsENODATAAndOneTooManyE2BIG) {
  EXPECT_EQ(errno_of(Code::not_found, Operation::xattr), ENODATA);
  EXPECT_EQ(errno_of(Code::too_large, Operation::xattr), E2BIG);
}

TEST(FuseErrnoTest, SeekingBehindTheEndIsENXIO) { EXPECT_EQ(errno_of(Code::not_found, Operation::seek), ENXIO); }

}  // namespace
}  // namespace cd
