#!/usr/bin/env bash
# A drive on a folder as the bucket does what programs expect of a file system.
source "$(dirname "$0")/../support/suite.sh" "$@"
source "$SUPPORT/drive_cases.sh"

BUCKET=$WORK/bucket DRIVE=$WORK/drive URL=file://$WORK/bucket
mkdir "$BUCKET"
fetch_bucket() { cp -r "$BUCKET" "$1"; }

mount_says_so_in_one_line() {
  mount_drive "$URL" "$DRIVE" > "$WORK/said"
  same 1 "$(wc -l < "$WORK/said")" "lines that mount said"
}

umount_drains_and_ends_the_daemon() {
  local pid
  pid=$(daemon_of "$DRIVE")
  head -c 1000000 /dev/urandom > "$WORK/last"
  cp "$WORK/last" "$DRIVE/last"
  unmount_drive "$DRIVE"
  cmp "$WORK/last" "$BUCKET/last"
  refuses mountpoint -q "$DRIVE"
  within 5 refuses test -d "/proc/$pid"
}

umount_now_leaves_the_rest_for_the_next_mount() {
  mount_drive "$URL" "$DRIVE" > /dev/null
  head -c 20000000 /dev/urandom > "$WORK/later"
  cp "$WORK/later" "$DRIVE/later"
  timeout 30 "$CRATEDRIVE" umount --now "$DRIVE"
  refuses mountpoint -q "$DRIVE"
  mount_drive "$URL" "$DRIVE" > /dev/null
  cmp "$WORK/later" "$DRIVE/later"
  drained "$DRIVE" 30
  cmp "$WORK/later" "$BUCKET/later"
}

case_ok mount_says_so_in_one_line
drive_cases
case_ok umount_drains_and_ends_the_daemon
case_ok umount_now_leaves_the_rest_for_the_next_mount
finish
