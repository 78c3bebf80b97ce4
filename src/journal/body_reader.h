// read_body: the bytes of one request, put together from a staged file and what shows through of its base. Staged
// bytes are read before it returns, base bytes come through the block cache. `done` as ObjectStore has it:
// inline or on a store thread. Errors: stale when the base was replaced and its bytes are not here.
#pragma once

#include <memory>

#include "cache/block_cache.h"
#include "journal/staging.h"

namespace cd {

void read_body(BlockCache& blocks, const std::shared_ptr<StagedFile>& file, std::uint64_t offset, std::uint64_t length,
               const ReadOptions& options, Done<SharedBytes> done);
// The same of a stored version alone.
void read_version(BlockCache& blocks, const RemoteVersion& version, std::uint64_t offset, std::uint64_t length,
                  const ReadOptions& options, Done<SharedBytes> done);

}  // namespace cd
