#!/usr/bin/env bash
# Smart folders and the catalogue: right at once after a batch, the same after the cache was lost, and on another
# mount that has only the bucket.
source "$(dirname "$0")/../support/suite.sh" "$@"
source "$SUPPORT/folder_cases.sh"

BUCKET=$WORK/bucket DRIVE=$WORK/drive URL=file://$WORK/bucket CONTROL=$WORK/drive/.cratedrive
mkdir "$BUCKET"

links() { (cd "$1" && find by-bpm by-key by-kind duplicates search/kick "search/bpm:80-130 -other" -type l -printf '%p -> %l\n' | sort); }
labelled() { python3 -c 'import json, sys
for row in sorted(json.load(open(sys.argv[1])), key=lambda row: row["path"]):
    print(row["path"], sorted((k, v) for k, v in row["labels"].items() if k in ("kind", "bpm", "key", "lufs", "duration", "xxh128")))' "$1"; }
no_link_dangles() { same "" "$(find "$1" -type l -xtype l)" "dangling links"; }

# S45 "right at once after a batch"
after_a_batch_they_are_right_at_once() {
  mount_drive "$URL" "$DRIVE" > /dev/null
  python3 "$ROOT/scripts/make-samples" "$WORK/pack/drums"
  mkdir "$WORK/pack/other"
  { cat "$WORK/pack/drums/kick.wav"; printf 'other'; } > "$WORK/pack/other/kick.wav"
  drop "$WORK/pack" pack
  same "../../../pack/drums/beat 92bpm.wav" "$(readlink "$CONTROL/by-bpm/090-099/beat 92bpm.wav")"
  cmp "$WORK/pack/drums/snare.wav" "$CONTROL/by-kind/one-shot/snare.wav"
  same 2 "$(ls "$CONTROL/search/kick" | wc -l)" "links of the search"
  cmp "$WORK/pack/other/kick.wav" "$CONTROL/search/kick/kick (pack›other).wav"
  same 10 "$(ls "$CONTROL/recent" | wc -l)" "recent samples"
  no_link_dangles "$CONTROL"
  links "$CONTROL" > "$WORK/links"
  labelled "$CONTROL/catalog.json" > "$WORK/labels"
  same 10 "$(wc -l < "$WORK/labels")" "samples of the catalogue"
}

copies_are_duplicates_until_one_goes() {
  cp "$DRIVE/pack/drums/hat.wav" "$DRIVE/pack/copy of hat.wav"
  drained "$DRIVE"
  same 1 "$(ls "$CONTROL/duplicates" | wc -l)" groups
  same 2 "$(ls "$CONTROL/duplicates/"* | wc -l)" files
  rm "$DRIVE/pack/copy of hat.wav"
  same 0 "$(ls "$CONTROL/duplicates" | wc -l)" groups
  drained "$DRIVE"
}

what_moves_and_goes_is_followed() {
  mv "$DRIVE/pack" "$DRIVE/renamed"
  same "../../../renamed/drums/snare.wav" "$(readlink "$CONTROL/by-kind/one-shot/snare.wav")"
  mv "$DRIVE/renamed" "$DRIVE/pack"
  mv "$DRIVE/pack/drums/snare.wav" "$WORK/snare.wav"
  refuses test -e "$CONTROL/by-kind/one-shot/snare.wav"
  cp "$WORK/snare.wav" "$DRIVE/inbox/snare.wav"
  within 30 test -e "$CONTROL/by-kind/one-shot/snare.wav"
  drained "$DRIVE"
}

nothing_can_be_changed_in_there() {
  refuses rm "$CONTROL/by-kind/one-shot/snare.wav"
  refuses touch "$CONTROL/by-kind/one-shot/new.wav"
  refuses mkdir "$CONTROL/search/x/y"
  test "$(stat -c %Y "$CONTROL/by-kind")" -gt 1700000000
  test "$(stat -c %Y "$CONTROL")" -gt 1700000000
}

# S45 "another mount builds the same from the reports of the batches"
without_its_cache_a_mount_builds_the_same() {
  links "$CONTROL" > "$WORK/links"
  labelled "$CONTROL/catalog.json" > "$WORK/labels"
  unmount_drive "$DRIVE" > /dev/null
  rm -r "$XDG_CACHE_HOME" "$XDG_STATE_HOME"
  mount_drive "$URL" "$DRIVE" > /dev/null
  within 20 same "$(cat "$WORK/links")" "$(links "$CONTROL")"
  same "$(cat "$WORK/labels")" "$(labelled "$CONTROL/catalog.json")"
  same 0 "$(awk '/^cratedrive_store_requests_total.verb="head"/ { print $2 }' "$CONTROL/metrics")" "HEAD requests"
}

# S46 "no cell is a formula"
the_playlist_and_the_table_open() {
  python3 - "$CONTROL" <<'PYTHON'
import csv, os, subprocess, sys
control = sys.argv[1]
lines = open(control + "/catalog.m3u8", encoding="utf-8").read().splitlines()
assert lines[0] == "#EXTM3U", lines[0]
files = [line for line in lines if not line.startswith("#")]
assert len(files) == 10, files
for name in files:
    assert os.path.isfile(os.path.join(control, name)), name
with open(control + "/catalog.csv", newline="", encoding="utf-8") as file:
    rows = list(csv.DictReader(file))
assert len(rows) == 10
assert not any(cell and cell[0] in "=+@" for row in rows for cell in row.values())
PYTHON
}

case_ok after_a_batch_they_are_right_at_once
case_ok copies_are_duplicates_until_one_goes
case_ok what_moves_and_goes_is_followed
case_ok nothing_can_be_changed_in_there
case_ok without_its_cache_a_mount_builds_the_same
case_ok the_playlist_and_the_table_open
finish
