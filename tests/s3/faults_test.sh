#!/usr/bin/env bash
# A drive whose server misbehaves: each fault ends in the right bytes or a clear error, and heals by itself.
source "$(dirname "$0")/../support/suite.sh" "$@"

DRIVE=$WORK/drive URL=s3://crate
# Short patience, so that a fault shows in seconds.
export CRATEDRIVE_STALL_TIMEOUT=2s CRATEDRIVE_READ_DEADLINE=6s CRATEDRIVE_REQUEST_DEADLINE=6s CRATEDRIVE_CONNECT_TIMEOUT=1s
export CRATEDRIVE_METADATA_TTL=1s

s3_start > /dev/null
proxy_start "${S3_ENDPOINT##*:}"
export AWS_ENDPOINT_URL=http://127.0.0.1:$PROXY_PORT
rclone mkdir S3:crate

fresh() { # NAME BYTES: random bytes, and the same as a foreign object that nothing has cached
  head -c "$2" /dev/urandom > "$WORK/$1"
  rclone copyto "$WORK/$1" "S3:crate/foreign/$1"
}
stored_as() { [ "$(rclone cat "S3:crate/$2" | sha256sum)" = "$(sha256sum < "$1")" ]; }

the_drive_mounts_through_the_proxy() {
  proxy_rules
  mount_drive "$URL" "$DRIVE" > /dev/null
  mkdir "$DRIVE/up"
}

an_upload_survives() { # NAME RULE…: the fault hits while it goes up
  local name=$1
  shift
  proxy_rules "$@"
  head -c 300000 /dev/urandom > "$WORK/up-$name"
  cp "$WORK/up-$name" "$DRIVE/up/$name"
  cmp "$WORK/up-$name" "$DRIVE/up/$name"
  sleep 2
  proxy_rules
  within 60 stored_as "$WORK/up-$name" "up/$name"
  drained "$DRIVE" 60
  same stored "$(getfattr --absolute-names --only-values -n user.cratedrive.state "$DRIVE/up/$name")" state
}

a_multipart_upload_survives() { # NAME RULE…
  local name=$1
  shift
  head -c 25000000 /dev/urandom > "$WORK/up-$name"
  proxy_rules "$@"
  cp "$WORK/up-$name" "$DRIVE/up/$name"
  sleep 2
  proxy_rules
  within 90 stored_as "$WORK/up-$name" "up/$name"
  drained "$DRIVE" 60
}

a_read_gives_the_right_bytes_or_an_error() { # NAME RULE…: never wrong or short bytes
  local name=$1 status=0
  shift
  fresh "$name" 400000
  within 20 test -e "$DRIVE/foreign/$name"
  proxy_rules "$@"
  timeout 30 cat "$DRIVE/foreign/$name" > "$WORK/got" 2> "$WORK/err" || status=$?
  test $status != 124
  if [ $status = 0 ]; then
    cmp "$WORK/$name" "$WORK/got"
  else
    refuses grep -qi 'no such file' "$WORK/err"
    cmp -n "$(stat -c %s "$WORK/got")" "$WORK/$name" "$WORK/got"
  fi
  proxy_rules
  within 60 cmp "$WORK/$name" "$DRIVE/foreign/$name"
}

what_is_local_answers_while_the_server_is_stalled() {
  fresh hanging 400000
  echo cached > "$DRIVE/up/cached"
  within 20 test -e "$DRIVE/foreign/hanging"
  drained "$DRIVE" 30
  proxy_rules stall_header
  for i in $(seq 20); do timeout 30 cat "$DRIVE/foreign/hanging" > /dev/null 2>&1 & done
  timeout 10 cat "$DRIVE/.cratedrive/status" > /dev/null
  same cached "$(timeout 10 cat "$DRIVE/up/cached")"
  timeout 10 bash -c 'echo new > "$1"' - "$DRIVE/up/new"
  timeout 10 ls "$DRIVE/up" > /dev/null
  wait
  proxy_rules
  drained "$DRIVE" 60
}

a_hanging_read_can_be_interrupted() {
  local reader since
  fresh interrupted 400000
  within 20 test -e "$DRIVE/foreign/interrupted"
  proxy_rules stall_header
  cat "$DRIVE/foreign/interrupted" > /dev/null 2>&1 &
  reader=$!
  sleep 0.5
  since=$SECONDS
  kill -INT $reader
  kill -TERM $reader
  wait $reader || true
  test $((SECONDS - since)) -le 10
  proxy_rules
}

