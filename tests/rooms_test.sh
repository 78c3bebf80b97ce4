#!/usr/bin/env bash
# A room includes only the rooms that it may, and of those only their doors (docs/ARCHITECTURE.md).
set -euo pipefail
cd "$(dirname "$0")/.."

declare -A MAY=(
  [base]="base"
  [remote]="base remote"
  [cache]="base remote cache"
  [journal]="base remote cache journal"
  [analyze]="base analyze"
  [batch]="base cache journal analyze batch"
  [fs]="base cache journal fs"
  [app]="base remote cache journal analyze batch fs app"
)
# The headers of a room that other rooms may include; base is open, app is nobody's to include.
declare -A DOORS=(
  [remote]="object_store.h open_store.h store_health.h blocking.h limited_store.h"
  [cache]="meta_record.h value_codec.h meta_store.h tree_cache.h block_cache.h sample_facts.h"
  [journal]="journal.h namespace.h staging.h log.h"
  [analyze]="analyze_file.h report.h"
  [batch]="conductor.h progress.h catalog.h inbox.h enricher.h"
  [fs]="filesystem.h fuse_session.h virtual_source.h kernel_notifier.h"
)

bad=0
for room in "${!MAY[@]}"; do
  while IFS=: read -r file line include; do
    target=${include#*\"}; target=${target%\"*}
    other=${target%%/*}; header=${target#*/}
    if [[ " ${MAY[$room]} " != *" $other "* ]]; then
      echo "$file:$line: $room may not include $target"; bad=1
    elif [[ $other != "$room" && -n ${DOORS[$other]:-} && $room != app && " ${DOORS[$other]} " != *" $header "* ]]; then
      echo "$file:$line: $target is not a door of $other"; bad=1
    fi
  done < <(grep -rnHoE '^#include "[a-z]+/[^"]+"' "src/$room" --include=*.h --include=*.cc || true)
done
[ $bad = 0 ] && echo "rooms: every include goes through a door"
exit $bad
