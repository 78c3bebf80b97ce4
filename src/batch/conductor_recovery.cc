#include <algorithm>

#include "batch/conductor_core.h"

namespace cd {

Status ConductorCore::load() {
  CD_TRY_VOID(make_dirs_durably(disk_, options_.directory));
  CD_TRY(const auto names, disk_.list(options_.directory));
  std::vector<std::string> ids;
  for (const std::string& name : names) {
    if (name.ends_with(".log")) ids.push_back(name.substr(0, name.size() - 4));
  }
  std::sort(ids.begin(), ids.end());  // by time, as ids are made
  for (const std::string& id : ids) CD_TRY_VOID(load_batch(id));
  return {};
}

Status ConductorCore::load_batch(const std::string& id) {
  ItemLog::Contents contents;
  CD_TRY(auto log, ItemLog::open(disk_, options_.directory, id, contents));
  if (contents.head.id != id) {  // died before its first record: the files are in the inbox still
    log.reset();
    ItemLog::remove(disk_, options_.directory, id);
    return {};
  }
  auto drop = std::make_shared<Drop>(options_.settle);
  drop->serial = next_serial_++;
  drop->batch = std::make_unique<Batch>(std::move(contents));
  drop->log = std::move(log);
  Batch& batch = *drop->batch;
  const bool cut_short = batch.head.state == BatchState::cancelled && !batch.all_final();
  if (is_final(batch.head.state) && !cut_short) {
    keep_leftovers(*drop);
    if (!batch.head.told) untold_.push_back(drop);
    drop->log.reset();
    batch.forget_items();
  }
  MutexLock lock(mutex_);
  drops_.push_back(std::move(drop));
  return {};
}

// First thing on the batch thread: the journal has replayed, and what comes of its uploads comes after this.
void ConductorCore::recover() {
  const std::vector<DropPtr> all = drops_;
  for (const DropPtr& drop : all) {
    if (!drop->log) continue;
    recover_items(*drop);
    if (drop->batch->head.state != BatchState::cancelled) recover_archives(*drop);
    if (drop->batch->head.state == BatchState::cancelled) cancel(*drop);  // it died on the way: go on
  }
  remove_unpack_leftovers();
}

void ConductorCore::recover_items(Drop& drop) {
  for (std::uint32_t n = 0; n < drop.batch->items().size(); ++n) {
    const Item& item = drop.batch->item(n);
    const ItemRef ref{drop.serial, n};
    if (item.step == Step::filing) {
      const auto there = in_inbox(drop, item);
      const auto filed = meta_.resolve(item.destination);
      const bool ours = filed && *filed && is_filed_as((*filed)->record, drop.batch->head.id, n);
      if (there && !ours) {  // it never left, or was taken back
        move(drop, n, Step::waiting);
        continue;
      }
      drop.in_air[n] = InodeId{};
      look_at_upload(drop, n);
    } else if (item.step == Step::skipped && !item.stays && !item.destination.empty()) {
      // Its file was to be removed. If it is there still it is looked at again, which decides anew.
      const auto there = in_inbox(drop, item);
      const bool same = there && item.stamp == FileStamp{there->record.attr.size, there->record.attr.mtime_ns};
      if (same) move(drop, n, Step::waiting);
    }
    const Step step = drop.batch->item(n).step;
    const bool stands = step == Step::ready || step == Step::filing || step == Step::done;
    if (stands && !item.content.empty()) index_.claim(item.content, ref);
  }
}

}  // namespace cd
