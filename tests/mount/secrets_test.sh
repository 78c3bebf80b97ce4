#!/usr/bin/env bash
# Secrets are in nothing that is written or shown, local files are private, and names from strangers are harmless.
source "$(dirname "$0")/../support/suite.sh" "$@"

DRIVE=$WORK/drive SECRET=Sq9/very+hidden=Key TOKEN=tOkEn8NobodyMaySee
mkdir -p "$DRIVE" "$WORK/said"
python3 "$SUPPORT/echo_store.py" "$WORK/port" &
remember_process $!
disown
within 10 test -s "$WORK/port"
ENDPOINT=http://127.0.0.1:$(cat "$WORK/port")
DEAD=http://127.0.0.1:9 # nobody listens on the discard port

nothing_says() { # secret…: in all that was written by us or shown
  local secret
  for secret in "$@"; do
    refuses grep -rlF -- "$secret" "$XDG_STATE_HOME" "$XDG_CACHE_HOME" "$XDG_CONFIG_HOME" "$XDG_RUNTIME_DIR" "$WORK/said" || return 1
  done
}
everything_is_said() { # name, command that fails or not…: what it prints is kept
  local name=$1
  shift
  timeout 60 "$@" > "$WORK/said/$name.out" 2> "$WORK/said/$name.err" || true
  test -s "$WORK/said/$name.err" || test -s "$WORK/said/$name.out"
}

secrets_of_the_environment_are_not_said() {
  export AWS_ACCESS_KEY_ID=AKIAEXAMPLE AWS_SECRET_ACCESS_KEY=$SECRET AWS_SESSION_TOKEN=$TOKEN
  local endpoint
  for endpoint in "$ENDPOINT" "$DEAD"; do
    everything_is_said "mount-${endpoint##*:}" "$CRATEDRIVE" mount s3://crate "$DRIVE" --endpoint "$endpoint" --log-level debug
    everything_is_said "check-${endpoint##*:}" "$CRATEDRIVE" check s3://crate --endpoint "$endpoint"
    everything_is_said "fsck-${endpoint##*:}" "$CRATEDRIVE" fsck s3://crate --store --endpoint "$endpoint"
  done
  grep -q AccessDenied "$WORK"/said/mount-*.err # the store's words are shown, without ours in them
  everything_is_said config "$CRATEDRIVE" config
  nothing_says "$SECRET" "$TOKEN"
}

secrets_of_files_and_processes_are_not_said() {
  mkdir -p "$HOME/.aws"
  printf '[default]\naws_access_key_id = AKIAEXAMPLE\naws_secret_access_key = %s\naws_session_token = %s\n' "$SECRET" "$TOKEN" \
    > "$HOME/.aws/credentials"
  everything_is_said file "$CRATEDRIVE" mount s3://crate "$DRIVE" --endpoint "$ENDPOINT"
  printf '[default]\ncredential_process = echo {\\"AccessKeyId\\": \\"A\\", \\"SecretAccessKey\\": \\"%s\\"}\n' "$SECRET" \
    > "$HOME/.aws/credentials"
  everything_is_said process "$CRATEDRIVE" mount s3://crate "$DRIVE" --endpoint "$ENDPOINT"
  printf '[default]\ncredential_process = echo %s >&2; exit 1\n' not-"$SECRET" > "$HOME/.aws/credentials"
  timeout 60 "$CRATEDRIVE" mount s3://crate "$DRIVE" --endpoint "$ENDPOINT" > "$WORK/said/broken" 2> /dev/null || true
  rm -r "$HOME/.aws"
  nothing_says "$SECRET" "$TOKEN"
}

secrets_in_a_url_are_refused_and_not_repeated() {
  local url
  for url in "s3://AKIA:$SECRET@crate" "s3://$TOKEN@crate/prefix"; do
    everything_is_said url "$CRATEDRIVE" mount "$url" "$DRIVE"
    everything_is_said url-check "$CRATEDRIVE" check "$url"
    nothing_says "$SECRET" "$TOKEN" || return 1
  done
  everything_is_said endpoint "$CRATEDRIVE" mount s3://crate "$DRIVE" --endpoint "http://u:$TOKEN@127.0.0.1"
  nothing_says "$TOKEN"
}

