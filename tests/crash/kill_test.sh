#!/usr/bin/env bash
# What was acknowledged survives kill -9 of the daemon: at random moments, and at every named crash point of the journal.
source "$(dirname "$0")/../support/suite.sh" "$@"
source "$SUPPORT/kill_cases.sh"

BUCKET=$WORK/bucket DRIVE=$WORK/drive URL=file://$WORK/bucket
mkdir "$BUCKET"
LOG=$WORK/acknowledged SEED=${SEED:-$RANDOM}
echo "seed $SEED"
fetch_bucket() { cp -r "$BUCKET" "$1"; }

# S1 "the file survives `kill -9` of the daemon at any moment after"
a_closed_file_survives_a_kill_at_once() {
  local round i
  for round in 1 2 3 4 5; do
    mount_drive "$URL" "$DRIVE" > /dev/null
    mkdir -p "$DRIVE/closed"
    for i in 1 2 3 4 5 6 7 8; do
      head -c $((round * 40000 + i)) /dev/urandom > "$WORK/closed-$round-$i"
      cp "$WORK/closed-$round-$i" "$DRIVE/closed/"
    done
    kill_drive "$DRIVE"
  done
  mount_drive "$URL" "$DRIVE" > /dev/null
  for i in "$WORK"/closed-*; do cmp "$i" "$DRIVE/closed/$(basename "$i")"; done
  drained "$DRIVE" 60
  for i in "$WORK"/closed-*; do cmp "$i" "$BUCKET/closed/$(basename "$i")"; done
  rm -r "$DRIVE/closed"
  drained "$DRIVE" 60
  unmount_drive "$DRIVE"
  same "" "$(find "$BUCKET" -type f)" "files left in the bucket"
}

# S6 "have happened, durably as S1, when they return"
random_kills_under_load_lose_nothing_acknowledged() { # KILLS
  local round
  for round in $(seq "$1"); do a_kill_under_load; done
  echo "        $(acknowledged) acknowledged operations, $1 kills with something pending" >> "$WORK/notes"
  all_is_there_after_the_kills
}

death_at_a_crash_point_loses_nothing_acknowledged() { # NAME
  local died=0
  CRATEDRIVE_CRASH=$1 mount_drive "$URL" "$DRIVE" > /dev/null 2>&1 || died=1
  if [ $died = 0 ]; then
    workload run 150 > "$WORK/worker.log" 2>&1 || died=1
    if [ $died = 0 ]; then
      # The upload may be what dies.
      within 20 drained_or_dead || true
      daemon_of "$DRIVE" > /dev/null || died=1
    fi
    if [ $died = 0 ]; then kill_drive "$DRIVE"; fi
  fi
  if [ $died = 1 ]; then echo "$1" >> "$WORK/died-at"; fi
  mount_drive "$URL" "$DRIVE" > /dev/null
  workload verify
  bucket_equals_drive
  unmount_drive "$DRIVE"
}
drained_or_dead() { ! daemon_of "$DRIVE" > /dev/null || nothing_pending "$DRIVE"; }

case_ok a_closed_file_survives_a_kill_at_once
case_ok random_kills_under_load_lose_nothing_acknowledged 20
case_ok a_cold_cache_and_no_journal_show_the_same_tree
points=$(grep -rhoE 'crash_point\("[^"]+"\)' "$ROOT/src/journal" | cut -d'"' -f2 | sort -u)
for point in $points; do case_ok death_at_a_crash_point_loses_nothing_acknowledged "$point"; done
cat "$WORK/notes" "$WORK/died-at" 2> /dev/null
finish
