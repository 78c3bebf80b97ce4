#!/usr/bin/env bash
# What follows when a batch is stored, as people set it up: enrichers, previews, thumbnails, a command at the end; and limits.
source "$(dirname "$0")/../support/suite.sh" "$@"
source "$SUPPORT/folder_cases.sh"

BUCKET=$WORK/bucket DRIVE=$WORK/drive URL=file://$WORK/bucket
mkdir -p "$BUCKET" "$XDG_CONFIG_HOME/cratedrive" "$WORK/pack"
python3 "$ROOT/scripts/make-samples" "$WORK/pack/drums" > /dev/null
ffmpeg -v error -f lavfi -i testsrc=size=800x600 -frames:v 1 "$WORK/pack/cover.png" < /dev/null
cat > "$XDG_CONFIG_HOME/cratedrive/config.toml" <<TOML
[inbox]
settle = "300ms"
previews = true
thumbnails = true
on_batch_done = "sh -c 'echo \$CRATEDRIVE_BATCH_NAME \$1 >> \$0' $WORK/told {state}"

[[enrich]]
name = "tagger"
command = ["python3", "$ROOT/docs/examples/tagger.py", "{path}"]
extensions = [".wav"]
concurrency = 2

[[enrich]]
name = "missing"
command = ["/nowhere/model", "{path}"]
kinds = ["image"]
TOML

label() { getfattr --absolute-names --only-values -n "user.label.$2" "$1"; }
batch() { ls -d "$DRIVE"/.cratedrive/batches/*-"$1"; }

the_drive_mounts_and_names_what_is_not_installed() {
  mount_drive "$URL" "$DRIVE" > /dev/null
  contains "$(cat "$DRIVE/.cratedrive/health")" "/nowhere/model is not installed"
  contains "$(cat "$DRIVE/.cratedrive/config.toml")" 'name = "tagger"'
}

stored_samples_get_the_answers_of_the_example() {
  drop "$WORK/pack" pack
  same done "$(jq -r .state "$(batch pack)/status.json")" state
  label "$DRIVE/pack/drums/kick.wav" tagger.brightness | grep -qxE 'dark|bright'
  jq -e '[.items[] | select(.enriched["tagger.crossings_hz"])] | length > 3' "$(batch pack)/report.json" > /dev/null
  jq -e '[.[] | select(.labels["tagger.brightness"])] | length > 3' "$DRIVE/.cratedrive/catalog.json" > /dev/null
}

a_failing_enricher_is_in_errors_and_the_file_is_stored() {
  cmp "$WORK/pack/cover.png" "$DRIVE/pack/cover.png"
  contains "$(cat "$(batch pack)/errors")" "cover.png: missing: start /nowhere/model"
  contains "$(cat "$(batch pack)/status")" "write enrich to control"
}

previews_and_thumbnails_are_objects() {
  local preview thumbnail
  preview=$(label "$DRIVE/pack/drums/kick.wav" preview.file)
  thumbnail=$(label "$DRIVE/pack/cover.png" thumbnail.file)
  within 20 test -s "$BUCKET/$preview"
  within 20 test -s "$BUCKET/$thumbnail"
  same opus "$(ffprobe -v error -show_entries stream=codec_name -of csv=p=0 "$BUCKET/$preview")" codec
  same 512 "$(ffprobe -v error -show_entries stream=width -of csv=p=0 "$BUCKET/$thumbnail")" width
}

the_command_of_the_end_was_run_once() {
  within 20 test -s "$WORK/told"
  same "pack done" "$(cat "$WORK/told")"
}

limits_are_changed_while_it_is_mounted() {
  local control=$DRIVE/.cratedrive/control
  echo "limit up 2M" > "$control"
  echo "limit connections 4" > "$control"
  contains "$(cat "$DRIVE/.cratedrive/status")" "up 2.0 MiB/s, 4 at one time"
  refuses bash -c 'echo "limit sideways 3" > "$1"' - "$control"
  refuses bash -c 'echo "limit up fast" > "$1"' - "$control"
  head -c 3000000 /dev/urandom > "$DRIVE/limited.bin"
  drained "$DRIVE"
  cmp "$DRIVE/limited.bin" "$BUCKET/limited.bin"
  echo "limit off" > "$control"
  refuses grep -q limits "$DRIVE/.cratedrive/status"
}

a_wrong_table_is_refused_with_its_line() {
  printf '[[enrich]]\nname = "x"\ncomand = ["true"]\n' > "$WORK/wrong.toml"
  local said
  said=$("$CRATEDRIVE" mount "$URL" "$WORK/other" --config "$WORK/wrong.toml" 2>&1) && return 1
  contains "$said" 'wrong.toml:3: unknown key "comand" in [[enrich]]; did you mean "command"?'
}

case_ok the_drive_mounts_and_names_what_is_not_installed
case_ok stored_samples_get_the_answers_of_the_example
case_ok a_failing_enricher_is_in_errors_and_the_file_is_stored
case_ok previews_and_thumbnails_are_objects
case_ok the_command_of_the_end_was_run_once
case_ok limits_are_changed_while_it_is_mounted
case_ok a_wrong_table_is_refused_with_its_line
finish
