#!/usr/bin/env bash
# A mount that cannot work says why in one sentence, exits non-zero and leaves no half mount.
source "$(dirname "$0")/../support/suite.sh" "$@"

BUCKET=$WORK/bucket DRIVE=$WORK/drive
mkdir "$BUCKET" "$DRIVE"

refused() { # piece-of-the-sentence argument…: of mount
  local piece=$1 status=0
  shift
  timeout 60 "$CRATEDRIVE" mount "$@" > "$WORK/out" 2> "$WORK/err" || status=$?
  cat "$WORK/err"
  test $status != 0
  test $status -lt 124
  same 1 "$(wc -l < "$WORK/err")" "lines on stderr"
  grep -qi -- "$piece" "$WORK/err"
  refuses mountpoint -q "$DRIVE"
  refuses daemon_of "$DRIVE"
}

a_wrong_url_is_refused() {
  refused 'url' "nonsense" "$DRIVE"
  refused 'ftp' "ftp://host/x" "$DRIVE"
}
a_missing_bucket_folder_is_refused() { refused "$WORK/nothing" "file://$WORK/nothing" "$DRIVE"; }
a_file_as_the_bucket_is_refused() {
  touch "$WORK/a-file"
  refused 'folder\|directory' "file://$WORK/a-file" "$DRIVE"
}
a_missing_mount_point_is_refused() { refused 'no-such-place' "file://$BUCKET" "$WORK/no-such-place"; }
a_file_as_mount_point_is_refused() {
  touch "$WORK/a-file"
  refused 'folder\|directory' "file://$BUCKET" "$WORK/a-file"
}
a_mount_point_with_files_in_it_is_refused() {
  mkdir "$WORK/occupied"
  touch "$WORK/occupied/something"
  refused 'empty' "file://$BUCKET" "$WORK/occupied"
}
a_mount_point_in_use_is_refused() {
  mount_drive "file://$BUCKET" "$WORK/used" > /dev/null
  refused 'mounted\|use' "file://$BUCKET" "$WORK/used"
  mountpoint -q "$WORK/used"
  touch "$WORK/used/still-works"
}
a_second_daemon_for_one_bucket_state_is_refused_or_works_apart() {
  # Whatever it decides, the first drive goes on and nothing is half mounted.
  local status=0
  timeout 60 "$CRATEDRIVE" mount "file://$BUCKET" "$DRIVE" > "$WORK/out" 2> "$WORK/err" || status=$?
  if [ $status = 0 ]; then
    touch "$DRIVE/x"
    timeout 60 "$CRATEDRIVE" umount "$DRIVE"
  else
    same 1 "$(wc -l < "$WORK/err")" "lines on stderr"
    refuses mountpoint -q "$DRIVE"
  fi
  touch "$WORK/used/still-works-too"
}
# S32 "A bucket that has such keys of its own is not mounted"
reserved_names_in_the_bucket_are_refused() {
  mkdir -p "$WORK/reserved/inbox"
  touch "$WORK/reserved/inbox/mine.wav"
  refused 'inbox' "file://$WORK/reserved" "$DRIVE"
}
an_unknown_key_in_the_config_names_its_line() {
  mkdir -p "$XDG_CONFIG_HOME/cratedrive"
  printf '[drive]\n\nnonsense = 1\n' > "$XDG_CONFIG_HOME/cratedrive/config.toml"
  refused 'config.toml:3' "file://$BUCKET" "$DRIVE"
  rm "$XDG_CONFIG_HOME/cratedrive/config.toml"
}
a_bad_value_in_the_config_names_its_line() {
  mkdir -p "$XDG_CONFIG_HOME/cratedrive"
  printf '[cache]\ncache_size = "much"\n' > "$XDG_CONFIG_HOME/cratedrive/config.toml"
  refused 'config.toml:2' "file://$BUCKET" "$DRIVE"
  rm "$XDG_CONFIG_HOME/cratedrive/config.toml"
}
a_dead_mount_point_is_cleaned_by_the_next_mount() {
  mkdir -p "$WORK/bucket2"
  mount_drive "file://$WORK/bucket2" "$DRIVE" > /dev/null
  echo kept > "$DRIVE/kept"
  kill_drive "$DRIVE"
  refuses ls "$DRIVE"
  mount_drive "file://$WORK/bucket2" "$DRIVE" > /dev/null
  same kept "$(cat "$DRIVE/kept")"
  unmount_drive "$DRIVE"
}
an_unknown_bucket_host_says_so() {
  export AWS_ACCESS_KEY_ID=x AWS_SECRET_ACCESS_KEY=y AWS_ENDPOINT_URL=http://127.0.0.1:9
  refused '127.0.0.1:9\|reach\|connect' "s3://some-bucket" "$DRIVE"
}
missing_credentials_say_so() {
  export AWS_ENDPOINT_URL=http://127.0.0.1:9 AWS_EC2_METADATA_DISABLED=true
  refused 'credential' "s3://some-bucket" "$DRIVE"
}

case_ok a_wrong_url_is_refused
case_ok a_missing_bucket_folder_is_refused
case_ok a_file_as_the_bucket_is_refused
case_ok a_missing_mount_point_is_refused
case_ok a_file_as_mount_point_is_refused
case_ok a_mount_point_with_files_in_it_is_refused
case_ok a_mount_point_in_use_is_refused
case_ok a_second_daemon_for_one_bucket_state_is_refused_or_works_apart
case_ok reserved_names_in_the_bucket_are_refused
case_ok an_unknown_key_in_the_config_names_its_line
case_ok a_bad_value_in_the_config_names_its_line
case_ok a_dead_mount_point_is_cleaned_by_the_next_mount
case_ok an_unknown_bucket_host_says_so
case_ok missing_credentials_say_so
finish
