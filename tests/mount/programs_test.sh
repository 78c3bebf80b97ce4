#!/usr/bin/env bash
# Programs as people run them, on the drive; and what they left, read from the bucket alone: after umount, with neither
# cache nor journal.
source "$(dirname "$0")/../support/suite.sh" "$@"

BUCKET=$WORK/bucket DRIVE=$WORK/drive URL=file://$WORK/bucket
mkdir "$BUCKET"
export GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@localhost GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@localhost
export GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1

make_tree() { # DIR
  local i
  mkdir -p "$1/src/deep/er" "$1/empty"
  for i in $(seq 1 60); do seq "$i" $((i * 40)) > "$1/src/file $i"; done
  head -c 700000 /dev/urandom > "$1/src/deep/noise"
  printf '#!/bin/sh\necho hello\n' > "$1/src/deep/er/run"
  chmod 755 "$1/src/deep/er/run"
  ln -s ../noise "$1/src/deep/er/link"
  : > "$1/src/nothing"
  find "$1" -type f -exec touch -d '2021-03-04 05:06:07.123456789' {} +
}

git_keeps_a_repository() {
  local repo=$DRIVE/repo
  git init -q -b main "$repo"
  cp -r "$WORK/tree/." "$repo/"
  git -C "$repo" add .
  git -C "$repo" commit -qm first
  same "" "$(git -C "$repo" status --porcelain)" "what status says"
  sed -i 's/^5$/five/' "$repo/src/file 3"
  same " M \"src/file 3\"" "$(git -C "$repo" status --porcelain)" "what status says"
  git -C "$repo" commit -qam second
  git -C "$repo" checkout -q -b side HEAD~1
  git -C "$repo" mv src/nothing src/something
  git -C "$repo" commit -qm third
  git -C "$repo" checkout -q main
  git -C "$repo" merge -q -m merged side
  git -C "$repo" gc -q --aggressive --prune=now
  git -C "$repo" fsck --strict --no-progress
  git clone -q "$repo" "$DRIVE/clone"
  same "$(git -C "$repo" rev-parse HEAD)" "$(git -C "$DRIVE/clone" rev-parse HEAD)" "the head of the clone"
  same "" "$(git -C "$DRIVE/clone" status --porcelain)" "what status says of the clone"
}

git_finds_its_repository_again() {
  local repo
  for repo in repo clone; do
    git -C "$DRIVE/$repo" fsck --strict --no-progress
    # A cold cache shows mode 0644 until a file is opened: that is no change of content.
    same "" "$(git -C "$DRIVE/$repo" -c core.fileMode=false status --porcelain)" "what status says of $repo"
    same 4 "$(git -C "$DRIVE/$repo" log --oneline | wc -l | tr -d ' ')" "commits"
  done
}

sqlite_keeps_databases() { python3 "$SUPPORT/sqlite_work.py" write "$DRIVE" | tee "$WORK/rows"; }
sqlite_finds_its_databases_again() { same "$(cat "$WORK/rows")" "$(python3 "$SUPPORT/sqlite_work.py" check "$DRIVE")" rows; }

rsync_has_nothing_to_do_twice() {
  rsync -aH --itemize-changes "$WORK/tree/" "$DRIVE/rsync/" > "$WORK/first"
  test "$(wc -l < "$WORK/first")" -gt 60
  same "" "$(rsync -aH --itemize-changes "$WORK/tree/" "$DRIVE/rsync/")" "what the second rsync does"
  same "" "$(rsync -aHc --itemize-changes "$WORK/tree/" "$DRIVE/rsync/")" "what rsync -c does"
  rsync -a "$DRIVE/rsync/" "$WORK/from-drive/"
  same "" "$(rsync -ac --itemize-changes "$WORK/tree/" "$WORK/from-drive/")" "what differs on the way back"
}

tar_goes_there_and_back() {
  tar -C "$WORK/tree" -czf "$DRIVE/tree.tar.gz" .
  mkdir "$DRIVE/untarred" "$WORK/retarred"
  tar -C "$DRIVE/untarred" -xzf "$DRIVE/tree.tar.gz"
  tar -C "$DRIVE/untarred" -cf "$DRIVE/again.tar" .
  tar -C "$WORK/retarred" -xf "$DRIVE/again.tar"
  python3 "$SUPPORT/same_tree.py" "$WORK/tree" "$DRIVE/untarred"
  python3 "$SUPPORT/same_tree.py" "$WORK/tree" "$WORK/retarred"
  tar -C "$WORK/tree" -cf "$DRIVE/grown.tar" src/deep
  tar -C "$WORK/tree" -rf "$DRIVE/grown.tar" src/nothing
  contains "$(tar -tf "$DRIVE/grown.tar")" src/nothing
}

