#!/usr/bin/env bash
# Whatever the workload, the drive stays within its bounds: memory, staging room, cache disk, descriptors, entries.
source "$(dirname "$0")/../support/suite.sh" "$@"

BUCKET=$WORK/bucket DRIVE=$WORK/drive URL=file://$WORK/bucket MANY=${MANY:-10000}
ENTRIES=${ENTRIES:-$MANY}
mkdir "$BUCKET"
control() { echo "$1" > "$DRIVE/.cratedrive/control"; }
many() { python3 "$SUPPORT/many_files.py" "$@"; }

the_drive_mounts() { mount_drive "$URL" "$DRIVE" "$@" > /dev/null; }
it_unmounts() { unmount_drive "$DRIVE" > /dev/null; }

a_full_staging_area_slows_writers_and_loses_nothing() {
  local i
  mkdir "$DRIVE/slow"
  head -c 8000000 /dev/urandom > "$WORK/eight"
  for i in $(seq 12); do timeout 60 cp "$WORK/eight" "$DRIVE/slow/$i"; done # 96 MB through 32 MiB
  drained "$DRIVE" 20
  for i in $(seq 12); do cmp "$WORK/eight" "$BUCKET/slow/$i"; done
}

without_uploads_it_says_no_space_and_keeps_what_it_has() {
  local i written=0 status=0
  control offline
  mkdir "$DRIVE/full"
  for i in $(seq 8); do
    timeout 60 cp "$WORK/eight" "$DRIVE/full/$i" 2> "$WORK/err" || { status=$?; break; }
    written=$i
  done
  test $status != 0 && test $status != 124
  grep -qi 'no space' "$WORK/err"
  test "$written" -ge 2
  for i in $(seq "$written"); do cmp "$WORK/eight" "$DRIVE/full/$i"; done
  cmp "$WORK/eight" "$DRIVE/slow/1"
  control online
  drained "$DRIVE" 20
  for i in $(seq "$written"); do cmp "$WORK/eight" "$BUCKET/full/$i"; done
  timeout 60 cp "$WORK/eight" "$DRIVE/full/again"
  drained "$DRIVE" 20
  cmp "$WORK/eight" "$BUCKET/full/again"
}

a_sparse_file_of_50_GiB_costs_its_ends() {
  control pause
  python3 - "$DRIVE/sparse" <<'PYTHON'
import os, sys
size = 50 << 30
with open(sys.argv[1], "w+b") as file:
    file.write(b"first")
    file.seek(size - 4)
    file.write(b"last")
    file.flush()
    assert os.fstat(file.fileno()).st_size == size
    assert os.pread(file.fileno(), 10, 0) == b"first" + bytes(5)
    assert os.pread(file.fileno(), 10, size - 6) == b"\0\0last"
    assert os.pread(file.fileno(), 1 << 20, 25 << 30) == bytes(1 << 20)
PYTHON
  test "$(du -sk "$XDG_STATE_HOME" | cut -f1)" -lt 100000
  kill_drive "$DRIVE"
  mount_drive "$URL" "$DRIVE" --staging-size 32MiB > /dev/null
  control pause
  same $((50 << 30)) "$(stat -c %s "$DRIVE/sparse")"
  same last "$(tail -c 4 "$DRIVE/sparse")"
  echo beside > "$DRIVE/beside" # it takes no room of others
  rm "$DRIVE/sparse"
  control resume
  drained "$DRIVE" 20
  refuses test -e "$BUCKET/sparse"
  same beside "$(cat "$BUCKET/beside")"
}

a_full_cache_disk_fails_no_read() { # a file system of 24 MiB for it
  mkdir -p "$WORK/small-disk"
  mount -t tmpfs -o size=24m cratedrive-test "$WORK/small-disk"
  trap 'umount -l "$WORK/small-disk"' EXIT
  head -c 100000000 /dev/urandom > "$BUCKET/large"
  mount_drive "$URL" "$DRIVE" --cache-dir "$WORK/small-disk" > /dev/null
  cmp "$BUCKET/large" "$DRIVE/large"
  cp "$WORK/eight" "$DRIVE/after-full"
  ls -l "$DRIVE/slow" > /dev/null
  cmp "$WORK/eight" "$DRIVE/slow/3"
  drained "$DRIVE" 20
  cmp "$WORK/eight" "$BUCKET/after-full"
  jq -e '.checks[] | select((.subject == "cache" or .subject == "cache disk") and .state != "ok" and .cure != "")' \
    "$DRIVE/.cratedrive/health.json"
  rm "$DRIVE/large" "$DRIVE/after-full"
  drained "$DRIVE" 20
  it_unmounts
}

few_descriptors_refuse_cleanly() {
  mkdir "$BUCKET/descriptors"
  many make "$BUCKET/descriptors" 600
  (
    ulimit -n 256
    mount_drive "$URL" "$DRIVE" > /dev/null
  )
  control rescan
  (
    ulimit -n 4096
    many descriptors "$DRIVE/descriptors" 600
  )
  # All of it is given back.
  same 1 "$(cat "$DRIVE/descriptors/000001")"
  echo afterwards > "$DRIVE/afterwards"
  drained "$DRIVE" 20
  same afterwards "$(cat "$BUCKET/afterwards")"
  it_unmounts
}

many_uploads_can_wait() { # MANY of them, over a restart
  mkdir "$DRIVE/many"
  drained "$DRIVE" 20
  control offline
  many make "$DRIVE/many" "$MANY"
  test "$(pending_uploads "$DRIVE")" -ge "$MANY"
  timeout 20 cat "$DRIVE/.cratedrive/uploads" > "$WORK/uploads"
  grep -q 'and .* more' "$WORK/uploads"
  note_peak "$DRIVE"
  kill_drive "$DRIVE"
  mount_drive "$URL" "$DRIVE" > /dev/null # within the 60 s that it is given
  control pause
  test "$(pending_uploads "$DRIVE")" -gt 0
  many check "$DRIVE/many" "$MANY" 1000
}

many_entries_in_one_folder() { # as somebody else put them there
  mkdir "$BUCKET/entries"
  many make "$BUCKET/entries" "$ENTRIES"
  mount_drive "$URL" "$DRIVE" > /dev/null
  control rescan
  within 60 test -e "$DRIVE/entries" # where the store is slow, the old listing serves until it has answered
  many check "$DRIVE/entries" "$ENTRIES" 1000
  same "$ENTRIES" "$(ls -f "$DRIVE/entries" | grep -c '^[0-9]')" "entries"
  it_unmounts
}

case_ok the_drive_mounts --staging-size 32MiB
case_ok a_full_staging_area_slows_writers_and_loses_nothing
case_ok without_uploads_it_says_no_space_and_keeps_what_it_has
case_ok a_sparse_file_of_50_GiB_costs_its_ends
case_ok it_unmounts
# Others have no way to make a disk that fills up; the same is tested with a disk in memory in tests/cache.
if [ "$(id -u)" = 0 ]; then case_ok a_full_cache_disk_fails_no_read; fi
# UBSan looks at virtual pointers through a pipe: without descriptors it ends the program for no fault of its own.
sanitized || case_ok few_descriptors_refuse_cleanly
case_ok many_entries_in_one_folder
case_ok the_drive_mounts
case_ok many_uploads_can_wait
finish
