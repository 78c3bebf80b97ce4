#!/usr/bin/env bash
# analyze --all: a bucket that other tools filled becomes one with labels.
source "$(dirname "$0")/../support/suite.sh" "$@"

BUCKET=$WORK/bucket DRIVE=$WORK/drive URL=file://$WORK/bucket
run() { timeout 120 "$CRATEDRIVE" "$@"; }
library() { (cd "$BUCKET" && find . -path ./.cratedrive -prune -o -type f -printf '%P %s %T@\n' | sort); }
reports() { find "$BUCKET/.cratedrive/batches" -name '*.json' | wc -l; }

python3 "$ROOT/scripts/make-samples" "$BUCKET/Kits" # nine sounds
mkdir "$BUCKET/hats"
for n in $(seq 30); do (cat "$BUCKET/Kits/hat.wav"; echo "$n") > "$BUCKET/hats/hat $n.wav"; done
echo "no sound" > "$BUCKET/broken.wav"
echo "read me" > "$BUCKET/readme.txt"
cp "$BUCKET/Kits/hat.wav" "$BUCKET/._hat.wav"
BEFORE=$(library)

a_dry_run_names_what_would_be_read_and_changes_nothing() {
  run analyze --all --dry-run "$URL" > "$WORK/plan"
  same 40 "$(grep -c '^listen to  ' "$WORK/plan")" objects
  grep -qxF 'listen to  Kits/kick.wav  34 KiB' "$WORK/plan"
  tail -n 1 "$WORK/plan" | grep -q '^would listen to 40 objects'
  same 40 "$(run analyze --all --dry-run --json "$URL" | jq -r .path | wc -l)"
  same "$BEFORE" "$(library)" "the library"
  test ! -e "$BUCKET/.cratedrive"
}

# S62 "a run that was killed goes on where its last report ended"
what_was_killed_goes_on_where_its_last_report_ended() {
  CRATEDRIVE_CRASH=app.after_labels_report refuses run analyze --all "$URL"
  same 1 "$(reports)" reports
  same 16 "$(jq '.items | length' "$BUCKET"/.cratedrive/batches/*.json)" "files of the report"
  run analyze --all --json "$URL" > "$WORK/said"
  same "16 24 2 0" "$(jq -r '"\(.known) \(.labelled + .undecodable) \(.others) \(.failed)"' "$WORK/said")" "known, new, others, failed"
  same "$BEFORE" "$(library)" "the library"
}

again_nothing_is_left_to_do() {
  local before
  before=$(reports)
  contains "$(run analyze --all "$URL")" '0 labelled, 40 were before'
  same "$before" "$(reports)" reports
}

# S62 "Every mount of the bucket shows them"
a_mount_shows_the_labels() {
  mount_drive "$URL" "$DRIVE" > /dev/null
  cat "$DRIVE/hats/hat 7.wav" > /dev/null # its attributes are the object's own before its labels are known
  contains "$(ls "$DRIVE/.cratedrive/by-kind")" snare
  same 1 "$(find "$DRIVE/.cratedrive/by-kind/kick" -type l | wc -l)" kicks
  same 31 "$(find "$DRIVE/.cratedrive/by-kind/hat" -type l | wc -l)" hats
  same one-shot "$(getfattr --only-values -n user.cratedrive.kind "$DRIVE/hats/hat 7.wav")"
  same one-shot "$(getfattr --only-values -n user.cratedrive.kind "$DRIVE/hats/hat 8.wav")"
  cmp "$BUCKET/hats/hat 8.wav" "$DRIVE/hats/hat 8.wav" # and the object's own attributes leave them be
  same one-shot "$(getfattr --only-values -n user.cratedrive.kind "$DRIVE/hats/hat 8.wav")"
  same 40 "$(jq length "$DRIVE/.cratedrive/catalog.json")" "rows of the catalogue" # the broken one has its hash
}

through_a_mount_new_objects_are_labelled_and_shown_at_once() {
  (cat "$BUCKET/Kits/snare.wav"; echo more) > "$BUCKET/Kits/snare 2.wav"
  contains "$(run analyze --all "$DRIVE")" '1 labelled'
  test -e "$DRIVE/Kits/snare 2.wav"
  same 2 "$(find "$DRIVE/.cratedrive/by-kind/snare" -type l | wc -l)" snares
}

an_object_that_was_replaced_is_listened_to_anew() {
  cp "$BUCKET/Kits/kick.wav" "$BUCKET/hats/hat 1.wav"
  contains "$(run analyze --all)" '1 labelled' # the only mounted drive
  unmount_drive "$DRIVE" > /dev/null
}

a_batch_needs_no_second_hearing() {
  mount_drive "$URL" "$DRIVE" > /dev/null
  mkdir "$WORK/more"
  (cat "$BUCKET/Kits/snare.wav"; echo most) > "$WORK/more/snare 3.wav"
  cp -r "$WORK/more" "$DRIVE/inbox/"
  within 30 test -e "$BUCKET/more/snare 3.wav"
  within 30 jq -e '[.batches[] | select(.name == "more" and .state == "done")] | length == 1' "$DRIVE/.cratedrive/status.json"
  unmount_drive "$DRIVE" > /dev/null
  contains "$(run analyze --all "$URL")" '0 labelled'
}

mistakes_are_said() {
  refused_with 2 "no drive is mounted" "$CRATEDRIVE" analyze --all
  refused_with 2 "one drive" "$CRATEDRIVE" analyze --all "$URL" "$URL"
  refused_with 2 "--all" "$CRATEDRIVE" analyze
  printf 'report_prefix = ""\n' > "$WORK/no-reports.toml"
  refused_with 2 "report_prefix" "$CRATEDRIVE" analyze --all "$URL" --config "$WORK/no-reports.toml"
  refused_with 4 "not on a mounted drive" "$CRATEDRIVE" analyze --all "$WORK"
}

case_ok a_dry_run_names_what_would_be_read_and_changes_nothing
case_ok what_was_killed_goes_on_where_its_last_report_ended
case_ok again_nothing_is_left_to_do
case_ok a_mount_shows_the_labels
case_ok through_a_mount_new_objects_are_labelled_and_shown_at_once
case_ok an_object_that_was_replaced_is_listened_to_anew
case_ok a_batch_needs_no_second_hearing
case_ok mistakes_are_said
finish
