#!/usr/bin/env bash
# Archives of every kind, honest and hostile, dropped into the inbox as people do.
source "$(dirname "$0")/../support/suite.sh" "$@"
source "$SUPPORT/folder_cases.sh"

BUCKET=$WORK/bucket DRIVE=$WORK/drive URL=file://$WORK/bucket
mkdir "$BUCKET" "$WORK/kit" "$WORK/kit/deep"
for i in 1 2 3; do head -c 20000 /dev/urandom > "$WORK/kit/deep/hit $i.bin"; done
echo "all free" > "$WORK/kit/licence.txt"

errors_of() { cat "$DRIVE"/.cratedrive/batches/*"-$1"/errors; }
ended() { jq -e '.finished_at != null and .finished_at != ""' "$(ls -d "$DRIVE"/.cratedrive/batches/*"-$1")/status.json" > /dev/null; }

the_drive_mounts() { mount_drive "$URL" "$DRIVE" --settle 300ms --archive-files-max 50 > /dev/null; }

# S54 "An archive in `inbox/` (zip, 7z, rar, tar, also packed) is unpacked"
archives_of_every_kind_go_in_as_folders() {
  local kind
  mkdir "$WORK/drop"
  for kind in zip 7z tar tar.gz tar.bz2 tar.xz tar.zst; do
    mkdir "$WORK/in.$kind"
    cp -r "$WORK/kit/." "$WORK/in.$kind/"
    head -c 5000 /dev/urandom > "$WORK/in.$kind/own of $kind.bin" # so that none is a twin of another
    for i in 1 2 3; do echo "$kind" >> "$WORK/in.$kind/deep/hit $i.bin"; done
    echo "$kind" >> "$WORK/in.$kind/licence.txt"
    ( cd "$WORK/in.$kind" && bsdtar -a -cf "$WORK/drop/of-$kind.$kind" ./* )
  done
  python3 "$SUPPORT/rar_file.py" "$WORK/drop/of-rar.rar" "deep/hit.bin" "$WORK/kit/deep/hit 1.bin"
  cp -r "$WORK/drop" "$DRIVE/inbox/kinds"
  within 60 test ! -e "$DRIVE/inbox/kinds"
  for kind in zip 7z tar tar.gz tar.bz2 tar.xz tar.zst; do
    python3 "$SUPPORT/same_tree.py" "$WORK/in.$kind" "$DRIVE/kinds/of-$kind"
    python3 "$SUPPORT/same_tree.py" "$WORK/in.$kind" "$BUCKET/kinds/of-$kind"
  done
  cmp "$WORK/kit/deep/hit 1.bin" "$DRIVE/kinds/of-rar/deep/hit.bin"
  refuses test -e "$DRIVE/kinds/of-zip.zip"
}

# S55 "A path that leaves the archive, a link, a device and an encrypted entry are refused by name"
hostile_entries_are_refused_and_the_rest_goes_in() {
  mkdir "$WORK/bad"
  python3 - "$WORK/bad/slip.zip" <<'PYTHON'
import sys, zipfile
with zipfile.ZipFile(sys.argv[1], "w") as z:
    z.writestr("../../../outside.txt", "x")
    z.writestr("..\\windows.txt", "x")
    z.writestr("/etc/absolute.txt", "x")
    z.writestr("__MACOSX/._good.txt", "x")
    z.writestr("good.txt", "good")
PYTHON
  ( cd "$WORK/kit" && zip -q -P secret "$WORK/bad/locked.zip" licence.txt && zip -q "$WORK/bad/locked.zip" "deep/hit 2.bin" )
  cp -r "$WORK/bad" "$DRIVE/inbox/bad"
  within 60 ended bad
  same good "$(cat "$DRIVE/bad/slip/good.txt")"
  cmp "$WORK/kit/deep/hit 2.bin" "$DRIVE/bad/locked/deep/hit 2.bin"
  contains "$(errors_of bad)" '"../../../outside.txt" has a path that leaves the archive'
  contains "$(errors_of bad)" '"../windows.txt" has a path that leaves the archive'
  contains "$(errors_of bad)" '"/etc/absolute.txt" has an absolute path'
  contains "$(errors_of bad)" '"licence.txt" is encrypted'
  cmp "$WORK/bad/slip.zip" "$DRIVE/inbox/bad/slip.zip"
  refuses test -e "$WORK/outside.txt"
  refuses test -e "$DRIVE/bad/slip/__MACOSX"
}

# S56 "An archive that is damaged or breaks a limit goes in not at all"
bombs_and_torn_archives_stay_in_the_inbox() {
  mkdir "$WORK/bombs" "$WORK/many"
  head -c 300M /dev/zero | gzip -9 > "$WORK/bombs/zeros.gz"
  ( cd "$WORK/bombs" && head -c 300M /dev/zero > zeros && bsdtar -czf bomb.tar.gz zeros && rm zeros zeros.gz )
  for i in $(seq 60); do echo "$i" > "$WORK/many/$i"; done
  ( cd "$WORK" && bsdtar -cf bombs/many.tar many && bsdtar -cf torn.tar kit && head -c 30000 torn.tar > bombs/torn.tar )
  cp -r "$WORK/bombs" "$DRIVE/inbox/bombs"
  within 60 ended bombs
  contains "$(errors_of bombs)" archive_ratio_max
  contains "$(errors_of bombs)" archive_files_max
  contains "$(errors_of bombs)" "torn.tar: it was not unpacked"
  refuses test -e "$DRIVE/bombs"
  same "bomb.tar.gz many.tar torn.tar" "$(ls "$DRIVE/inbox/bombs" | paste -sd' ')"
  same "" "$(ls -A "$DRIVE/inbox" | grep unpacking || true)" "folders that are half unpacked"
  echo "retry torn.tar" > "$(ls -d "$DRIVE"/.cratedrive/batches/*-bombs)/control"
  within 30 cmp "$WORK/bombs/torn.tar" "$DRIVE/bombs/torn.tar"
}

an_archive_without_room_says_so_and_waits() {
  unmount_drive "$DRIVE"
  mount_drive "$URL" "$DRIVE" --settle 300ms --staging-size 3MiB > /dev/null
  mkdir "$WORK/large"
  head -c 2500000 /dev/urandom > "$WORK/large/one.bin"
  ( cd "$WORK/large" && bsdtar -czf "$WORK/large.tar.gz" one.bin )
  cp "$WORK/large.tar.gz" "$DRIVE/inbox/"
  within 60 ended large-tar-gz
  contains "$(errors_of large-tar-gz)" "make room"
  cmp "$WORK/large.tar.gz" "$DRIVE/inbox/large.tar.gz"
}

case_ok the_drive_mounts
case_ok archives_of_every_kind_go_in_as_folders
case_ok hostile_entries_are_refused_and_the_rest_goes_in
case_ok bombs_and_torn_archives_stay_in_the_inbox
case_ok an_archive_without_room_says_so_and_waits
finish
