#!/usr/bin/env bash
# The store stalls with a thousand readers hanging and a hundred uploads queued: all that is local answers, the drive can be
# stopped, and when the store is back everybody gets the right bytes and nothing stays behind.
source "$(dirname "$0")/../support/suite.sh" "$@"
source "$SUPPORT/fault_cases.sh"

DRIVE=$WORK/drive URL=s3://crate READERS=1000
export CRATEDRIVE_CONNECTIONS=16
PATIENCE=10 # of whoever asks for something local: not a measure, only "not frozen"

soon() { timeout "$PATIENCE" "$@"; }
threads_of() { awk '/^Threads/ { print $2 }' "/proc/$1/status"; }
sockets_of() { find "/proc/$1/fd" -lname 'socket:*' 2> /dev/null | wc -l; }
hanging() { test "$(jq .cache.waiting "$DRIVE/.cratedrive/status.json")" -ge "$1"; }
no_more_than() { test "$("$2" "$3")" -le "$1"; } # COUNT function pid

start_readers() { # FILE
  rm -f "$WORK/ready" "$WORK/done"
  python3 "$SUPPORT/hanging_readers.py" "$READERS" "$WORK/ready" "$WORK/done" "$DRIVE/foreign/$1" \
    "$WORK/$1" > "$WORK/readers.log" 2>&1 &
  READER=$!
  remember_process $READER
  within 60 test -e "$WORK/ready"
}

queue_uploads() { # NAME
  local i
  mkdir "$DRIVE/$1"
  for i in $(seq 100); do echo "$1 $i" > "$DRIVE/$1/$i"; done
}

# S24 "is answered without the network, however many requests wait for it"
what_is_local_answers() {
  local name i
  for name in status status.json health health.json metrics uploads events.jsonl config.toml; do
    soon cat "$DRIVE/.cratedrive/$name" > /dev/null
  done
  soon cmp "$WORK/cached" "$DRIVE/known/cached"
  same 20 "$(soon ls "$DRIVE/known" | grep -c '^[0-9]')" "entries of a known folder"
  soon ls -l "$DRIVE/known" "$DRIVE" > /dev/null
  soon stat "$DRIVE/known/7" > /dev/null
  soon bash -c 'echo new > "$1" && cat "$1"' - "$DRIVE/known/new-$1" > /dev/null
  soon mv "$DRIVE/known/new-$1" "$DRIVE/known/moved-$1"
  soon rm "$DRIVE/known/moved-$1"
  soon "$CRATEDRIVE" status "$DRIVE" > /dev/null
  soon getfattr -n user.cratedrive.state "$DRIVE/known/cached" > /dev/null
}

an_interrupted_reader_is_gone() {
  local reader
  cat "$DRIVE/foreign/alone" > /dev/null 2>&1 &
  reader=$!
  within 10 bash -c '[ "$(cut -d" " -f3 < /proc/$1/stat)" = S ] || [ "$(cut -d" " -f3 < /proc/$1/stat)" = D ]' - $reader
  kill -INT $reader
  kill -TERM $reader # a background job of a script ignores SIGINT
  soon tail --pid=$reader -f /dev/null
}

the_drive_mounts() {
  local i
  mount_drive "$URL" "$DRIVE" > /dev/null
  mkdir "$DRIVE/known"
  head -c 300000 /dev/urandom > "$WORK/cached"
  cp "$WORK/cached" "$DRIVE/known/cached"
  for i in $(seq 20); do echo "$i" > "$DRIVE/known/$i"; done
  for i in stalled umount_now kill_term; do
    fresh "many-$i" 32000000
    within 20 test -e "$DRIVE/foreign/many-$i"
  done
  fresh alone 300000
  within 20 test -e "$DRIVE/foreign/alone"
  drained "$DRIVE" 60
}

a_stalled_store_freezes_nothing_and_leaves_nothing_behind() {
  local daemon threads sockets
  daemon=$(daemon_of "$DRIVE")
  threads=$(threads_of "$daemon") sockets=$(sockets_of "$daemon")
  proxy_rules stall_header
  queue_uploads queued
  start_readers many-stalled
  within 20 hanging $((READERS / 2))
  what_is_local_answers first
  an_interrupted_reader_is_gone
  within 20 store_is unreachable
  what_is_local_answers second
  # No thread for a reader.
  test "$(threads_of "$daemon")" -le $((threads + 4))
  proxy_rules
  touch "$WORK/done"
  within 90 bash -c '! kill -0 $1 2> /dev/null' - "$READER"
  cat "$WORK/readers.log"
  wait "$READER"
  drained "$DRIVE" 60
  same 100 "$(rclone lsf S3:crate/queued | wc -l)" "objects of the queue"
  within 20 no_more_than "$((threads + 1))" threads_of "$daemon"
  within 20 no_more_than "$((sockets + CRATEDRIVE_CONNECTIONS))" sockets_of "$daemon"
  same 0 "$(jq .cache.waiting "$DRIVE/.cratedrive/status.json")" "readers that wait"
}

it_ends_in_that_state() { # command… with the daemon's number as $DAEMON
  DAEMON=$(daemon_of "$DRIVE")
  local since
  since=$(start_time "$DAEMON")
  proxy_rules stall_header
  queue_uploads "queued-$1"
  start_readers "many-$1"
  within 20 hanging $((READERS / 2))
  "$@"
  # The watchdog's patience is 10 s; what is left is that of a busy machine.
  within 20 is_gone "$DAEMON" "$since"
  refuses mountpoint -q "$DRIVE"
  kill -KILL "$READER" 2> /dev/null || true # they may have ended with the mount
  proxy_rules
  mount_drive "$URL" "$DRIVE" > /dev/null
  drained "$DRIVE" 60
  same 100 "$(rclone lsf "S3:crate/queued-$1" | wc -l)" "objects of the queue"
  cmp "$WORK/many-$1" "$DRIVE/foreign/many-$1"
}
is_gone() { [ "$(start_time "$1")" != "$2" ] || grep -q '^State:.*[ZX]' "/proc/$1/status"; }
umount_now() { timeout 30 "$CRATEDRIVE" umount --now "$DRIVE"; }
kill_term() { kill -TERM "$DAEMON"; }

fault_start
case_ok the_drive_mounts
case_ok a_stalled_store_freezes_nothing_and_leaves_nothing_behind
case_ok it_ends_in_that_state umount_now
case_ok it_ends_in_that_state kill_term
unmount_drive "$DRIVE" > /dev/null 2>&1
finish
