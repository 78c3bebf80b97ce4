#!/usr/bin/env bash
# fsck finds what was really damaged, repairs what it can, and says plainly what it cannot; a cache block that is damaged
# under a mounted drive is fetched again.
source "$(dirname "$0")/../support/suite.sh" "$@"

BUCKET=$WORK/bucket DRIVE=$WORK/drive URL=file://$WORK/bucket
mkdir "$BUCKET"

fsck() { # code flag… → report in $WORK/report
  local wanted=$1 code=0
  shift
  timeout 60 "$CRATEDRIVE" fsck "$URL" "$@" > "$WORK/report" 2> "$WORK/said" || code=$?
  same "$wanted" "$code" "exit code of fsck $*" || { cat "$WORK/report" "$WORK/said"; return 1; }
}
says() { grep -qF -- "$1" "$WORK/report" || { echo "the report does not say: $1"; cat "$WORK/report"; return 1; }; }
state() { echo "$XDG_STATE_HOME"/cratedrive/*/; }
cache() { echo "$XDG_CACHE_HOME"/cratedrive/*/; }
flip() { # FILE OFFSET: one bit
  python3 - "$1" "$2" << 'PY'
import sys
with open(sys.argv[1], "r+b") as f:
    f.seek(int(sys.argv[2])); b = f.read(1)
    f.seek(int(sys.argv[2])); f.write(bytes([b[0] ^ 4]))
PY
}
block_file() { find "$(cache)blocks" -type f | sort | head -n 1; }
all_blocks() { [ "$(find "$(cache)blocks" -type f | wc -l)" -ge 3 ]; }
warm() { # a file of 3 MB is in the cache, and in no kernel's memory
  mount_drive "$URL" "$DRIVE" > /dev/null
  cmp "$WORK/long" "$DRIVE/long"
  within 20 all_blocks
}

a_drive_that_is_well_says_so() {
  head -c 3000000 /dev/urandom > "$WORK/long"
  cp "$WORK/long" "$BUCKET/long"
  warm
  echo small > "$DRIVE/small"
  drained "$DRIVE"
  unmount_drive "$DRIVE"
  fsck 0
  says "all is well"
  fsck 0 --store --read
  says "2 objects"
  fsck 0 --json
  same 0 "$(jq .left "$WORK/report")" "findings left"
}

# S26 "It refuses while the drive is mounted."
it_refuses_while_the_drive_is_mounted() {
  mount_drive "$URL" "$DRIVE" > /dev/null
  fsck 5 --repair
  grep -q "mounted" "$WORK/said"
  local code=0
  "$CRATEDRIVE" fsck "$DRIVE" > /dev/null 2>&1 || code=$?
  same 5 "$code" "exit code for the mount point"
  unmount_drive "$DRIVE"
  timeout 60 "$CRATEDRIVE" fsck "$DRIVE"
}

a_flipped_bit_in_a_block_is_found_and_the_block_dropped() {
  local block
  block=$(block_file)
  flip "$block" 70000
  fsck 1
  says "its checksum does not hold"
  test -e "$block"
  fsck 0 --repair
  refuses test -e "$block"
  fsck 0
  warm
  unmount_drive "$DRIVE"
}

lost_and_strange_block_files_are_found() {
  mv "$(block_file)" "$(cache)blocks/stranger"
  mkdir "$(cache)blocks/zz"
  mv "$(cache)blocks/stranger" "$(cache)blocks/zz/"
  fsck 1
  says "its file is not there"
  says "1 files are none of the cache's"
  fsck 0 --repair
  fsck 0
}

pending_files() { # two files that the bucket does not have yet
  mount_drive "$URL" "$DRIVE" > /dev/null
  echo pause > "$DRIVE/.cratedrive/control"
  echo "only here" > "$DRIVE/first"
  echo "and this" > "$DRIVE/second"
  timeout 30 "$CRATEDRIVE" umount --now "$DRIVE"
}

