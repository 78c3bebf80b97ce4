#!/usr/bin/env bash
# Two drives on one bucket, as two machines have them: what one stores the other sees, nobody is overwritten blindly, and an open
# file is one version.
source "$(dirname "$0")/../support/suite.sh" "$@"

LEFT=$WORK/left RIGHT=$WORK/right URL=s3://crate/shared
export CRATEDRIVE_METADATA_TTL=1s CRATEDRIVE_READ_AHEAD=0 CRATEDRIVE_UPLOAD_DELAY=0s

mount_left() { mount_drive "$URL" "$LEFT" "$@" > /dev/null; }
mount_right() { mount_drive "$URL" "$RIGHT" --state-dir "$WORK/right-state" --cache-dir "$WORK/right-cache" "$@" > /dev/null; }
both_drained() { drained "$LEFT" && drained "$RIGHT"; }
offline() { local drive; for drive in "$@"; do echo offline > "$drive/.cratedrive/control"; done; }
online() { local drive; for drive in "$@"; do echo online > "$drive/.cratedrive/control"; done; }
shows() { [ "$(cat "$1" 2> /dev/null)" = "$2" ]; }
rescan() { local drive; for drive in "$@"; do echo rescan > "$drive/.cratedrive/control"; done; }
in_bucket() { [ "$(rclone cat "S3:crate/shared/$1" 2> /dev/null)" = "$2" ]; }
conflict_copy() { rclone cat S3:crate/shared/"$(dirname "$1")" --include "$(basename "$1") (conflict*"; } # PATH without extension

both_mount() {
  rclone mkdir S3:crate
  mount_left
  mount_right
  mkdir "$LEFT/a"
  drained "$LEFT"
  within 10 test -d "$RIGHT/a"
}

# S21 "is seen within `metadata_ttl` (60 s)"
what_one_stores_the_other_sees() {
  echo one > "$LEFT/a/seen"
  drained "$LEFT"
  within 10 shows "$RIGHT/a/seen" one
  echo two > "$RIGHT/a/seen"
  drained "$RIGHT"
  within 10 shows "$LEFT/a/seen" two
  mv "$LEFT/a/seen" "$LEFT/a/renamed"
  drained "$LEFT"
  within 10 shows "$RIGHT/a/renamed" two
  within 10 refuses test -e "$RIGHT/a/seen"
  rm "$RIGHT/a/renamed"
  drained "$RIGHT"
  within 10 refuses test -e "$LEFT/a/renamed"
}

with_a_ttl_of_0_the_next_open_sees_it() {
  local i
  unmount_drive "$RIGHT" > /dev/null
  mount_right --metadata-ttl 0
  for i in 1 2 3 4 5; do
    echo "content $i" > "$LEFT/a/checked"
    drained "$LEFT"
    same "content $i" "$(cat "$RIGHT/a/checked")"
  done
  unmount_drive "$RIGHT" > /dev/null
  mount_right
}

# S11 "An upload never overwrites a version that this mount has not seen."
concurrent_writers_keep_both_versions() { # BYTES: small ones go in one PUT, large ones in parts
  local name=both-$1
  head -c "$1" /dev/urandom > "$WORK/ours"
  head -c "$1" /dev/urandom > "$WORK/theirs"
  echo base > "$LEFT/a/$name.wav"
  drained "$LEFT"
  within 10 shows "$RIGHT/a/$name.wav" base
  offline "$LEFT" "$RIGHT"
  cp "$WORK/ours" "$LEFT/a/$name.wav"
  cp "$WORK/theirs" "$RIGHT/a/$name.wav"
  online "$LEFT"
  drained "$LEFT"
  online "$RIGHT"
  both_drained
  rescan "$LEFT" "$RIGHT"
  rclone cat "S3:crate/shared/a/$name.wav" | cmp - "$WORK/ours"
  conflict_copy "a/$name" | cmp - "$WORK/theirs"
  # Both drives show both, and the one whose version gave way says so.
  cmp "$WORK/ours" "$RIGHT/a/$name.wav"
  within 10 cmp "$WORK/theirs" "$LEFT/a/$name (conflict"*.wav
  cmp "$WORK/theirs" "$RIGHT/a/$name (conflict"*.wav
  grep -q "\"event\":\"conflict\".*$name" "$RIGHT/.cratedrive/events.jsonl"
  refuses grep -q "\"event\":\"conflict\".*$name" "$LEFT/.cratedrive/events.jsonl"
}

