#!/usr/bin/env bash
# import, sync and analyze --all on a real S3 server; killed on the way, and asked for again.
source "$(dirname "$0")/../support/suite.sh" "$@"

run() { timeout 120 "$CRATEDRIVE" "$@"; }
sums() { (cd "$1" && find . -type f -printf '%P\0' | sort -z | xargs -0 -r md5sum); } # FOLDER
sums_of_bucket() { # BUCKET[/PREFIX]
  rm -rf "$WORK/fetched"
  rclone copy "S3:$1" "$WORK/fetched" --transfers 16 --exclude '.cratedrive/**'
  mkdir -p "$WORK/fetched"
  sums "$WORK/fetched"
}
count() { rclone lsf -R --files-only "S3:$1" --exclude '.cratedrive/**' | wc -l; } # BUCKET
some_but_not_all() { # COUNT ALL
  [ "$1" -gt 0 ] && [ "$1" -lt "$2" ] || { echo "$1 of $2"; return 1; }
}

python3 "$ROOT/scripts/make-samples" "$WORK/Kits/drums"
for n in $(seq 51); do (cat "$WORK/Kits/drums/hat.wav"; echo "$n") > "$WORK/Kits/hat $n.wav"; done
FILES=60

an_import_that_is_killed_goes_on() { # BUCKET CRASH-POINT
  rclone mkdir "S3:$1"
  CRATEDRIVE_CRASH=$2 refuses run import "$WORK/Kits" "s3://$1"
  test "$(count "$1")" -lt $FILES
  run import "$WORK/Kits" "s3://$1" > "$WORK/imported"
  same "$(sums "$WORK/Kits")" "$(sums_of_bucket "$1/Kits")" "what is in the bucket"
  contains "$(run import "$WORK/Kits" "s3://$1")" "0 stored, $FILES there already"
  refuses grep -q "$XDG_RUNTIME_DIR/cratedrive-import" /proc/self/mountinfo
}

what_was_imported_needs_no_second_hearing() { # BUCKET
  contains "$(run analyze --all --dry-run "s3://$1")" "would listen to 0 objects"
}

objects_of_others_are_labelled_where_they_lie() {
  local before
  rclone copy "$WORK/Kits" S3:others/Kits
  before=$(rclone lsf -R --files-only --format pst S3:others --exclude '.cratedrive/**')
  CRATEDRIVE_CRASH=app.after_labels_report refuses run analyze --all s3://others
  contains "$(run analyze --all s3://others)" "44 labelled, 16 were before"
  same "$before" "$(rclone lsf -R --files-only --format pst S3:others --exclude '.cratedrive/**')" "the library"
  mount_drive s3://others "$WORK/drive" > /dev/null
  same "$FILES" "$(jq '[.[] | select(.labels.duration)] | length' "$WORK/drive/.cratedrive/catalog.json")" "labelled samples"
  same s3://others/Kits/drums/kick.wav "$(jq -r '.[] | select(.path == "Kits/drums/kick.wav").url' "$WORK/drive/.cratedrive/catalog.json")" url
  unmount_drive "$WORK/drive" > /dev/null
}

has_some() { [ "$(count "$1")" -gt 0 ]; }
is_partial() { find "$1" -type f ! -name '.*' -print -quit | grep -q .; }

sync_and_kill() { # CONDITION SYNC-ARGUMENT…: killed once the condition holds
  local condition=$1 pid
  shift
  "$CRATEDRIVE" sync --bandwidth 100K "$@" > "$WORK/sync.log" 2>&1 &
  pid=$!
  remember_process $pid
  within 30 $condition
  kill -KILL $pid
  wait $pid || true
}

a_sync_up_that_is_killed_goes_on() {
  rclone mkdir S3:synced
  sync_and_kill "has_some synced" "$WORK/Kits" s3://synced
  some_but_not_all "$(count synced)" $FILES
  run sync "$WORK/Kits" s3://synced
  same "$(sums "$WORK/Kits")" "$(sums_of_bucket synced)" "what is in the bucket"
  contains "$(run sync "$WORK/Kits" s3://synced)" "0 up, 0 down, 0 removed, 0 in conflict (both kept), $FILES the same"
}

a_sync_down_that_is_killed_goes_on() {
  local name
  mkdir "$WORK/down"
  sync_and_kill "is_partial $WORK/down" s3://synced "$WORK/down"
  some_but_not_all "$(find "$WORK/down" -type f ! -name '.*' | wc -l)" $FILES
  (cd "$WORK/down" && find . -type f ! -name '.*' -printf '%P\n') | while read -r name; do
    cmp "$WORK/Kits/$name" "$WORK/down/$name" # each is whole
  done
  : > "$WORK/down/.cratedrive-sync-aB3xY9"
  touch -d '2 hours ago' "$WORK/down/.cratedrive-sync-aB3xY9" # of one that was killed
  run sync s3://synced "$WORK/down"
  test ! -e "$WORK/down/.cratedrive-sync-aB3xY9"
  find "$WORK/down" -name '.cratedrive-sync-*' -delete # of the one before, which might still run
  same "$(sums "$WORK/Kits")" "$(sums "$WORK/down")" "what came down"
}

s3_start > /dev/null
rclone mkdir S3:others
case_ok an_import_that_is_killed_goes_on early journal.after_append:60
case_ok an_import_that_is_killed_goes_on late batch.after_upload:20
case_ok what_was_imported_needs_no_second_hearing late
case_ok objects_of_others_are_labelled_where_they_lie
case_ok a_sync_up_that_is_killed_goes_on
case_ok a_sync_down_that_is_killed_goes_on
finish