zip_goes_there_and_back() {
  (cd "$WORK/tree" && zip -qry "$DRIVE/tree.zip" .)
  (cd "$WORK/tree" && zip -qy "$DRIVE/tree.zip" src/nothing) # takes the archive apart and puts it together again
  unzip -tq "$DRIVE/tree.zip"
  mkdir "$DRIVE/unzipped"
  unzip -q "$DRIVE/tree.zip" -d "$DRIVE/unzipped"
  diff -r "$WORK/tree" "$DRIVE/unzipped"
}

sox_and_ffmpeg_write_and_read_sound() {
  sox -n -r 44100 -c 2 -b 16 "$DRIVE/tone.wav" synth 3 sine 440 # its header is written last
  sox "$DRIVE/tone.wav" "$DRIVE/tone.flac" reverse
  sox "$DRIVE/tone.flac" "$WORK/back.wav" reverse
  sox "$DRIVE/tone.wav" -t raw "$WORK/one.raw"
  sox "$WORK/back.wav" -t raw "$WORK/other.raw"
  cmp "$WORK/one.raw" "$WORK/other.raw"
  ffmpeg -v error -nostdin -i "$DRIVE/tone.wav" -c:a aac -movflags +faststart "$DRIVE/tone.m4a" # moves what it wrote
  ffmpeg -v error -nostdin -i "$DRIVE/tone.m4a" -f null -
  ffmpeg -v error -nostdin -i "$DRIVE/tone.flac" -c:a pcm_s24le "$DRIVE/tone24.wav"
  (cd "$DRIVE" && sha256sum tone.wav tone.flac tone.m4a tone24.wav) > "$WORK/sounds"
}

a_daw_saves_its_project() {
  local version
  for version in $(seq 1 12); do
    python3 "$SUPPORT/save_file.py" daw "$DRIVE/song.als" "$version"
    same "$version" "$(head -n 1 "$DRIVE/song.als")" "the version that was saved"
  done
  same "song.als" "$(ls -A "$DRIVE" | grep '^song\|^\.song')" "what is left"
}

an_editor_saves_its_text() {
  local version
  for version in $(seq 1 12); do
    python3 "$SUPPORT/save_file.py" editor "$DRIVE/notes.txt" "$version"
    same "$version" "$(head -n 1 "$DRIVE/notes.txt")" "the version that was saved"
    [ "$version" = 1 ] || same $((version - 1)) "$(head -n 1 "$DRIVE/notes.txt~")" "the version before"
  done
}

# S30 "One file is one object"
the_bucket_has_it_all() {
  unmount_drive "$DRIVE"
  rm -rf "$XDG_CACHE_HOME/cratedrive" "$XDG_STATE_HOME/cratedrive"
  mount_drive "$URL" "$DRIVE" > /dev/null
  python3 "$SUPPORT/same_tree.py" "$WORK/tree" "$DRIVE/untarred"
  diff -r "$WORK/tree" "$DRIVE/unzipped"
  diff -r "$WORK/tree" "$DRIVE/rsync"
  (cd "$DRIVE" && sha256sum -c --quiet "$WORK/sounds")
  tar -xOf "$DRIVE/again.tar" ./src/deep/noise | cmp - "$WORK/tree/src/deep/noise"
  unzip -tq "$DRIVE/tree.zip"
  same 12 "$(head -n 1 "$DRIVE/song.als")" "the version of the song"
  same 12 "$(head -n 1 "$DRIVE/notes.txt")" "the version of the text"
  same 11 "$(head -n 1 "$DRIVE/notes.txt~")" "the version before"
}

make_tree "$WORK/tree"
mount_drive "$URL" "$DRIVE" > /dev/null || exit 1
case_ok git_keeps_a_repository
case_ok sqlite_keeps_databases
case_ok rsync_has_nothing_to_do_twice
case_ok tar_goes_there_and_back
case_ok zip_goes_there_and_back
case_ok sox_and_ffmpeg_write_and_read_sound
case_ok a_daw_saves_its_project
case_ok an_editor_saves_its_text
case_ok the_bucket_has_it_all
case_ok git_finds_its_repository_again
case_ok sqlite_finds_its_databases_again
finish
