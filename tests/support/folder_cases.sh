# folder_cases.sh: real folders of samples through the inbox, on whatever bucket. A suite sets URL and DRIVE and
# defines fetch_bucket DIR (a copy of what the bucket holds, as files).

LMMS=/usr/share/lmms/samples
KITS=/usr/share/hydrogen/data/drumkits

known_batches() { ls "$DRIVE/.cratedrive/batches"; }

batches_ended() { # NAME: every batch of that name
  jq -e --arg name "$1" '[.batches[] | select(.name == $name)] | length > 0 and
    all(.state == "done" or .state == "done-with-errors" or .state == "failed" or .state == "cancelled")' \
    "$DRIVE/.cratedrive/status.json"
}

inbox_is_empty() { [ -z "$(find "$DRIVE/inbox" -mindepth 1 ! -name STATUS.txt -print -quit)" ]; }

drop() { # FOLDER NAME [seconds]: copies it into the inbox and follows the batch to its end
  local known
  mapfile -t known < <(known_batches)
  cp -r "$1" "$DRIVE/inbox/$2"
  python3 "$SUPPORT/watch_status.py" "$DRIVE" "$2" "${3:-300}" --known "${known[@]}" > "$WORK/watched" ||
    { tail -n 40 "$WORK/watched"; tail -n 20 "$DRIVE/.cratedrive/health"; return 1; }
}

account_for() { # FOLDER NAME
  rm -rf "$WORK/fetched"
  fetch_bucket "$WORK/fetched"
  python3 "$SUPPORT/account.py" "$1" "$DRIVE" "$WORK/fetched" "$2" > "$WORK/account" || { cat "$WORK/account"; return 1; }
  echo "        $2: $(head -n 1 "$WORK/account")" >> "$WORK/notes"
}

every_file_of_the_folder_is_accounted_for() { # FOLDER NAME
  local started=$SECONDS
  drop "$1" "$2"
  echo "        $2: $(find "$1" -type f | wc -l) files in $((SECONDS - started)) s, peak RSS $(peak_rss) KiB" >> "$WORK/notes"
  account_for "$1" "$2"
}

peak_rss() { awk '/^VmHWM/ { print $2 }' "/proc/$(daemon_of "$DRIVE")/status"; }

objects_now() { find "$WORK/fetched" -path "$WORK/fetched/.cratedrive" -prune -o -type f -printf '%P %s\n' | sort; }

a_second_drop_of_the_same_folder_stores_nothing() { # FOLDER NAME
  local before
  before=$(objects_now)
  drop "$1" "$2"
  same "$(find "$1" -type f | wc -l)" "$(jq '[.batches[].files_skipped] | add' "$WORK/watched")" "files skipped"
  rm -rf "$WORK/fetched"
  fetch_bucket "$WORK/fetched"
  same "$before" "$(objects_now)" "objects in the bucket"
}

the_catalogue_names_every_labelled_sample() {
  jq -e . "$DRIVE/.cratedrive/catalog.json" > /dev/null
  python3 - "$DRIVE/.cratedrive/catalog.csv" "$1" <<'PYTHON'
import csv, sys
with open(sys.argv[1], newline="") as file:
    rows = list(csv.DictReader(file))
assert len(rows) >= int(sys.argv[2]), f"{len(rows)} rows"
PYTHON
}
