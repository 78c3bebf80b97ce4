#!/usr/bin/env bash
# A server that answers wrongly: whatever it says, bytes are right or there is an error, nothing is lost, the fault can be
# read in the drive, and it heals by itself when the fault ends.
source "$(dirname "$0")/../support/suite.sh" "$@"
source "$SUPPORT/fault_cases.sh"

DRIVE=$WORK/drive URL=s3://crate

# Keys that can be renewed while the drive is mounted, as those of a session.
write_keys() { # SECRET
  mkdir -p "$HOME/.aws"
  printf '[default]\naws_access_key_id = %s\naws_secret_access_key = %s\n' "$S3_ACCESS_KEY" "$1" > "$HOME/.aws/credentials"
}

the_drive_mounts() {
  write_keys "$S3_SECRET_KEY"
  mount_drive "$URL" "$DRIVE" > /dev/null
  mkdir "$DRIVE/up"
}

an_upload_shows_the_fault_and_heals() { # NAME STATE SUBJECT WORDS WORDS RULE…: what health's subject and uploads say
  local name=$1 state=$2 subject=$3 words=$4 upload_words=$5
  shift 5
  forget_events
  head -c 200000 /dev/urandom > "$WORK/up-$name"
  proxy_rules "$@"
  cp "$WORK/up-$name" "$DRIVE/up/$name"
  within 20 store_is "$state"
  within 10 health_says "$subject" "$words"
  within 20 says uploads "$upload_words"
  events_say "\"now\":\"$state\""
  cmp "$WORK/up-$name" "$DRIVE/up/$name"
  proxy_rules
  within 60 stored_as "$WORK/up-$name" "up/$name"
  drained "$DRIVE" 30
  same stored "$(state_of "$DRIVE/up/$name")" state
  within 40 store_is ok
  events_say '"now":"ok"'
}

keys_that_expire_in_the_middle_of_a_multipart_are_read_anew() {
  forget_events
  head -c 25000000 /dev/urandom > "$WORK/up-expired"
  proxy_rules 'status code=400 error=ExpiredToken words=the_provided_token_has_expired nth=4'
  cp "$WORK/up-expired" "$DRIVE/up/expired"
  within 20 store_is denied
  within 10 health_says credentials 'expired'
  within 20 says uploads 'expired'
  events_say '"now":"denied"'
  proxy_rules
  within 90 stored_as "$WORK/up-expired" up/expired
  drained "$DRIVE" 30
  within 40 store_is ok
  no_multipart_is_left
}

the_wrong_keys_show() { # once anything is asked with them
  date > "$DRIVE/up/traffic"
  health_says credentials 'secret key is wrong'
}

a_drive_with_wrong_keys_goes_on_when_the_right_ones_are_there() {
  write_keys mistyped
  head -c 200000 /dev/urandom > "$WORK/up-renewed"
  # The keys are looked up when they are refused: this refusal makes the drive take the wrong ones.
  proxy_rules 'status code=403 error=InvalidAccessKeyId times=6'
  cp "$WORK/up-renewed" "$DRIVE/up/renewed"
  within 60 the_wrong_keys_show || { cat "$DRIVE"/.cratedrive/{health,uploads,events.jsonl}; false; }
  refuses grep -rq mistyped "$DRIVE/.cratedrive/health" "$DRIVE/.cratedrive/uploads" "$DRIVE/.cratedrive/events.jsonl"
  cmp "$WORK/up-renewed" "$DRIVE/up/renewed"
  write_keys "$S3_SECRET_KEY"
  within 90 stored_as "$WORK/up-renewed" up/renewed
  drained "$DRIVE" 30
}

no_multipart_is_left() {
  same "" "$(rclone backend list-multipart-uploads S3:crate 2> /dev/null | jq -r '.[] | .[]?')" "uploads left"
}

a_clock_that_is_wrong_is_named() {
  forget_events
  proxy_rules 'status code=403 error=RequestTimeTooSkewed skew=1200'
  echo skewed > "$DRIVE/up/skewed"
  within 20 store_is denied
  within 10 health_says clock '20 min'
  within 20 says uploads "clock is .* the store's"
  events_say '"now":"denied"'
  proxy_rules
  drained "$DRIVE" 60
  same skewed "$(rclone cat S3:crate/up/skewed)"
  within 40 store_is ok
}

# S13 "it does not hold up the others"
one_object_that_may_not_be_written_fails_alone() {
  forget_events
  proxy_rules 'status code=403 method=PUT path=up/forbidden'
  echo forbidden > "$DRIVE/up/forbidden"
  echo allowed > "$DRIVE/up/allowed"
  within 30 state_is_failed "$DRIVE/up/forbidden"
  within 30 says uploads 'may not do that'
  within 10 events_say upload-failed
  within 30 is_stored "$DRIVE/up/allowed"
  same forbidden "$(cat "$DRIVE/up/forbidden")"
  proxy_rules
  echo retry > "$DRIVE/.cratedrive/control"
  drained "$DRIVE" 30
  same forbidden "$(rclone cat S3:crate/up/forbidden)"
}

