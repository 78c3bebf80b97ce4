#!/usr/bin/env bash
# A real folder of samples through the inbox while the daemon is killed ten times: nothing lost, nothing twice.
source "$(dirname "$0")/../support/suite.sh" "$@"
source "$SUPPORT/folder_cases.sh"

DRIVE=$WORK/drive
KILLS=10
# Little at a time, so that the batch is long enough to be killed in.
export CRATEDRIVE_ANALYSIS_THREADS=1 CRATEDRIVE_UPLOADS_PARALLEL=2

batch_has_ended() { # NAME: every batch of that name
  python3 - "$DRIVE" "$1" <<'PYTHON'
import json, sys
with open(sys.argv[1] + "/.cratedrive/status.json") as file:
    mine = [b for b in json.load(file)["batches"] if b["name"] == sys.argv[2]]
sys.exit(0 if mine and all(b["state"] in ("done", "done-with-errors", "failed", "cancelled") for b in mine) else 1)
PYTHON
}

inbox_is_empty() { [ -z "$(find "$DRIVE/inbox" -mindepth 1 ! -name STATUS.txt -print -quit)" ]; }

ten_kills_on_the_way_lose_and_double_nothing() { # FOLDER NAME
  local round useful=0 copier victim files
  files=$(find "$1" -type f | wc -l)
  rm -f "$WORK/copied"
  for round in $(seq $KILLS); do
    mount_drive "$URL" "$DRIVE" > /dev/null
    victim=$(daemon_of "$DRIVE")
    python3 "$SUPPORT/copier.py" "$1" "$DRIVE/inbox/$2" "$WORK/copied" > "$WORK/copier.log" 2>&1 &
    copier=$!
    if [ "$round" -le 3 ]; then # while files arrive and settle
      sleep "0.$((RANDOM % 900 + 100))"
      if ! batch_has_ended "$2" || ! inbox_is_empty; then useful=$((useful + 1)); fi
      kill_drive "$DRIVE"
    else # on the way: at some random place in each eighth of the batch but the last
      wait $copier || true
      if python3 "$SUPPORT/kill_in_batch.py" "$DRIVE" "$2" $((files * (round - 4) / 8 + RANDOM % (files / 8))) "$victim"; then
        useful=$((useful + 1))
      else
        kill_drive "$DRIVE"
      fi
    fi
    wait $copier || true
  done
  mount_drive "$URL" "$DRIVE" > /dev/null
  python3 "$SUPPORT/copier.py" "$1" "$DRIVE/inbox/$2" "$WORK/copied"
  within 300 inbox_is_empty || { find "$DRIVE/inbox" | head; cat "$DRIVE/.cratedrive/status"; return 1; }
  within 120 batch_has_ended "$2"
  drained "$DRIVE" 60
  echo "        $2: $useful of $KILLS kills while something was under way" >> "$WORK/notes"
  account_for "$1" "$2"
  same $KILLS $useful "kills while something was under way" # a run that proved nothing has failed
  unmount_drive "$DRIVE"
}

fetch_bucket() { cp -r "$WORK/bucket-$BUCKET" "$1"; }
for pair in "lmms $LMMS" "kits $KITS"; do
  BUCKET=${pair%% *} URL=file://$WORK/bucket-${pair%% *}
  mkdir "$WORK/bucket-$BUCKET"
  case_ok ten_kills_on_the_way_lose_and_double_nothing "${pair#* }" "${pair%% *}"
  timeout 20 "$CRATEDRIVE" umount --now "$DRIVE" > /dev/null 2>&1
done

s3_start > /dev/null
fetch_bucket() { rclone copy S3:crate "$1" --transfers 16; }
rclone mkdir S3:crate
URL=s3://crate
case_ok ten_kills_on_the_way_lose_and_double_nothing "$LMMS" lmms
cat "$WORK/notes"
finish
