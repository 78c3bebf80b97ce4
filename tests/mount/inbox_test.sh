#!/usr/bin/env bash
# The inbox, with small folders: what becomes of samples, texts, broken files, junk, twins; cancel and retry.
source "$(dirname "$0")/../support/suite.sh" "$@"
source "$SUPPORT/folder_cases.sh"

BUCKET=$WORK/bucket DRIVE=$WORK/drive URL=file://$WORK/bucket
mkdir "$BUCKET"
fetch_bucket() { cp -r "$BUCKET" "$1"; }
label() { getfattr --absolute-names --only-values -n "user.cratedrive.$2" "$1"; }
batch_of() { # NAME → folder of its newest batch
  local batch found=''
  for batch in "$DRIVE"/.cratedrive/batches/*/; do
    if [ "$(jq -r .name "$batch/status.json")" = "$1" ]; then found=$batch; fi
  done
  [ -n "$found" ] && echo "${found%/}"
}
item() { # NAME PATH FIELD: of items.csv
  python3 - "$(batch_of "$1")/items.csv" "$2" "$3" <<'PYTHON'
import csv, sys
with open(sys.argv[1], newline="") as file:
    rows = {row["path"]: row for row in csv.DictReader(file)}
print(rows[sys.argv[2]][sys.argv[3]])
PYTHON
}

has_state() { [ "$(jq -r .state "$1/status.json")" = "$2" ]; }

the_drive_mounts_with_an_inbox() {
  mount_drive "$URL" "$DRIVE" > /dev/null
  test -d "$DRIVE/inbox"
  test -s "$DRIVE/inbox/STATUS.txt"
}

a_folder_of_all_sorts_is_filed() {
  python3 "$ROOT/scripts/make-samples" "$WORK/pack/drums"
  mkdir "$WORK/pack/docs"
  echo "all free" > "$WORK/pack/docs/licence.txt"
  : > "$WORK/pack/docs/empty.wav"
  head -c 1000 "$WORK/pack/drums/kick.wav" > "$WORK/pack/docs/truncated.wav"
  head -c 5000 /dev/urandom > "$WORK/pack/docs/noise.ogg"
  drop "$WORK/pack" pack
  same done "$(jq -r '.batches[0].state' "$WORK/watched")" state
  python3 "$SUPPORT/same_tree.py" "$WORK/pack" "$DRIVE/pack"
  python3 "$SUPPORT/same_tree.py" "$WORK/pack" "$BUCKET/pack"
  test ! -e "$DRIVE/inbox/pack"
}

# S42 "What cannot be decoded, is empty or truncated is stored all the same"
what_is_no_sample_is_stored_with_its_reason() {
  local path
  for path in docs/licence.txt docs/empty.wav docs/truncated.wav docs/noise.ogg; do
    same done "$(item pack "$path" state)" "$path"
    test -n "$(item pack "$path" warning)"
  done
  same "" "$(item pack drums/kick.wav warning)" "warning of the kick"
}

samples_carry_their_labels() {
  same 120 "$(label "$DRIVE/pack/drums/beat 120bpm.wav" bpm | cut -d. -f1)" bpm
  same loop "$(label "$DRIVE/pack/drums/beat 120bpm.wav" kind)" kind
  same one-shot "$(label "$DRIVE/pack/drums/kick.wav" kind)" kind
  label "$DRIVE/pack/drums/beat 92bpm.wav" lufs | grep -qE '^-[0-9.]+$'
  same stored "$(label "$DRIVE/pack/drums/kick.wav" state)" state
  same 32 "$(label "$DRIVE/pack/drums/kick.wav" xxh128 | tr -d '\n' | wc -c)" "digits of xxh128"
}

reports_tell_the_same_story() {
  local batch report
  batch=$(batch_of pack)
  jq -e . "$batch/report.json" > /dev/null
  report=$(find "$BUCKET/.cratedrive/batches" -name "$(basename "$batch").json")
  test -n "$report"
  same "$(find "$WORK/pack" -type f | wc -l)" "$(jq .files_done "$batch/status.json")" "files done"
  same "$(find "$WORK/pack" -type f -printf '%s\n' | awk '{ n += $1 } END { print n }')" \
    "$(jq .bytes_done "$batch/status.json")" "bytes done"
  test "$(tail -n +2 "$batch/items.csv" | wc -l)" -ge "$(find "$WORK/pack" -type f | wc -l)"
}

twins_are_skipped_and_named() {
  mkdir -p "$WORK/again"
  cp "$WORK/pack/drums/kick.wav" "$WORK/again/other name.wav"
  drop "$WORK/again" again
  same skipped "$(item again "other name.wav" state)"
  same pack/drums/kick.wav "$(item again "other name.wav" twin)"
  refuses stat "$DRIVE/again/other name.wav"
}

junk_never_becomes_a_sample() {
  mkdir -p "$WORK/junky"
  head -c 3000 /dev/urandom > "$WORK/junky/real.bin"
  for name in .DS_Store ._real.bin Thumbs.db; do echo junk > "$WORK/junky/$name"; done
  drop "$WORK/junky" junky
  same 1 "$(jq '.batches[0].files_total' "$WORK/watched")" "files of the batch"
  same "real.bin" "$(ls -A "$BUCKET/junky")"
}

a_loose_file_is_a_batch_of_one() {
  head -c 4000 /dev/urandom > "$WORK/loose.bin"
  cp "$WORK/loose.bin" "$DRIVE/inbox/"
  within 30 cmp "$WORK/loose.bin" "$BUCKET/loose.bin"
  within 10 test ! -e "$DRIVE/inbox/loose.bin"
  cmp "$WORK/loose.bin" "$DRIVE/loose.bin"
}

a_folder_moved_into_the_inbox_is_a_batch() {
  mkdir "$DRIVE/staging"
  head -c 4000 /dev/urandom > "$DRIVE/staging/one.bin"
  cp "$DRIVE/staging/one.bin" "$WORK/one.bin"
  mv "$DRIVE/staging" "$DRIVE/inbox/moved"
  within 30 cmp "$WORK/one.bin" "$DRIVE/moved/one.bin"
  within 30 cmp "$WORK/one.bin" "$BUCKET/moved/one.bin"
}

another_file_of_the_same_name_is_kept_beside() {
  mkdir -p "$WORK/v2/drums"
  head -c 7000 /dev/urandom > "$WORK/v2/drums/kick.wav"
  drop "$WORK/v2" pack
  cmp "$WORK/pack/drums/kick.wav" "$DRIVE/pack/drums/kick.wav"
  cmp "$WORK/v2/drums/kick.wav" "$DRIVE/$(item pack drums/kick.wav destination)"
}

a_file_that_is_open_keeps_the_batch_receiving() {
  mkdir "$DRIVE/inbox/slow"
  exec 9> "$DRIVE/inbox/slow/take.bin"
  echo first >&9
  sleep 4 # twice the settle time
  test -e "$DRIVE/inbox/slow/take.bin"
  refuses test -e "$DRIVE/slow/take.bin"
  echo second >&9
  exec 9>&-
  within 20 test -e "$BUCKET/slow/take.bin"
  same "first second" "$(paste -sd' ' "$BUCKET/slow/take.bin")"
}

# S44 "puts what was not stored back into `inbox/`"
cancel_leaves_the_files_in_the_inbox_and_retry_takes_them_up() {
  local batch
  mkdir -p "$WORK/heavy"
  for i in $(seq 40); do head -c 400000 /dev/urandom > "$WORK/heavy/$i.bin"; done
  echo pause > "$DRIVE/.cratedrive/control" # so that it cannot be done before it is cancelled
  cp -r "$WORK/heavy" "$DRIVE/inbox/heavy"
  within 20 batch_of heavy
  batch=$(batch_of heavy)
  within 20 has_state "$batch" uploading
  echo cancel > "$batch/control"
  within 20 has_state "$batch" cancelled
  test -e "$DRIVE/inbox/heavy/40.bin"
  echo resume > "$DRIVE/.cratedrive/control"
  echo retry > "$batch/control"
  within 60 test ! -e "$DRIVE/inbox/heavy/40.bin"
  within 60 python3 "$SUPPORT/same_tree.py" "$WORK/heavy" "$BUCKET/heavy"
}

a_verb_that_is_none_is_refused() {
  refuses bash -c 'echo dance > "$1/control"' - "$(batch_of pack)"
}

offline_a_drop_waits_and_online_it_goes_on() {
  echo offline > "$DRIVE/.cratedrive/control"
  cat "$DRIVE/pack/docs/licence.txt" > /dev/null
  mkdir -p "$WORK/waiting"
  head -c 5000 /dev/urandom > "$WORK/waiting/w.bin"
  cp -r "$WORK/waiting" "$DRIVE/inbox/waiting"
  head -c 5000 /dev/urandom > "$DRIVE/written-offline"
  cat "$DRIVE/.cratedrive/status" > /dev/null
  test "$(pending_uploads "$DRIVE")" -ge 1
  refuses test -e "$BUCKET/written-offline"
  echo online > "$DRIVE/.cratedrive/control"
  within 60 cmp "$WORK/waiting/w.bin" "$BUCKET/waiting/w.bin"
  within 30 cmp "$DRIVE/written-offline" "$BUCKET/written-offline"
}

case_ok the_drive_mounts_with_an_inbox
case_ok a_folder_of_all_sorts_is_filed
case_ok what_is_no_sample_is_stored_with_its_reason
case_ok samples_carry_their_labels
case_ok reports_tell_the_same_story
case_ok twins_are_skipped_and_named
case_ok junk_never_becomes_a_sample
case_ok a_loose_file_is_a_batch_of_one
case_ok a_folder_moved_into_the_inbox_is_a_batch
case_ok another_file_of_the_same_name_is_kept_beside
case_ok a_file_that_is_open_keeps_the_batch_receiving
case_ok cancel_leaves_the_files_in_the_inbox_and_retry_takes_them_up
case_ok a_verb_that_is_none_is_refused
case_ok offline_a_drop_waits_and_online_it_goes_on
finish
