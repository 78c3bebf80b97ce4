#!/usr/bin/env bash
# The same two folders into a real S3 server; rclone agrees on what is there, and requests are counted.
source "$(dirname "$0")/../support/suite.sh" "$@"
source "$SUPPORT/folder_cases.sh"

DRIVE=$WORK/drive
fetch_bucket() { rclone copy "S3:$BUCKET" "$1" --transfers 16; }

the_drive_mounts() {
  rclone mkdir "S3:$BUCKET"
  mount_drive "s3://$BUCKET" "$DRIVE"
}
the_drive_unmounts() { unmount_drive "$DRIVE"; }

puts_of() { grep ' beast: ' "$WORK/s3/log/rgw.log" | grep -c "\"PUT /$BUCKET/$1"; } # objects put under a name

# S41 "Each file of a batch ends as done, skipped"
requests_are_few() { # FOLDER NAME: one PUT a stored file, and hardly anything else
  local done_files puts all
  done_files=$(find "$WORK/fetched/$2" -type f | wc -l)
  puts=$(puts_of "$2/")
  all=$(grep -c " beast: " "$WORK/s3/log/rgw.log")
  echo "        $2: $puts PUTs for $done_files stored files, $all requests in all" >> "$WORK/notes"
  test "$puts" -le $((done_files + 5))
}

rclone_check_agrees() { # FOLDER NAME: the only files that are not there are those whose twin is
  rclone check "$1" "S3:$BUCKET/$2" --differ "$WORK/differ" --missing-on-dst "$WORK/missing" \
    --missing-on-src "$WORK/extra" > /dev/null 2>&1 || true
  same "" "$(cat "$WORK/differ" "$WORK/extra")" "files that differ or were not in the source"
  (cd "$1" && find . -type f -printf '%P\0' | xargs -0 sha256sum | sort | uniq -w 64 -D | cut -c 67- | sort) > "$WORK/twins"
  same "" "$(sort "$WORK/missing" | comm -23 - "$WORK/twins")" "missing files without a twin"
  same "$(find "$1" -type f -print0 | xargs -0 sha256sum | cut -c 1-64 | sort -u | wc -l)" \
    "$(rclone lsf -R --files-only "S3:$BUCKET/$2" | wc -l)" "objects"
}

the_second_drop_put_nothing() { # NAME PUTS-BEFORE
  same "$2" "$(puts_of "$1/")" "PUTs under $1/"
}

s3_start --access-log > /dev/null
for pair in "lmms $LMMS" "kits $KITS"; do
  name=${pair%% *} folder=${pair#* }
  BUCKET=crate-$name
  case_ok the_drive_mounts
  case_ok every_file_of_the_folder_is_accounted_for "$folder" "$name"
  case_ok requests_are_few "$folder" "$name"
  case_ok rclone_check_agrees "$folder" "$name"
  before=$(puts_of "$name/")
  case_ok a_second_drop_of_the_same_folder_stores_nothing "$folder" "$name"
  case_ok the_second_drop_put_nothing "$name" "$before"
  case_ok the_drive_unmounts
done
cat "$WORK/notes"
finish