new_files_of_one_name_are_both_kept() {
  offline "$LEFT" "$RIGHT"
  echo left > "$LEFT/a/new"
  echo right > "$RIGHT/a/new"
  online "$LEFT" "$RIGHT"
  both_drained
  same "left right" "$(rclone cat S3:crate/shared/a --include 'new*' | sort | paste -sd' ')" "what is kept"
}

# S20 "An open file is one version from first byte to last."
an_open_file_never_mixes_versions() {
  head -c 6000000 /dev/zero | tr '\0' A > "$WORK/version-a"
  head -c 6000000 /dev/zero | tr '\0' B > "$WORK/version-b"
  cp "$WORK/version-a" "$LEFT/a/versions"
  drained "$LEFT"
  within 10 cmp "$WORK/version-a" "$RIGHT/a/versions"
  unmount_drive "$RIGHT" > /dev/null
  rm -rf "$WORK/right-cache"
  mount_right
  python3 - "$RIGHT" "$LEFT" "$WORK/version-b" <<'PYTHON'
import errno, os, shutil, sys, time, json
right, left, other = sys.argv[1:]
reader = os.open(right + "/a/versions", os.O_RDONLY)
os.posix_fadvise(reader, 0, 0, os.POSIX_FADV_RANDOM)
assert os.pread(reader, 4096, 0) == b"A" * 4096 and os.pread(reader, 4096, 2_000_000) == b"A" * 4096
shutil.copy(other, left + "/a/versions")
while json.load(open(left + "/.cratedrive/status.json"))["pending_uploads"] > 0:
    time.sleep(0.05)
open(right + "/.cratedrive/control", "w").write("rescan\n")
os.stat(right + "/a/versions")
stale = 0
for place in range(0, 6_000_000, 500_000):
    try:
        piece = os.pread(reader, 4096, place)
        assert piece == b"A" * len(piece), f"other bytes at {place}"
    except OSError as error:
        assert error.errno == errno.ESTALE, error
        stale += 1
assert stale > 0, "nothing was uncached: this showed nothing"
os.close(reader)
end = time.monotonic() + 20
while True: # metadata_ttl, and a busy machine
    try:
        again = open(right + "/a/versions", "rb").read()
    except OSError as error:
        assert error.errno == errno.ESTALE, error
        again = b""
    if again == b"B" * 6_000_000 or time.monotonic() > end:
        break
    assert again in (b"", b"A" * 6_000_000), "a mixture"
    time.sleep(0.05)
assert again == b"B" * 6_000_000, "a new open shows the new version"
PYTHON
}

a_removal_there_does_not_take_what_was_written_here() {
  echo base > "$LEFT/a/removed"
  drained "$LEFT"
  within 10 shows "$RIGHT/a/removed" base
  offline "$RIGHT"
  echo changed > "$RIGHT/a/removed"
  rm "$LEFT/a/removed"
  drained "$LEFT"
  online "$RIGHT"
  both_drained
  in_bucket a/removed changed
  rescan "$LEFT"
  within 10 shows "$LEFT/a/removed" changed
}

a_change_there_is_not_taken_by_a_removal_here() {
  echo base > "$LEFT/a/changed"
  drained "$LEFT"
  within 10 shows "$RIGHT/a/changed" base
  offline "$RIGHT"
  rm "$RIGHT/a/changed"
  echo newer > "$LEFT/a/changed"
  drained "$LEFT"
  online "$RIGHT"
  both_drained
  in_bucket a/changed newer
  within 10 shows "$RIGHT/a/changed" newer
}

a_rename_there_meets_a_change_here() {
  echo base > "$LEFT/a/old-name"
  drained "$LEFT"
  within 10 shows "$RIGHT/a/old-name" base
  offline "$RIGHT"
  echo changed > "$RIGHT/a/old-name"
  mv "$LEFT/a/old-name" "$LEFT/a/new-name"
  drained "$LEFT"
  online "$RIGHT"
  both_drained
  in_bucket a/new-name base
  in_bucket a/old-name changed
}

