// probe_s3: asks a bucket what it honours, with about fifteen small requests in four chains side by side.
// Writes below ".cratedrive/probe/" and removes what it wrote. Blocking; the errors are for a person to read.
#pragma once

#include "remote/s3_store.h"

namespace cd {

[[nodiscard]] Result<StoreTraits> probe_s3(const S3Place& place, const S3Parts& parts, std::uint64_t body_bytes_max,
                                           Millis deadline);

}  // namespace cd
