#!/usr/bin/env bash
# A bucket full of keys that are no paths: everything that can have a name is listed and read, the rest is counted, nothing leaves
# the tree, and none of it disturbs its neighbours.
source "$(dirname "$0")/../support/suite.sh" "$@"

DRIVE=$WORK/drive URL=s3://crate
s3() { python3 "$SUPPORT/s3_object.py" "$@"; }

awkward_keys() { # a JSON string a line; the last two kinds are files and folders of one name
  python3 - <<'PYTHON'
import json
keys = ["plain", "folder/plain", "/leading", "//two leading", "a//b", "a///c", "a/./d", "a/../e", "./f", "../g", "../../etc/passwd",
        "dots/..", "dots/.", "trailing space ", " leading space", "tab\there", "line\nbreak", "return\rhere", "bell\x07", "escape\x1b[31mred",
        "delete\x7f", "back\\slash", "quote\"s' and `ticks`", "*?[glob]", "percent%41", "%2F", "%2Fescaped", "%2Fescaped%2F", "colon:semi;",
        "-rf", "~", "$HOME", "emoji \U0001F941", "caf\u00e9", "cafe\u0301", "Case", "case", "CASE/inner", "case-folder/x", "Case-Folder/x",
        "k/" * 400 + "deep", "x" * 255, "y/" + "z" * 255, "u" * 1024, "v" * 256, "w/" + "q" * 300 + "/inner",
        "both", "both/inside", "both/deeper/inside", "twice", "twice/", "twice/again", "right\u202eleft", "zero\u200bwidth",
        "a/b/", "implied/only/here"]
keys.append(("p" * 200 + "/") * 5 + "r" * (1024 - 1005))
for key in keys:
    print(json.dumps(key))
PYTHON
}
# Parts of more than 255 bytes can have no name.
nameable() { python3 -c '
import json, sys
for line in sys.stdin:
    key = json.loads(line)
    if all(len(part.encode()) <= 255 for part in key.split("/")):
        print(line, end="")'; }

the_drive_mounts() {
  rclone mkdir S3:crate
  awkward_keys > "$WORK/keys"
  s3 put crate < "$WORK/keys"
  same "$(wc -l < "$WORK/keys")" "$(s3 keys crate | wc -l)" "keys in the bucket"
  mount_drive "$URL" "$DRIVE" > /dev/null
}

everything_with_a_name_is_listed_and_readable() {
  python3 "$SUPPORT/read_tree.py" "$DRIVE" > "$WORK/found"
  nameable < "$WORK/keys" | sort > "$WORK/expected"
  sort "$WORK/found" > "$WORK/found.sorted"
  diff "$WORK/expected" "$WORK/found.sorted"
}

# S31 "is shown under an escaped name or counted in `health`"
names_are_the_documented_ones() {
  same leading "$(cat "$DRIVE/%2F/leading" | tr -d /)"
  same 'a//b' "$(cat "$DRIVE/a/%2F/b")"
  same 'a/../e' "$(cat "$DRIVE/a/%2F../e")"
  same '../../etc/passwd' "$(cat "$DRIVE/%2F../%2F../etc/passwd")"
  same '%2Fescaped' "$(cat "$DRIVE/%2F%252Fescaped")"
  same both "$(cat "$DRIVE/%2Fboth")"
  same both/inside "$(cat "$DRIVE/both/inside")"
}

what_has_no_name_is_counted_and_disturbs_nobody() {
  jq -r '.checks[].text' "$DRIVE/.cratedrive/health.json" | grep -i 'key' > "$WORK/health-keys"
  cat "$WORK/health-keys"
  grep -qE '[0-9]' "$WORK/health-keys"
}

a_key_without_a_path_can_be_written_and_removed() {
  echo changed > "$DRIVE/a/%2F/b"
  echo changed > "$DRIVE/%2F../g"
  rm "$DRIVE/a/%2F../e"
  mv "$DRIVE/a/%2F./d" "$DRIVE/a/was-dot"
  drained "$DRIVE" 30
  same changed "$(s3 get crate '"a//b"')"
  same changed "$(s3 get crate '"../g"')"
  same 'a/./d' "$(s3 get crate '"a/was-dot"')"
  refuses grep -qxF '"a/../e"' <(s3 keys crate)
  refuses grep -qxF '"a/./d"' <(s3 keys crate)
  # All others are as they were.
  s3 keys crate | sort > "$WORK/after"
  grep -vxF -e '"a/../e"' -e '"a/./d"' "$WORK/keys" | sort > "$WORK/should"
  same "" "$(comm -13 "$WORK/after" "$WORK/should")" "keys that are gone"
}

twins_are_two_files() {
  same 2 "$(ls "$DRIVE" | grep -c '^caf')" "NFC and NFD"
  same "Case case" "$(cat "$DRIVE/Case" <(echo -n ' ') "$DRIVE/case")"
  same "case-folder/x Case-Folder/x" "$(cat "$DRIVE/case-folder/x" <(echo -n ' ') "$DRIVE/Case-Folder/x")"
}

no_status_file_steers_a_terminal() {
  local name
  mv "$DRIVE/escape"$'\e'"[31mred" "$DRIVE/other"$'\e'"[32mgreen"
  for name in status health uploads status.json health.json events.jsonl metrics; do
    refuses grep -qP '[\x00-\x08\x0b-\x1f\x7f]' "$DRIVE/.cratedrive/$name"
  done
  "$CRATEDRIVE" status "$DRIVE" > "$WORK/status"
  refuses grep -qP '[\x00-\x08\x0b-\x1f\x7f]' "$WORK/status"
  drained "$DRIVE" 30
}

a_cold_mount_shows_the_same() {
  python3 "$SUPPORT/read_tree.py" "$DRIVE" > "$WORK/before"
  unmount_drive "$DRIVE" > /dev/null
  rm -rf "$XDG_CACHE_HOME/cratedrive"
  mount_drive "$URL" "$DRIVE" > /dev/null
  python3 "$SUPPORT/read_tree.py" "$DRIVE" | diff "$WORK/before" -
  unmount_drive "$DRIVE" > /dev/null
}

# The same as a folder on this disk, as far as a disk can have such names.
a_folder_as_the_bucket_shows_them_too() {
  local bucket=$WORK/bucket
  mkdir -p "$bucket/folder" "$bucket/%2Fodd"
  printf 'caf\xc3\xa9' > "$bucket/"$'caf\xc3\xa9'
  printf 'cafe\xcc\x81' > "$bucket/"$'cafe\xcc\x81'
  printf Case > "$bucket/Case"
  printf case > "$bucket/case"
  printf 'bell\x07' > "$bucket/"$'bell\a'
  printf 'line\nbreak' > "$bucket/"$'line\nbreak'
  printf '%%2Fodd/x' > "$bucket/%2Fodd/x"
  printf "$(printf 'x%.0s' $(seq 255))" > "$bucket/$(printf 'x%.0s' $(seq 255))"
  ln -s /etc "$bucket/outside"
  mount_drive "file://$bucket" "$DRIVE" > /dev/null
  python3 "$SUPPORT/read_tree.py" "$DRIVE" > "$WORK/found"
  same 8 "$(wc -l < "$WORK/found")" "files"
  refuses test -e "$DRIVE/outside/passwd"
  unmount_drive "$DRIVE" > /dev/null
}

s3_start > /dev/null
case_ok the_drive_mounts
case_ok everything_with_a_name_is_listed_and_readable
case_ok names_are_the_documented_ones
case_ok what_has_no_name_is_counted_and_disturbs_nobody
case_ok a_key_without_a_path_can_be_written_and_removed
case_ok twins_are_two_files
case_ok no_status_file_steers_a_terminal
case_ok a_cold_mount_shows_the_same
case_ok a_folder_as_the_bucket_shows_them_too
finish
