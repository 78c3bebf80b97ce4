#!/usr/bin/env bash
# A real folder of samples through the inbox while the daemon is killed ten times: nothing lost, nothing twice.
source "$(dirname "$0")/../support/suite.sh" "$@"
source "$SUPPORT/folder_cases.sh"

DRIVE=$WORK/drive
KILLS=10

is_dead() { ! daemon_of "$DRIVE" > /dev/null; }
dead_or_ended() { is_dead || batches_ended "$1"; }

# Three die while files arrive, by the clock. A batch is too quick for that: the others die in the middle of it, at a
# random pass of a random step.
# S43 "Nothing is stored twice."
ten_kills_on_the_way_lose_and_double_nothing() { # FOLDER NAME
  local round copier files steps=(batch.after_upload batch.after_file_away uploader.after_put uploader.after_ack)
  files=$(find "$1" -type f | wc -l)
  rm -f "$WORK/copied"
  for round in $(seq 3); do
    mount_drive "$URL" "$DRIVE" > /dev/null
    python3 "$SUPPORT/copier.py" "$1" "$DRIVE/inbox/$2" "$WORK/copied" > "$WORK/copier.log" 2>&1 &
    copier=$!
    within 20 refuses inbox_is_empty # a kill that finds nothing proves nothing
    sleep "0.$((RANDOM % 900 + 100))"
    kill_drive "$DRIVE"
    wait $copier || true
  done
  for round in $(seq 4 $KILLS); do
    export CRATEDRIVE_CRASH=${steps[RANDOM % 4]}:$((RANDOM % (files / 12) + 1))
    echo "$CRATEDRIVE_CRASH"
    mount_drive "$URL" "$DRIVE" > /dev/null || true # it may be dead already
    unset CRATEDRIVE_CRASH
    python3 "$SUPPORT/copier.py" "$1" "$DRIVE/inbox/$2" "$WORK/copied" > "$WORK/copier.log" 2>&1 || true
    within 120 dead_or_ended "$2"
    is_dead || { echo "the batch ended before it was killed"; return 1; }
  done
  mount_drive "$URL" "$DRIVE" > /dev/null
  python3 "$SUPPORT/copier.py" "$1" "$DRIVE/inbox/$2" "$WORK/copied"
  within 300 inbox_is_empty || { find "$DRIVE/inbox" | head; cat "$DRIVE/.cratedrive/status"; return 1; }
  within 120 batches_ended "$2"
  drained "$DRIVE" 60
  account_for "$1" "$2"
  unmount_drive "$DRIVE"
}

fetch_bucket() { cp -r "$WORK/bucket-$BUCKET" "$1"; }
for pair in "lmms $LMMS" "kits $KITS"; do
  BUCKET=${pair%% *} URL=file://$WORK/bucket-${pair%% *}
  mkdir "$WORK/bucket-$BUCKET"
  case_ok ten_kills_on_the_way_lose_and_double_nothing "${pair#* }" "${pair%% *}"
  timeout 20 "$CRATEDRIVE" umount --now "$DRIVE" > /dev/null 2>&1
done

s3_start > /dev/null
fetch_bucket() { rclone copy S3:crate "$1" --transfers 16; }
rclone mkdir S3:crate
URL=s3://crate
case_ok ten_kills_on_the_way_lose_and_double_nothing "$LMMS" lmms
cat "$WORK/notes"
finish
