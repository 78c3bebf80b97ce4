// list_folder: one page of a file:// bucket, in key order, as an S3 store would give it.
// A folder's entries are ordered as keys are: a folder "a" counts as "a/", so that "a.txt" < "a/x" < "a0".
#pragma once

#include "base/result.h"
#include "remote/object_folder.h"
#include "remote/object_store.h"

namespace cd {

[[nodiscard]] Result<ListReply> list_folder(const ObjectFolder& folder, const ListRequest& request);

}  // namespace cd
