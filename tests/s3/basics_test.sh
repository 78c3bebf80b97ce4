#!/usr/bin/env bash
# A drive on a real S3 server does what programs expect of a file system; a prefix of the bucket is as good as all of it.
source "$(dirname "$0")/../support/suite.sh" "$@"
source "$SUPPORT/drive_cases.sh"

s3_start > /dev/null
DRIVE=$WORK/drive URL=s3://crate/some/prefix
fetch_bucket() { rclone copy S3:crate/some/prefix "$1" --transfers 16; }

a_missing_bucket_is_refused_in_one_sentence() {
  local status=0
  mkdir -p "$DRIVE"
  timeout 60 "$CRATEDRIVE" mount s3://no-such-bucket "$DRIVE" 2> "$WORK/err" || status=$?
  cat "$WORK/err"
  test $status != 0
  same 1 "$(wc -l < "$WORK/err")" "lines on stderr"
  grep -q no-such-bucket "$WORK/err"
  refuses mountpoint -q "$DRIVE"
}

bad_credentials_are_refused_in_one_sentence() {
  local status=0
  AWS_SECRET_ACCESS_KEY=Xq7mistyped timeout 60 "$CRATEDRIVE" mount "$URL" "$DRIVE" 2> "$WORK/err" || status=$?
  cat "$WORK/err"
  test $status != 0
  same 1 "$(wc -l < "$WORK/err")" "lines on stderr"
  refuses grep -q Xq7mistyped "$WORK/err"
  refuses mountpoint -q "$DRIVE"
}

the_drive_mounts() {
  rclone mkdir S3:crate
  mount_drive "$URL" "$DRIVE"
}

what_others_put_into_the_bucket_is_in_the_drive() {
  head -c 300000 /dev/urandom > "$WORK/foreign"
  rclone copyto "$WORK/foreign" S3:crate/some/prefix/new-folder/foreign
  echo rescan > "$DRIVE/.cratedrive/control" # else it takes up to metadata_ttl
  cmp "$WORK/foreign" "$DRIVE/new-folder/foreign"
  contains "$(ls "$DRIVE/new-folder")" foreign
}

a_presigned_url_fetches_the_file() {
  cmp "$WORK/foreign" <(curl -sf "$(getfattr --absolute-names --only-values -n user.cratedrive.url "$DRIVE/new-folder/foreign")")
  cmp "$WORK/foreign" <(curl -sf "$("$CRATEDRIVE" url "$DRIVE/new-folder/foreign")")
}

# S33 "are object metadata as rclone and s3fs write them"
times_and_modes_are_as_rclone_and_s3fs_write_them() {
  echo x > "$DRIVE/timed"
  chmod 640 "$DRIVE/timed"
  touch -d '2020-02-02 02:02:02.5' "$DRIVE/timed"
  drained "$DRIVE"
  contains "$(rclone lsf --format pt S3:crate/some/prefix/timed)" "2020-02-02 02:02:02"
}

# S34 "A file whose key, prefix included, would be longer"
a_key_that_the_store_would_refuse_is_a_shorter_one() {
  local part folder key
  part=$(printf 'p%.0s' {1..250})
  folder=$part/$part/$part/$part name=$(printf 'n%.0s' {1..20}) # 1,024 bytes: it is the prefix that is too much
  mkdir -p "$DRIVE/$folder"
  echo deep > "$DRIVE/$folder/$name"
  drained "$DRIVE"
  same stored "$(getfattr --absolute-names --only-values -n user.cratedrive.state "$DRIVE/$folder/$name")"
  key=.cratedrive/long/$(printf '%s/' "$folder" | sha256sum | cut -c-32)/$name
  same deep "$(rclone cat "S3:crate/some/prefix/$key")"
  same deep "$(curl -sf "$("$CRATEDRIVE" url "$DRIVE/$folder/$name")")"
  echo rescan > "$DRIVE/.cratedrive/control"
  same "$name" "$(ls "$DRIVE/$folder")"
  rm -r "${DRIVE:?}/$part"
  drained "$DRIVE"
  same "" "$(rclone lsf "S3:crate/some/prefix/$key")" "left behind"
}

check_says_what_the_store_honours() {
  # 1: usable, and something is not honoured exactly (this server ignores conditions on a multipart completion)
  "$CRATEDRIVE" check s3://crate > "$WORK/checked" || same 1 $? "exit status"
  grep -qi 'if-none-match' "$WORK/checked"
}

# S10 "the bucket has the bytes"
nothing_of_a_secret_is_said_anywhere() {
  refuses grep -rqF "$S3_SECRET_KEY" "$XDG_STATE_HOME" "$XDG_CACHE_HOME" "$DRIVE/.cratedrive/config.toml" \
    "$DRIVE/.cratedrive/status.json" "$DRIVE/.cratedrive/health.json" "$DRIVE/.cratedrive/events.jsonl"
}

no_multipart_upload_is_left() {
  drained "$DRIVE"
  same "" "$(rclone backend list-multipart-uploads S3:crate 2>/dev/null | jq -r '.[] | .[]?')" "uploads left"
}

case_ok a_missing_bucket_is_refused_in_one_sentence
case_ok the_drive_mounts
drive_cases
case_ok what_others_put_into_the_bucket_is_in_the_drive
case_ok a_presigned_url_fetches_the_file
case_ok times_and_modes_are_as_rclone_and_s3fs_write_them
case_ok a_key_that_the_store_would_refuse_is_a_shorter_one
case_ok check_says_what_the_store_honours
case_ok nothing_of_a_secret_is_said_anywhere
case_ok no_multipart_upload_is_left
unmount_drive "$DRIVE" > /dev/null 2>&1
case_ok bad_credentials_are_refused_in_one_sentence
finish