damaged_staged_files_are_named_and_nothing_of_them_is_touched() {
  pending_files
  local files
  mapfile -t files < <(find "$(state)staged" -type f | sort)
  same 2 "${#files[@]}" "staged files"
  flip "${files[0]}" 2
  mv "${files[1]}" "$WORK/kept"
  fsck 1 --repair
  says "first: its local bytes are not those that were written"
  says "second: its local bytes are gone"
  says "cannot be repaired"
  flip "${files[0]}" 2
  mv "$WORK/kept" "${files[1]}"
  fsck 0
}

orphans_are_set_aside_and_named() {
  echo "nobody else has this" > "$(state)staged/00000000000fffff"
  fsck 1
  says "no record speaks of it"
  test -e "$(state)staged/00000000000fffff"
  fsck 0 --repair
  says "moved to $(state)lost+found/00000000000fffff"
  grep -q nobody "$(state)lost+found/00000000000fffff"
  fsck 0
  says "set aside"
}

a_damaged_journal_is_cut_where_it_holds_and_the_rest_is_kept() {
  local size
  size=$(stat -c %s "$(state)log")
  cp "$(state)log" "$WORK/log"
  flip "$(state)log" 10
  fsck 1
  says "its header is damaged"
  fsck 0 --repair
  cmp "$WORK/log" "$(state)log"
  flip "$(state)log" $((size - 3))
  fsck 1
  says "cannot be read"
  same "$size" "$(stat -c %s "$(state)log")" "size of the log after a mere look"
  fsck 0 --repair
  says "log-tail"
  cp "$WORK/log" "$(state)log"
  fsck 0
  mount_drive "$URL" "$DRIVE" > /dev/null
  echo resume > "$DRIVE/.cratedrive/control"
  drained "$DRIVE"
  grep -q "only here" "$BUCKET/first"
  unmount_drive "$DRIVE"
}

the_library_is_compared_with_the_bucket() {
  warm
  ls "$DRIVE" > /dev/null
  unmount_drive "$DRIVE"
  rm "$BUCKET/small"
  echo other > "$BUCKET/first"
  fsck 1 --store
  says "small: was stored, and the bucket does not have it any more"
  says "first: the bucket has another version"
  fsck 0 --store --repair
  mount_drive "$URL" "$DRIVE" > /dev/null
  refuses test -e "$DRIVE/small"
  same other "$(cat "$DRIVE/first")" "bytes of the other version"
  unmount_drive "$DRIVE"
  fsck 0 --store
}

a_store_that_is_away_is_said_with_its_own_code() {
  mv "$BUCKET" "$WORK/away"
  fsck 3 --store
  fsck 0
  mv "$WORK/away" "$BUCKET"
}

bits_that_flip_in_a_mounted_cache_are_healed_on_read() {
  warm
  unmount_drive "$DRIVE"
  mount_drive "$URL" "$DRIVE" > /dev/null # so that neither the kernel nor the daemon has the bytes in memory
  flip "$(block_file)" 100000
  cmp "$WORK/long" "$DRIVE/long"
  grep -qE '^cratedrive_cache_corrupt_blocks_total [1-9]' "$DRIVE/.cratedrive/metrics"
  unmount_drive "$DRIVE"
  fsck 0
}

a_folder_that_is_no_drive_is_refused() {
  local code=0
  "$CRATEDRIVE" fsck "$WORK/home" > /dev/null 2> "$WORK/said" || code=$?
  same 1 "$code" "exit code"
  grep -q "neither the URL of a drive nor" "$WORK/said"
}

case_ok a_drive_that_is_well_says_so
case_ok it_refuses_while_the_drive_is_mounted
case_ok a_flipped_bit_in_a_block_is_found_and_the_block_dropped
case_ok lost_and_strange_block_files_are_found
case_ok damaged_staged_files_are_named_and_nothing_of_them_is_touched
case_ok orphans_are_set_aside_and_named
case_ok a_damaged_journal_is_cut_where_it_holds_and_the_rest_is_kept
case_ok the_library_is_compared_with_the_bucket
case_ok a_store_that_is_away_is_said_with_its_own_code
case_ok bits_that_flip_in_a_mounted_cache_are_healed_on_read
case_ok a_folder_that_is_no_drive_is_refused
finish
