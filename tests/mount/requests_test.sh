#!/usr/bin/env bash
# What everyday work costs in requests of the kernel. Counted, not timed, so that no slow machine fails it.
source "$(dirname "$0")/../support/suite.sh" "$@"

BUCKET=$WORK/bucket DRIVE=$WORK/drive URL=file://$WORK/bucket FILES=300
mkdir "$BUCKET" "$WORK/source"
for i in $(seq $FILES); do head -c 3000 /dev/urandom > "$WORK/source/$i.wav"; done

requests() { awk '$1 == "cratedrive_fs_requests_total" { print $2 }' "$DRIVE/.cratedrive/metrics"; }
# The look at the counter is some ten requests itself.
at_most() { # REQUESTS COMMAND…
  local before most=$1
  shift
  before=$(requests)
  "$@"
  echo "$(($(requests) - before)) requests, at most $most: $*"
  test $(($(requests) - before)) -le "$most"
}
stats() { # TIMES PATH
  python3 -c 'import os, sys; print(sum(os.path.exists(sys.argv[2]) for _ in range(int(sys.argv[1]))))' "$@"
}

the_drive_mounts() { mount_drive "$URL" "$DRIVE" > /dev/null; }

# Look for the name, create, ask for capabilities, write, close (two), and look at the folder that has changed.
a_copy_into_the_inbox_is_seven_requests_a_file() {
  at_most $((FILES * 7 + FILES / 2)) cp -r "$WORK/source" "$DRIVE/inbox/"
}

a_name_that_means_nothing_is_asked_for_once_a_second() { # and a slow machine takes some
  mkdir "$DRIVE/known"
  at_most 150 stats 500 "$DRIVE/inbox/nothing"
  at_most 150 stats 500 "$DRIVE/known/nothing"
}

it_is_seen_as_soon_as_it_means_something() {
  same 0 "$(stats 3 "$DRIVE/known/soon")"
  echo soon > "$DRIVE/known/soon"
  same 3 "$(stats 3 "$DRIVE/known/soon")"
  same 0 "$(stats 3 "$DRIVE/known/later")"
  mv "$DRIVE/known/soon" "$DRIVE/known/later"
  same 3 "$(stats 3 "$DRIVE/known/later")"
  same 0 "$(stats 3 "$DRIVE/known/soon")"
}

# The batch files it by itself, and tells the kernel.
a_file_that_was_filed_is_seen_in_the_library() {
  echo one > "$WORK/one.txt"
  cp "$WORK/one.txt" "$DRIVE/inbox/"
  within 60 cmp "$WORK/one.txt" "$DRIVE/one.txt"
}

case_ok the_drive_mounts
case_ok a_copy_into_the_inbox_is_seven_requests_a_file
case_ok a_name_that_means_nothing_is_asked_for_once_a_second
case_ok it_is_seen_as_soon_as_it_means_something
case_ok a_file_that_was_filed_is_seen_in_the_library
finish