# S51 "Secrets never appear in a log, a status file or an error"
a_running_daemon_shows_no_secret() {
  export AWS_ACCESS_KEY_ID=AKIAEXAMPLE AWS_SECRET_ACCESS_KEY=$SECRET AWS_SESSION_TOKEN=$TOKEN
  mkdir "$WORK/bucket"
  mount_drive "file://$WORK/bucket" "$DRIVE" --log-level debug > "$WORK/said/mount" 2>&1
  echo x > "$DRIVE/x"
  drained "$DRIVE"
  local file
  for file in status status.json health health.json metrics events.jsonl uploads config.toml catalog.csv catalog.json; do
    cat "$DRIVE/.cratedrive/$file" > "$WORK/said/$file"
  done
  tr '\0' '\n' < "/proc/$(daemon_of "$DRIVE")/cmdline" > "$WORK/said/cmdline"
  nothing_says "$SECRET" "$TOKEN"
}

# S50 "Local files are 0600 in 0700 folders."
local_files_and_folders_are_private() {
  echo pause > "$DRIVE/.cratedrive/control"
  echo staged > "$DRIVE/staged"
  cp "$DRIVE/x" "$DRIVE/inbox/sample.txt"
  same "" "$(find "$XDG_STATE_HOME"/cratedrive/* "$XDG_CACHE_HOME"/cratedrive/* -type f ! -perm 600)" "files that are not 0600"
  same "" "$(find "$XDG_STATE_HOME"/cratedrive "$XDG_CACHE_HOME"/cratedrive -type d ! -perm 700)" "folders that are not 0700"
  echo resume > "$DRIVE/.cratedrive/control"
  drained "$DRIVE"
}

# S52 "nor steer a terminal through a status file"
names_from_strangers_steer_no_terminal_and_no_spreadsheet() {
  local red=$'\e[31mred\e]0;title\a.wav' lines=$'two\nlines.wav' formula='=cmd|calc.wav' at='@SUM(1).wav' name
  mkdir "$WORK/drop"
  for name in "$red" "$lines" "$formula" "$at"; do
    echo "not audio $name" > "$WORK/drop/$name"
    cp "$WORK/drop/$name" "$WORK/bucket/of-others-$name"
  done
  echo rescan > "$DRIVE/.cratedrive/control"
  ls "$DRIVE" > /dev/null
  cp -r "$WORK/drop" "$DRIVE/inbox/"
  batch() { ls "$DRIVE/.cratedrive/batches" | grep -- '-drop$'; }
  finished() { grep -qsE '"state": *"done' "$DRIVE/.cratedrive/batches/$(batch)/status.json"; }
  within 60 finished
  echo pause > "$DRIVE/.cratedrive/control"
  for name in "$red" "$lines" "$formula"; do echo y > "$DRIVE/pending $name"; done
  local file
  for file in status health uploads metrics config.toml catalog.csv catalog.json status.json events.jsonl \
    "batches/$(batch)/status" "batches/$(batch)/errors" "batches/$(batch)/items.csv" "batches/$(batch)/report.json"; do
    cat "$DRIVE/.cratedrive/$file" > "$WORK/shown" || return 1
    # Escapes and other controls in no file; new lines and tabs are the file's own.
    refuses grep -qP '[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]' "$WORK/shown" || { echo "controls in $file"; return 1; }
  done
  "$CRATEDRIVE" status "$DRIVE" > "$WORK/shown"
  refuses grep -qP '[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]' "$WORK/shown"
  python3 - "$DRIVE/.cratedrive/batches/$(batch)/items.csv" "$DRIVE/.cratedrive/catalog.csv" << 'PY'
import csv, sys
rows = 0
for path in sys.argv[1:]:
    with open(path, newline="") as f:
        for row in csv.reader(f):
            rows += 1
            for cell in row:
                assert not cell.startswith(("=", "@", "+", "\t", "\r")), cell
assert rows > 4, rows
PY
  echo resume > "$DRIVE/.cratedrive/control"
  unmount_drive "$DRIVE"
}

case_ok secrets_of_the_environment_are_not_said
case_ok secrets_of_files_and_processes_are_not_said
case_ok secrets_in_a_url_are_refused_and_not_repeated
case_ok a_running_daemon_shows_no_secret
case_ok local_files_and_folders_are_private
case_ok names_from_strangers_steer_no_terminal_and_no_spreadsheet
finish
