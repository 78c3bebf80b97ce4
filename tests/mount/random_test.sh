#!/usr/bin/env bash
# Random operations on the drive and on a local disk never differ; nor does what the bucket has of them afterwards.
# The same operations each time, so that a run can be repeated; others and more by hand:
#   OPERATIONS=1000000 SEED=8 bash tests/mount/random_test.sh build
source "$(dirname "$0")/../support/suite.sh" "$@"

DRIVE=$WORK/drive URL=file://$WORK/bucket
OPERATIONS=${OPERATIONS:-5000} SEED=${SEED:-7}
mkdir "$WORK/bucket"

random_work_is_done_as_on_a_disk() {
  # Short delays, so that uploads meet the writers.
  mount_drive "$URL" "$DRIVE" --upload-delay 20ms --metadata-ttl 1s > /dev/null
  python3 "$SUPPORT/random_ops.py" "$DRIVE/work" "$WORK/disk" "$OPERATIONS" "$SEED" | tee "$WORK/said"
  grep -q "^$OPERATIONS operations without a difference" "$WORK/said"
  tail -n 1 "$WORK/said" >&3
}

the_bucket_has_what_the_disk_has() {
  drained "$DRIVE" 120
  unmount_drive "$DRIVE"
  rm -rf "$XDG_CACHE_HOME/cratedrive" "$XDG_STATE_HOME/cratedrive"
  mount_drive "$URL" "$DRIVE" > /dev/null
  python3 "$SUPPORT/random_ops.py" --compare "$DRIVE/work" "$WORK/disk"
}

# Removals and what takes their names reach the bucket in whatever order; a folder as the bucket cannot have both.
names_change_their_kind_on_the_way_to_the_bucket() {
  local bucket=$WORK/bucket/kinds
  mkdir "$DRIVE/kinds"
  (cd "$DRIVE/kinds" && mkdir folder left && echo 1 > file && echo 2 > folder/inside && echo 3 > left/a)
  echo 5 > "$DRIVE/kinds/swap"
  drained "$DRIVE"
  echo pause > "$DRIVE/.cratedrive/control"
  (cd "$DRIVE/kinds" && rm file && mkdir file && echo 6 > file/now && rm -r folder && echo 7 > folder)
  python3 -c 'import sys; sys.path.insert(0, sys.argv[1]); import os; os.chdir(sys.argv[2]); import posix_twin as t
t.renameat2("left", "swap", t.EXCHANGE)' "$SUPPORT" "$DRIVE/kinds"
  echo resume > "$DRIVE/.cratedrive/control"
  drained "$DRIVE"
  same 6 "$(cat "$bucket/file/now")" "what is below the folder that was a file"
  same 7 "$(cat "$bucket/folder")" "the file that was a folder"
  same 3 "$(cat "$bucket/swap/a")" "below the folder that changed places"
  same 5 "$(cat "$bucket/left")" "the file that changed places"
}

exec 3>&1
case_ok random_work_is_done_as_on_a_disk
case_ok names_change_their_kind_on_the_way_to_the_bucket
case_ok the_bucket_has_what_the_disk_has
finish