a_multipart_survives() { # NAME RULE…
  local name=$1
  shift
  head -c 25000000 /dev/urandom > "$WORK/up-$name"
  proxy_rules "$@"
  cp "$WORK/up-$name" "$DRIVE/up/$name"
  within 90 stored_as "$WORK/up-$name" "up/$name"
  drained "$DRIVE" 60
  same stored "$(state_of "$DRIVE/up/$name")" state
  proxy_rules
  no_multipart_is_left
}

a_copy_that_answers_200_with_an_error_is_no_copy() {
  head -c 200000 /dev/urandom > "$WORK/up-source"
  cp "$WORK/up-source" "$DRIVE/up/source"
  drained "$DRIVE" 30
  proxy_rules 'error200 method=PUT path=up/target times=3'
  mv "$DRIVE/up/source" "$DRIVE/up/target"
  cmp "$WORK/up-source" "$DRIVE/up/target"
  # Until it is copied the old object stays: its bytes are the only ones.
  drained "$DRIVE" 60
  stored_as "$WORK/up-source" up/target
  same "" "$(rclone lsf S3:crate/up --include source)" "the old name in the bucket"
  proxy_rules
}

a_put_whose_answer_is_lost_is_one_version() { # also when it is one that replaces another
  echo one > "$DRIVE/up/lost"
  drained "$DRIVE" 30
  proxy_rules 'lost method=PUT path=up/lost times=2'
  echo two > "$DRIVE/up/lost"
  drained "$DRIVE" 60
  proxy_rules
  same two "$(rclone cat S3:crate/up/lost)"
  same "" "$(rclone lsf S3:crate/up --include '*conflict*')" "conflict copies"
}

a_read_is_right_or_an_error() { # NAME BYTES RULE…: never other bytes, never "no such file"
  local name=$1 bytes=$2 status=0
  shift 2
  fresh "$name" "$bytes"
  within 20 test -e "$DRIVE/foreign/$name"
  proxy_rules "$@"
  timeout 30 cat "$DRIVE/foreign/$name" > "$WORK/got" 2> "$WORK/err" || status=$?
  test $status != 124
  if [ $status != 0 ]; then refuses grep -qi 'no such file' "$WORK/err"; fi
  cmp -n "$(stat -c %s "$WORK/got")" "$WORK/$name" "$WORK/got"
  test $status != 0 || cmp "$WORK/$name" "$WORK/got"
  proxy_rules
  within 60 cmp "$WORK/$name" "$DRIVE/foreign/$name"
}

is_stored() { [ "$(state_of "$1")" = stored ]; }
state_is_failed() { state_of "$1" | grep -q '^failed'; }

fault_start
unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY
case_ok the_drive_mounts
case_ok an_upload_shows_the_fault_and_heals r2_throttle throttled store 'slow down' 'up/r2_throttle' \
  'status code=403 error=AccessDenied words=Please_reduce_your_request_rate'
case_ok an_upload_shows_the_fault_and_heals internal unreachable store 'HTTP 500' 'HTTP 500' 'status code=500'
case_ok an_upload_shows_the_fault_and_heals refused unreachable store 'nothing answers' 'nothing answers' refuse
case_ok an_upload_shows_the_fault_and_heals silent unreachable store 'stalled|did not answer' 'stalled|did not answer' stall_header
case_ok keys_that_expire_in_the_middle_of_a_multipart_are_read_anew
case_ok a_drive_with_wrong_keys_goes_on_when_the_right_ones_are_there
case_ok a_clock_that_is_wrong_is_named
case_ok one_object_that_may_not_be_written_fails_alone
case_ok a_multipart_survives part_gone 'status code=404 error=NoSuchUpload method=PUT path=partNumber times=1'
case_ok a_multipart_survives part_wrong_etag 'wrong_etag method=PUT path=partNumber times=1'
case_ok a_copy_that_answers_200_with_an_error_is_no_copy
case_ok a_put_whose_answer_is_lost_is_one_version
case_ok a_read_is_right_or_an_error corrupt_once 300000 'corrupt method=GET path=foreign/corrupt_once times=1'
case_ok a_read_is_right_or_an_error corrupt_always 300000 'corrupt method=GET path=foreign/corrupt_always'
case_ok a_read_is_right_or_an_error wrong_range 3000000 'wrong_range method=GET path=foreign/wrong_range'
case_ok a_read_is_right_or_an_error wrong_range_once 3000000 'wrong_range method=GET path=foreign/wrong_range_once times=1'
unmount_drive "$DRIVE" > /dev/null 2>&1
finish