# S22 "never "no such file", and never an empty file"
a_server_that_is_away_shows_in_health_and_is_no_missing_file() {
  fresh away 100000
  within 20 test -e "$DRIVE/foreign/away"
  proxy_rules refuse
  timeout 30 cat "$DRIVE/foreign/away" > /dev/null 2> "$WORK/err" && return 1
  refuses grep -qi 'no such file' "$WORK/err"
  jq -e . "$DRIVE/.cratedrive/health.json" > /dev/null
  refuses test "$(jq -r .store.state "$DRIVE/.cratedrive/status.json")" = ok
  echo offline-work > "$DRIVE/up/offline-work"
  same offline-work "$(cat "$DRIVE/up/offline-work")"
  proxy_rules
  within 60 cmp "$WORK/away" "$DRIVE/foreign/away"
  drained "$DRIVE" 60
}

a_warm_mount_works_with_the_server_away() {
  cat "$WORK/up-status503" | cmp - "$DRIVE/up/status503"
  unmount_drive "$DRIVE" > /dev/null
  proxy_rules refuse
  mount_drive "$URL" "$DRIVE" > /dev/null
  contains "$(ls "$DRIVE/up")" status503
  cmp "$WORK/up-status503" "$DRIVE/up/status503"
  head -c 50000 /dev/urandom > "$WORK/up-away"
  cp "$WORK/up-away" "$DRIVE/up/away"
  cp -r "$WORK/up-away" "$DRIVE/inbox/dropped-away"
  proxy_rules
  within 60 stored_as "$WORK/up-away" up/away
  drained "$DRIVE" 60
}

# S12 "On a conflict both versions survive"
a_conflict_keeps_both_versions() {
  echo first > "$DRIVE/up/both"
  drained "$DRIVE" 30
  proxy_rules 'stall_header method=PUT'
  echo ours > "$DRIVE/up/both"
  sleep 1.5
  echo theirs | rclone rcat S3:crate/up/both
  proxy_rules
  drained "$DRIVE" 60
  same theirs "$(rclone cat S3:crate/up/both)" "the bucket's version"
  same ours "$(rclone cat S3:crate/up --include 'both (conflict*')" "our version"
}

umount_now_is_quick_while_the_server_is_stalled() {
  proxy_rules stall_header
  head -c 100000 /dev/urandom > "$DRIVE/up/left"
  timeout 15 "$CRATEDRIVE" umount --now "$DRIVE"
  refuses mountpoint -q "$DRIVE"
  proxy_rules
  mount_drive "$URL" "$DRIVE" > /dev/null
  drained "$DRIVE" 60
  contains "$(rclone lsf S3:crate/up)" left
  unmount_drive "$DRIVE" > /dev/null
}

case_ok the_drive_mounts_through_the_proxy
case_ok an_upload_survives status503 'status code=503 retry_after=1'
case_ok an_upload_survives status500 'status code=500'
case_ok an_upload_survives status429 'status code=429'
case_ok an_upload_survives reset 'reset'
case_ok an_upload_survives reset_request 'reset_request method=PUT'
case_ok an_upload_survives answer_lost 'lost method=PUT'
case_ok an_upload_survives wrong_etag 'wrong_etag method=PUT'
case_ok an_upload_survives stalled_header 'stall_header method=PUT'
case_ok an_upload_survives refused 'refuse'
case_ok an_upload_survives half_of_all_fail 'status code=503 percent=50'
case_ok a_multipart_upload_survives parts_lost 'lost method=PUT path=partNumber times=2'
case_ok a_multipart_upload_survives parts_reset 'reset_request method=PUT path=partNumber percent=50'
case_ok a_multipart_upload_survives completion_lost 'lost method=POST path=uploadId times=1'
case_ok a_multipart_upload_survives completion_with_error_document 'error200 method=POST path=uploadId times=1'
case_ok a_read_gives_the_right_bytes_or_an_error truncated 'truncate method=GET path=foreign/truncated'
case_ok a_read_gives_the_right_bytes_or_an_error reset_body 'reset method=GET path=foreign/reset_body'
case_ok a_read_gives_the_right_bytes_or_an_error stalled_body 'stall_body method=GET path=foreign/stalled_body'
case_ok a_read_gives_the_right_bytes_or_an_error stalled_head 'stall_header method=GET path=foreign/stalled_head'
case_ok a_read_gives_the_right_bytes_or_an_error get_500 'status code=500 method=GET path=foreign/get_500'
case_ok a_read_gives_the_right_bytes_or_an_error get_503_once 'status code=503 retry_after=1 times=1 method=GET'
case_ok a_read_gives_the_right_bytes_or_an_error get_403 'status code=403 method=GET path=foreign/get_403'
case_ok a_read_gives_the_right_bytes_or_an_error get_wrong_etag 'wrong_etag method=GET path=foreign/get_wrong_etag'
case_ok what_is_local_answers_while_the_server_is_stalled
case_ok a_hanging_read_can_be_interrupted
case_ok a_server_that_is_away_shows_in_health_and_is_no_missing_file
case_ok a_warm_mount_works_with_the_server_away
case_ok a_conflict_keeps_both_versions
case_ok umount_now_is_quick_while_the_server_is_stalled
finish
