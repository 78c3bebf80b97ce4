#!/usr/bin/env bash
# Without the store: mount, read what is cached, write, rename, drop a batch. All of it catches up when the store is back, be it
# that it was away or that the drive was told to stay away.
source "$(dirname "$0")/../support/suite.sh" "$@"
source "$SUPPORT/fault_cases.sh"

DRIVE=$WORK/drive URL=s3://crate
export CRATEDRIVE_SETTLE=500ms

control() { echo "$1" > "$DRIVE/.cratedrive/control"; }
batch_is() { [ "$(jq -r '.batches[0].state' "$DRIVE/.cratedrive/status.json")" = "$1" ]; }
gone_from_inbox() { [ ! -e "$DRIVE/inbox/$1" ]; }
in_bucket() { [ "$(rclone cat "S3:crate/$1" 2> /dev/null)" = "$2" ]; }
objects_of() { rclone lsf -R --files-only "S3:crate/$1" | sort | paste -sd' '; }

# Everything that people do, with names that end in $1.
work_offline() {
  cmp "$WORK/cached" "$DRIVE/lib/cached"
  same "a b cached deep" "$(ls "$DRIVE/lib" | grep -vE 'away|purpose' | paste -sd' ')" "a known folder"
  echo new > "$DRIVE/lib/new-$1"
  same new "$(cat "$DRIVE/lib/new-$1")"
  echo "changed $1" > "$DRIVE/lib/a"
  echo "more $1" >> "$DRIVE/lib/a"
  same "changed $1 more $1" "$(paste -sd' ' "$DRIVE/lib/a")"
  mkdir "$DRIVE/lib/folder-$1"
  echo inside > "$DRIVE/lib/folder-$1/inside"
  mv "$DRIVE/lib/folder-$1" "$DRIVE/lib/moved-$1"
  mv "$DRIVE/lib/b" "$DRIVE/lib/b-$1"
  ln -s ../lib/a "$DRIVE/lib/link-$1"
  chmod 600 "$DRIVE/lib/a"
  mkdir "$WORK/drop-$1"
  head -c 50000 /dev/urandom > "$WORK/drop-$1/one.bin"
  head -c 60000 /dev/urandom > "$WORK/drop-$1/two.bin"
  cp -r "$WORK/drop-$1" "$DRIVE/inbox/"
  # What is unknown is an error, never "no such file".
  cat "$DRIVE/lib/deep/unknown" > /dev/null 2> "$WORK/err" && return 1
  refuses grep -qi 'no such file' "$WORK/err"
  test "$(pending_uploads "$DRIVE")" -gt 5
}

caught_up() { # SUFFIX
  drained "$DRIVE" 90
  in_bucket "lib/new-$1" new
  in_bucket lib/a "changed $1
more $1"
  in_bucket "lib/moved-$1/inside" inside
  in_bucket "lib/b-$1" b
  same "" "$(objects_of "lib/folder-$1")" "objects of the old name"
  within 60 gone_from_inbox "drop-$1"
  drained "$DRIVE" 60
  rclone cat "S3:crate/drop-$1/one.bin" | cmp - "$WORK/drop-$1/one.bin"
  rclone cat "S3:crate/drop-$1/two.bin" | cmp - "$WORK/drop-$1/two.bin"
  mv "$DRIVE/lib/b-$1" "$DRIVE/lib/b"
  drained "$DRIVE" 30
}

a_new_drive_is_not_mounted_without_the_store() {
  local status=0
  proxy_rules refuse
  mkdir -p "$DRIVE"
  timeout 60 "$CRATEDRIVE" mount "$URL" "$DRIVE" 2> "$WORK/err" || status=$?
  test $status != 0
  same 1 "$(wc -l < "$WORK/err")" "lines on stderr"
  grep -q 'nothing answers' "$WORK/err"
  refuses mountpoint -q "$DRIVE"
  proxy_rules
}

the_drive_mounts() {
  head -c 300000 /dev/urandom > "$WORK/cached"
  rclone copyto "$WORK/cached" S3:crate/lib/cached
  rclone copyto "$WORK/cached" S3:crate/lib/deep/unknown
  echo a | rclone rcat S3:crate/lib/a
  echo b | rclone rcat S3:crate/lib/b
  mount_drive "$URL" "$DRIVE" > /dev/null
  cmp "$WORK/cached" "$DRIVE/lib/cached"
  cat "$DRIVE/lib/a" "$DRIVE/lib/b" > /dev/null
  ls "$DRIVE/lib/deep" > /dev/null
}

a_mount_without_the_store_works_and_catches_up() {
  unmount_drive "$DRIVE" > /dev/null
  proxy_rules refuse
  mount_drive "$URL" "$DRIVE" > "$WORK/mounted"
  grep -q 'the store is away' "$WORK/mounted"
  work_offline away
  same unreachable "$(store_state)"
  kill_drive "$DRIVE"
  mount_drive "$URL" "$DRIVE" > /dev/null
  same "changed away more away" "$(paste -sd' ' "$DRIVE/lib/a")"
  cmp "$WORK/drop-away/one.bin" "$DRIVE/inbox/drop-away/one.bin" || cmp "$WORK/drop-away/one.bin" "$DRIVE/drop-away/one.bin"
  proxy_rules
  caught_up away
}

offline_on_purpose_asks_nothing_of_the_store_until_online() {
  proxy_ask forget > /dev/null
  control offline
  within 10 store_is offline
  same offline "$(jq -r .state "$DRIVE/.cratedrive/status.json")"
  local before
  before=$(proxy_requests)
  work_offline purpose
  same "$before" "$(proxy_requests)" "requests while offline"
  events_say '"now":"offline"'
  jq -e '.checks[] | select(.subject == "store" and .state == "note" and (.cure | test("online")))' "$DRIVE/.cratedrive/health.json"
  control online
  caught_up purpose
  within 20 store_is ok
}
proxy_requests() { proxy_ask counts | awk '$1 != "connections" { n += $2 } END { print n + 0 }'; }

a_warm_remount_lists_from_disk() {
  unmount_drive "$DRIVE" > /dev/null
  CRATEDRIVE_METADATA_TTL=1h mount_drive "$URL" "$DRIVE" > /dev/null
  proxy_ask forget > /dev/null
  ls -lR "$DRIVE/lib" > "$WORK/listing"
  grep -q cached "$WORK/listing"
  cmp "$WORK/cached" "$DRIVE/lib/cached"
  same 0 "$(proxy_requests)" "requests for a warm listing"
}

fault_start
case_ok a_new_drive_is_not_mounted_without_the_store
case_ok the_drive_mounts
case_ok a_mount_without_the_store_works_and_catches_up
case_ok offline_on_purpose_asks_nothing_of_the_store_until_online
case_ok a_warm_remount_lists_from_disk
unmount_drive "$DRIVE" > /dev/null 2>&1
finish
