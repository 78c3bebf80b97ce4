# kill_cases.sh: kill -9 under a load whose every acknowledged operation is known (ack_workload.py). A suite sets URL,
# DRIVE, LOG and SEED, and defines fetch_bucket DIR (a copy of what the bucket holds, as files).

workload() { python3 "$SUPPORT/ack_workload.py" "$1" "$DRIVE" "$LOG" "$SEED" "${@:2}"; }
acknowledged() { stat -c %s "$LOG" 2> /dev/null || echo 0; }

bucket_equals_drive() {
  drained "$DRIVE" 120
  rm -rf "$WORK/fetched"
  fetch_bucket "$WORK/fetched"
  python3 "$SUPPORT/same_tree.py" "$WORK/fetched" "$DRIVE" --ignore .cratedrive .cratedrive-tmp inbox
}

# Mounts, checks what was acknowledged before, works on, and dies at a random moment with work that the bucket does
# not have yet: one that finds nothing pending, or no operation since the last kill, would prove nothing.
a_kill_under_load() {
  local worker before killed=0
  mount_drive "$URL" "$DRIVE" > /dev/null
  workload verify
  before=$(acknowledged)
  workload run 100000 > "$WORK/worker.log" 2>&1 &
  worker=$!
  python3 "$SUPPORT/kill_when_pending.py" "$DRIVE" "$(daemon_of "$DRIVE")" "0.$((RANDOM % 800 + 100))" "$LOG" "$before" ||
    killed=$?
  [ $killed = 0 ] || kill_drive "$DRIVE"
  wait $worker || true
  same 0 $killed "kill with something pending and something newly acknowledged"
  test "$(acknowledged)" -gt "$before" || { echo "nothing was acknowledged before the kill"; return 1; }
}

all_is_there_after_the_kills() {
  mount_drive "$URL" "$DRIVE" > /dev/null
  workload verify
  bucket_equals_drive
  unmount_drive "$DRIVE"
}

a_cold_cache_and_no_journal_show_the_same_tree() {
  rm -rf "$XDG_CACHE_HOME/cratedrive" "$XDG_STATE_HOME/cratedrive"
  mount_drive "$URL" "$DRIVE" > /dev/null
  workload verify
  unmount_drive "$DRIVE"
}
