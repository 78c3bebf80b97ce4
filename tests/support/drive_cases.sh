# drive_cases.sh: what every drive does, on whatever bucket. A suite sets URL and DRIVE, defines
#   fetch_bucket DIR      a copy of what the bucket holds now, as files
# and calls drive_cases.

programs_find_a_file_system() { python3 "$SUPPORT/posix_ops.py" "$DRIVE/posix-$1" "$1"; }

make_tree() { # DIR: a small tree of all sorts
  mkdir -p "$1/a/b" "$1/empty folder"
  head -c 300000 /dev/urandom > "$1/a/noise"
  printf 'text\n' > "$1/a/b/ümläut & co.txt"
  : > "$1/a/nothing"
  ln -s ../a/noise "$1/a/link"
  seq 1 20000 > "$1/numbers"
  touch -d '2020-02-02 02:02:02' "$1/numbers"
}

cp_r_copies_a_tree() {
  make_tree "$WORK/tree-cp"
  cp -r "$WORK/tree-cp" "$DRIVE/cp"
  python3 "$SUPPORT/same_tree.py" "$WORK/tree-cp" "$DRIVE/cp"
}

rsync_finds_nothing_to_do_the_second_time() {
  make_tree "$WORK/tree-rsync"
  rsync -a "$WORK/tree-rsync/" "$DRIVE/rsync/"
  python3 "$SUPPORT/same_tree.py" "$WORK/tree-rsync" "$DRIVE/rsync"
  same "" "$(rsync -ai "$WORK/tree-rsync/" "$DRIVE/rsync/")" "what the second rsync does"
}

tar_unpacks_and_packs() {
  make_tree "$WORK/tree-tar"
  mkdir "$DRIVE/tar"
  tar -C "$WORK/tree-tar" -cf - . | tar -C "$DRIVE/tar" -xf -
  tar -C "$DRIVE/tar" -cf - . | { mkdir "$WORK/tree-back"; tar -C "$WORK/tree-back" -xf -; }
  python3 "$SUPPORT/same_tree.py" "$WORK/tree-tar" "$WORK/tree-back"
}

mv_moves_in_and_out() {
  make_tree "$WORK/tree-mv"
  cp -r "$WORK/tree-mv" "$WORK/tree-mv-original"
  mv "$WORK/tree-mv" "$DRIVE/mv"
  mv "$DRIVE/mv" "$DRIVE/mv2"
  python3 "$SUPPORT/same_tree.py" "$WORK/tree-mv-original" "$DRIVE/mv2"
  mv "$DRIVE/mv2" "$WORK/tree-mv"
  python3 "$SUPPORT/same_tree.py" "$WORK/tree-mv-original" "$WORK/tree-mv"
  refuses stat "$DRIVE/mv2"
}

a_large_file_goes_up_in_parts_and_comes_back() {
  head -c 40000000 /dev/urandom > "$WORK/large"
  cp "$WORK/large" "$DRIVE/large"
  cmp "$WORK/large" "$DRIVE/large"
  drained "$DRIVE" 60
  same stored "$(getfattr --absolute-names --only-values -n user.cratedrive.state "$DRIVE/large")" state
}

the_bucket_is_the_drive_as_plain_objects() {
  drained "$DRIVE" 120
  rm -rf "$WORK/fetched"
  fetch_bucket "$WORK/fetched"
  cmp "$WORK/large" "$WORK/fetched/large"
  cmp "$WORK/tree-cp/a/noise" "$WORK/fetched/cp/a/noise"
  cmp "$WORK/tree-rsync/a/b/ümläut & co.txt" "$WORK/fetched/rsync/a/b/ümläut & co.txt"
  same 0 "$(find "$WORK/fetched" -path '*mv2*' | wc -l)" "objects of the moved folder"
  same 0 "$(find "$WORK/fetched" -name status.json | wc -l)" "virtual files in the bucket"
}

a_second_mount_of_a_cold_cache_shows_the_same() {
  rm -rf "$WORK/before"
  mkdir "$WORK/before"
  cp -a "$DRIVE/cp" "$DRIVE/rsync" "$WORK/before/"
  unmount_drive "$DRIVE"
  rm -rf "$XDG_CACHE_HOME/cratedrive"
  mount_drive "$URL" "$DRIVE"
  python3 "$SUPPORT/same_tree.py" "$WORK/before/cp" "$DRIVE/cp"
  python3 "$SUPPORT/same_tree.py" "$WORK/before/rsync" "$DRIVE/rsync"
  cmp "$WORK/large" "$DRIVE/large"
}

virtual_files_are_well_formed() {
  local name
  for name in status.json health.json; do jq -e . "$DRIVE/.cratedrive/$name" > /dev/null; done
  for name in status health metrics uploads config.toml events.jsonl catalog.csv; do
    cat "$DRIVE/.cratedrive/$name" > "$WORK/virtual" || return 1
  done
  jq -e . "$DRIVE/.cratedrive/catalog.json" > /dev/null
  jq -e -s . "$DRIVE/.cratedrive/events.jsonl" > /dev/null
  jq -e 'has("state") and has("store") and has("pending_uploads") and has("pending_bytes") and has("cache")
         and (.batches | type == "array")' "$DRIVE/.cratedrive/status.json" > /dev/null
  python3 -c 'import sys, tomllib; tomllib.load(open(sys.argv[1], "rb"))' "$DRIVE/.cratedrive/config.toml"
  test "$(awk '{ if (length($0) > 80) n++ } END { print n + 0 }' "$DRIVE/.cratedrive/status")" = 0
  grep -q '^# TYPE cratedrive_' "$DRIVE/.cratedrive/metrics"
  same "$(cat "$DRIVE/.cratedrive/status" | wc -l)" "$("$CRATEDRIVE" status "$DRIVE" | wc -l)" "lines of status"
}

drive_cases() {
  local name
  for name in $(python3 "$SUPPORT/posix_ops.py" --list); do case_ok programs_find_a_file_system "$name"; done
  case_ok cp_r_copies_a_tree
  case_ok rsync_finds_nothing_to_do_the_second_time
  case_ok tar_unpacks_and_packs
  case_ok mv_moves_in_and_out
  case_ok a_large_file_goes_up_in_parts_and_comes_back
  case_ok the_bucket_is_the_drive_as_plain_objects
  case_ok a_second_mount_of_a_cold_cache_shows_the_same
  case_ok virtual_files_are_well_formed
}
