# fault_cases.sh: what the suites share that put our proxy between the drive and a real server. A suite sets DRIVE and
# URL, sources this, and calls fault_start.

fault_start() { # a server, the proxy in front of it, short patience so that a fault shows in seconds
  export CRATEDRIVE_STALL_TIMEOUT=2s CRATEDRIVE_READ_DEADLINE=6s CRATEDRIVE_REQUEST_DEADLINE=6s CRATEDRIVE_CONNECT_TIMEOUT=1s
  export CRATEDRIVE_METADATA_TTL=1s
  s3_start "$@" > /dev/null
  proxy_start "${S3_ENDPOINT##*:}"
  export AWS_ENDPOINT_URL=http://127.0.0.1:$PROXY_PORT
  rclone mkdir S3:crate
}

fresh() { # NAME BYTES: random bytes, and the same as a foreign object that nothing has cached
  head -c "$2" /dev/urandom > "$WORK/$1"
  rclone copyto "$WORK/$1" "S3:crate/foreign/$1"
}
stored_as() { [ "$(rclone cat "S3:crate/$2" | sha256sum)" = "$(sha256sum < "$1")" ]; } # FILE KEY
state_of() { getfattr --absolute-names --only-values -n user.cratedrive.state "$1"; }

# ---- what a user can read of a fault
store_state() { jq -r .store.state "$DRIVE/.cratedrive/status.json"; }
store_is() { [ "$(store_state)" = "$1" ]; }
says() { tr -s '\n ' ' ' < "$DRIVE/.cratedrive/$1" | grep -iE -- "$2" > /dev/null; } # FILE WORDS, over lines
health_says() { jq -e --arg s "$1" --arg t "$2" \
  '.checks[] | select(.subject == $s and .state != "ok" and (.text | test($t; "i")) and (.state == "note" or .cure != ""))' \
  "$DRIVE/.cratedrive/health.json"; }                             # SUBJECT WORDS: and names a cure if it is bad
events_say() { tail -n +"$((${EVENTS_SEEN:-0} + 1))" "$DRIVE/.cratedrive/events.jsonl" | grep -q -- "$1"; } # since forget_events
forget_events() { EVENTS_SEEN=$(wc -l < "$DRIVE/.cratedrive/events.jsonl"); }

drained() { # DIR [seconds]: as the suite's, and says what is not
  within "${2:-60}" nothing_pending "$1" || { cat "$1/.cratedrive/uploads" "$1/.cratedrive/health"; return 1; }
}
