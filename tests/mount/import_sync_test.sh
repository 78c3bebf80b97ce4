#!/usr/bin/env bash
# import and sync as a user would type them.
source "$(dirname "$0")/../support/suite.sh" "$@"

BUCKET=$WORK/bucket DRIVE=$WORK/drive URL=file://$WORK/bucket
mkdir "$BUCKET"
run() { timeout 120 "$CRATEDRIVE" "$@"; }
objects() { (cd "$BUCKET" && find . -name .cratedrive -prune -o -type f ! -path './.*' -print | sort); }

python3 "$ROOT/scripts/make-samples" "$WORK/Kits/drums"
cp "$WORK/Kits/drums/kick.wav" "$WORK/Kits/drums/kick again.wav"
echo junk > "$WORK/Kits/.DS_Store"
ln -s drums "$WORK/Kits/link"

a_dry_run_tells_exactly_what_happens_and_changes_nothing() {
  run import --dry-run "$WORK/Kits" "$URL" > "$WORK/plan"
  same "" "$(objects)" "objects after the dry run"
  grep -q '^store      drums/snare.wav -> Kits/drums/snare.wav$' "$WORK/plan"
  same 1 "$(grep -c '^skip ' "$WORK/plan")" "twins"
  same 2 "$(grep -c '^leave out' "$WORK/plan")" "left out"
}

# S47 "is stored as if it was dropped into the inbox"
an_import_without_a_mount_stores_the_folder() {
  run import "$WORK/Kits" "$URL" > "$WORK/imported"
  # Which of two twins is the one that is stored, nobody can tell before.
  same "$(sed -n 's/^store .* -> //p' "$WORK/plan" | sed 's/ again//' | sort)" "$(objects | sed 's|^\./||; s/ again//' | sort)" objects
  cmp "$WORK/Kits/drums/hat.wav" "$BUCKET/Kits/drums/hat.wav"
  refuses grep -q "$XDG_RUNTIME_DIR/cratedrive-import" /proc/self/mountinfo
}

again_it_finds_all_there() {
  run import "$WORK/Kits" "$URL" > "$WORK/imported"
  grep -q '^0 stored' "$WORK/imported"
  run import --dry-run "$WORK/Kits" "$URL" | tail -n 1 | grep -q '^would store 0 files'
}

into_a_mounted_drive_only_what_is_new_goes() {
  mount_drive "$URL" "$DRIVE" > /dev/null
  head -c 70000 /dev/urandom > "$WORK/Kits/new.bin"
  run import --json "$WORK/Kits" > "$WORK/imported"
  same 1 "$(jq .stored "$WORK/imported")" stored
  cmp "$WORK/Kits/new.bin" "$DRIVE/Kits/new.bin"
  refuses run import "$DRIVE/Kits"
  unmount_drive "$DRIVE" > /dev/null
}

LEFT=$WORK/left RIGHT=file://$WORK/right
mkdir -p "$LEFT/sub" "$WORK/right"

a_folder_goes_up_and_comes_down() {
  head -c 3000 /dev/urandom > "$LEFT/a.bin"
  head -c 20000000 /dev/urandom > "$LEFT/sub/large.bin"
  : > "$LEFT/empty"
  contains "$(run sync --dry-run "$LEFT" "$RIGHT")" '3 to do'
  test ! -e "$WORK/right/a.bin"
  run sync "$LEFT" "$RIGHT"
  cmp "$LEFT/sub/large.bin" "$WORK/right/sub/large.bin"
  run sync "$RIGHT" "$WORK/copy"
  diff -r "$LEFT" "$WORK/copy"
  same "$(stat -c %Y "$LEFT/a.bin")" "$(stat -c %Y "$WORK/copy/a.bin")" mtime
  contains "$(run sync "$LEFT" "$RIGHT")" '0 up, 0 down, 0 removed, 0 in conflict (both kept), 3 the same'
}

# S48 "What changed on both sides is kept twice"
both_ways_changes_meet_and_conflicts_are_kept() {
  echo left > "$LEFT/only left"
  echo right > "$WORK/right/only right"
  run sync --both "$LEFT" "$RIGHT"
  same right "$(cat "$LEFT/only right")"
  same left "$(cat "$WORK/right/only left")"
  echo mine > "$LEFT/a.bin"
  echo theirs > "$WORK/right/a.bin"
  contains "$(run sync --both "$LEFT" "$RIGHT")" '1 in conflict'
  same theirs "$(cat "$LEFT/a.bin")"
  same mine "$(cat "$LEFT"/a\ \(conflict*.bin)"
  same mine "$(cat "$WORK/right"/a\ \(conflict*.bin)"
}

removals_go_over_only_if_asked_for() {
  rm "$LEFT/only left"
  run sync "$LEFT" "$RIGHT"
  test -e "$WORK/right/only left"
  rm "$WORK/right/only right"
  run sync --both --delete "$LEFT" "$RIGHT"
  test ! -e "$LEFT/only right"
  run sync --delete "$LEFT" "$RIGHT"
  test ! -e "$WORK/right/only left"
  diff <(cd "$LEFT" && find . -type f | sort) <(cd "$WORK/right" && find . -mindepth 1 -name '.*' -prune -o -type f -print | sort)
}

mistakes_are_said() {
  refused_with 2 "one side is a folder" "$CRATEDRIVE" sync "$LEFT" "$LEFT"
  refused_with 2 "is not a folder" "$CRATEDRIVE" sync "$LEFT/none" "$RIGHT"
  refused_with 2 "none" "$CRATEDRIVE" import "$LEFT/none" "$URL"
  refused_with 2 "--bandwidth" "$CRATEDRIVE" sync --bandwidth fast "$LEFT" "$RIGHT"
}

case_ok a_dry_run_tells_exactly_what_happens_and_changes_nothing
case_ok an_import_without_a_mount_stores_the_folder
case_ok again_it_finds_all_there
case_ok into_a_mounted_drive_only_what_is_new_goes
case_ok a_folder_goes_up_and_comes_down
case_ok both_ways_changes_meet_and_conflicts_are_kept
case_ok removals_go_over_only_if_asked_for
case_ok mistakes_are_said
finish