a_folder_that_goes_there_does_not_take_a_new_file_here() { # rename | remove
  mkdir "$LEFT/a/folder-$1"
  echo old > "$LEFT/a/folder-$1/old"
  drained "$LEFT"
  within 10 shows "$RIGHT/a/folder-$1/old" old
  offline "$RIGHT"
  echo new > "$RIGHT/a/folder-$1/new"
  if [ "$1" = rename ]; then mv "$LEFT/a/folder-$1" "$LEFT/a/moved-$1"; else rm -r "$LEFT/a/folder-$1"; fi
  drained "$LEFT"
  online "$RIGHT"
  both_drained
  in_bucket "a/folder-$1/new" new
  if [ "$1" = rename ]; then in_bucket "a/moved-$1/old" old; fi
  rescan "$LEFT" "$RIGHT"
  within 10 shows "$LEFT/a/folder-$1/new" new
  within 10 shows "$RIGHT/a/folder-$1/new" new
}

a_file_that_is_open_there_outlives_its_removal_here() {
  head -c 100000 /dev/urandom > "$WORK/open"
  cp "$WORK/open" "$LEFT/a/open"
  drained "$LEFT"
  within 10 cmp "$WORK/open" "$RIGHT/a/open"
  exec 9< "$RIGHT/a/open"
  rm "$LEFT/a/open"
  drained "$LEFT"
  rescan "$RIGHT"
  within 10 refuses test -e "$RIGHT/a/open"
  cmp "$WORK/open" - <&9 # it is cached; were it not, ESTALE
  exec 9<&-
}

a_crash_in_the_middle_of_a_conflict_keeps_both() {
  echo base > "$LEFT/a/crashed"
  drained "$LEFT"
  within 10 shows "$RIGHT/a/crashed" base
  offline "$RIGHT"
  echo right > "$RIGHT/a/crashed"
  echo left > "$LEFT/a/crashed"
  drained "$LEFT"
  kill_drive "$RIGHT"
  mount_right
  both_drained
  in_bucket a/crashed left
  same right "$(conflict_copy a/crashed)"
}

health_says_what_the_store_honours() {
  jq -e '.checks[] | select(.subject == "conditions" and (.text | test("If-Match on PUT is honoured")))' "$LEFT/.cratedrive/health.json"
  jq -e '.checks[] | select(.subject == "conditions" and .state == "note" and (.text | test("not honoured: checked by HEAD")))' \
    "$LEFT/.cratedrive/health.json"
}

nothing_is_left_behind() {
  rescan "$LEFT" "$RIGHT"
  diff -r --exclude=.cratedrive --exclude=inbox "$LEFT" "$RIGHT"
  rclone copy S3:crate/shared "$WORK/fetched"
  diff -r --exclude=.cratedrive --exclude=inbox "$WORK/fetched" "$LEFT"
  same "" "$(rclone backend list-multipart-uploads S3:crate 2> /dev/null | jq -r '.[] | .[]?')" "uploads left"
}

s3_start > /dev/null
case_ok both_mount
case_ok what_one_stores_the_other_sees
case_ok with_a_ttl_of_0_the_next_open_sees_it
case_ok concurrent_writers_keep_both_versions 100000
case_ok concurrent_writers_keep_both_versions 20000000
case_ok new_files_of_one_name_are_both_kept
case_ok an_open_file_never_mixes_versions
case_ok a_removal_there_does_not_take_what_was_written_here
case_ok a_change_there_is_not_taken_by_a_removal_here
case_ok a_rename_there_meets_a_change_here
case_ok a_folder_that_goes_there_does_not_take_a_new_file_here rename
case_ok a_folder_that_goes_there_does_not_take_a_new_file_here remove
case_ok a_file_that_is_open_there_outlives_its_removal_here
case_ok a_crash_in_the_middle_of_a_conflict_keeps_both
case_ok health_says_what_the_store_honours
case_ok nothing_is_left_behind
unmount_drive "$LEFT" > /dev/null 2>&1
unmount_drive "$RIGHT" > /dev/null 2>&1
finish
