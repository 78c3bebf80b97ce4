# suite.sh: what the shell suites share. A suite is
#
#   source "$(dirname "$0")/../support/suite.sh" "$@"      # $1 = the build folder
#   a_file_keeps_its_bytes() { …plain commands, the first that fails ends the case… }
#   case_ok a_file_keeps_its_bytes
#   finish
#
# Each case runs in a subshell under `set -e`; its output is shown only when it fails. `finish` (and any other
# way out) unmounts what was mounted, ends the processes that the suite started and removes its files.
# The last line is "passed: N failed: M"; the exit status is 0 only if nothing failed and something passed.
# All of XDG and HOME point into $WORK, so a suite sees no configuration and leaves nothing behind.

[ -n "${1:-}" ] || { echo "usage: $0 BUILD-FOLDER" >&2; exit 2; }
set -uo pipefail
BUILD=$(cd "$1" && pwd -P)
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
SUPPORT=$ROOT/tests/support
CRATEDRIVE=$BUILD/cratedrive
WORK=$(mktemp -d "${TMPDIR:-/tmp}/cratedrive-suite.XXXXXX")
export HOME=$WORK/home XDG_CACHE_HOME=$WORK/cache XDG_STATE_HOME=$WORK/state XDG_CONFIG_HOME=$WORK/config
export XDG_RUNTIME_DIR=$WORK/run
export LC_ALL=C.UTF-8 TZ=UTC
mkdir -p "$HOME" "$XDG_CACHE_HOME" "$XDG_STATE_HOME" "$XDG_CONFIG_HOME" "$XDG_RUNTIME_DIR"
chmod 700 "$XDG_RUNTIME_DIR"
for name in $(compgen -e); do
  case $name in AWS_* | R2_* | RCLONE_* | CRATEDRIVE_* | http_proxy | https_proxy | HTTP_PROXY | HTTPS_PROXY) unset "$name" ;; esac
done
: > "$WORK/mounts"
: > "$WORK/processes"
: > "$WORK/servers"
# What a sanitizer finds in a daemon in the background would be seen by nobody: finish reads these files.
export ASAN_OPTIONS="log_path=$WORK/sanitizer:${ASAN_OPTIONS:-}"
export UBSAN_OPTIONS="log_path=$WORK/sanitizer:print_stacktrace=1:${UBSAN_OPTIONS:-}"
export TSAN_OPTIONS="log_path=$WORK/sanitizer:second_deadlock_stack=1:${TSAN_OPTIONS:-}"
PASSED=0 FAILED=0
SUITE=$(basename "$(dirname "$0")")/$(basename "$0" _test.sh)

# ---- cases ----

case_ok() { # function [argument…]
  local words="${*//_/ }" log="$WORK/case.log" status
  ( trap 'echo "    line $LINENO: $BASH_COMMAND"' ERR; set -eE; "$@" ) > "$log" 2>&1 < /dev/null
  status=$?
  if [ $status = 0 ]; then
    PASSED=$((PASSED + 1))
    echo "ok      $words"
  else
    FAILED=$((FAILED + 1))
    echo "FAILED  $words (exit status $status)"
    tail -n "${CASE_LOG_LINES:-40}" "$log" | sed 's/^/    /'
  fi
}

same() { # expected actual [what]
  [ "$1" = "$2" ] || { echo "${3:-value}: expected '$1', got '$2'"; return 1; }
}

contains() { # text piece
  case $1 in *"$2"*) ;; *) echo "'$2' is not in: $1"; return 1 ;; esac
}

refuses() { # command… must fail
  if "$@"; then echo "should have failed: $*"; return 1; fi
}

refused_with() { # exit status, word of the message, command…
  local status=$1 word=$2 said got=0
  shift 2
  said=$("$@" 2>&1) || got=$?
  same "$status" "$got" "exit status"
  contains "$said" "$word"
}

within() { # seconds command…: tried again and again until it succeeds
  local end=$((SECONDS + $1))
  shift
  until "$@" > "$WORK/within.log" 2>&1; do
    if [ $SECONDS -ge $end ]; then
      echo "not within the time: $*"
      cat "$WORK/within.log"
      return 1
    fi
    sleep 0.1
  done
}

# ---- processes: remembered with their start time, so that no other process of the same number is hit ----

start_time() { sed 's/^.*) //' "/proc/$1/stat" 2>/dev/null | cut -d' ' -f20; }
remember_process() { echo "$1 $(start_time "$1")" >> "$WORK/processes"; }

# The daemon that serves a mount point: runs our program, and names the folder in its arguments.
daemon_of() { # DIR → pid
  local process
  for process in /proc/[0-9]*; do
    [ "$process/exe" -ef "$CRATEDRIVE" ] || continue
    if tr '\0' '\n' < "$process/cmdline" 2>/dev/null | grep -qxF -- "$1"; then
      echo "${process#/proc/}"
      return 0
    fi
  done
  return 1
}

# ---- drives ----

mount_drive() { # URL DIR [flag…]
  local url=$1 dir=$2 pid
  shift 2
  mkdir -p "$dir" 2>/dev/null || true # a dead mount point cannot be made, and need not
  grep -qxF "$dir" "$WORK/mounts" || echo "$dir" >> "$WORK/mounts"
  timeout 60 "$CRATEDRIVE" mount "$url" "$dir" "$@"
  pid=$(daemon_of "$dir") || { echo "mount returned 0, and no daemon serves $dir"; return 1; }
  remember_process "$pid"
  mountpoint -q "$dir"
}

unmount_drive() { note_peak "$1"; timeout "${2:-120}" "$CRATEDRIVE" umount "$1"; } # DIR [seconds]; drains

# The most memory that a daemon ever had, noted before it ends; finish holds all of them against memory_limit. A
# sanitizer needs several times what the program does, so with one nothing is noted.
sanitized() { ! grep -qx 'CD_SANITIZE:STRING=' "$BUILD/CMakeCache.txt"; }
peak_kib() { awk '/^VmHWM/ { print $2 }' "/proc/$(daemon_of "$1")/status"; } # DIR
note_peak() { sanitized || peak_kib "$1" >> "$WORK/peaks" 2> /dev/null || true; }
memory_limit_held() {
  sort -n "$WORK/peaks" | tail -n 1
  awk -v most=$((${MEMORY_LIMIT_MIB:-256} * 1024)) '$1 > most { wrong = 1 } END { exit wrong }' "$WORK/peaks"
}

kill_drive() { # DIR: as the power button of a process
  local pid since
  pid=$(daemon_of "$1") || { echo "no daemon serves $1"; return 1; }
  since=$(start_time "$pid")
  kill -KILL "$pid"
  while [ "$(start_time "$pid")" = "$since" ] && ! grep -q '^State:.*[ZX]' "/proc/$pid/status" 2>/dev/null; do
    sleep 0.02
  done
}

pending_uploads() { jq -e .pending_uploads "$1/.cratedrive/status.json"; }
nothing_pending() { [ "$(pending_uploads "$1")" = 0 ]; }
drained() { within "${2:-60}" nothing_pending "$1"; } # DIR [seconds]

# ---- servers ----

s3_start() { # exports S3_* and what the drive and rclone (remote "S3:") read; one server a suite
  echo "$WORK/s3" >> "$WORK/servers"
  "$ROOT/scripts/s3-server" start "$WORK/s3" "$@" > "$WORK/s3.env" || return 1
  # shellcheck disable=SC1091
  . "$WORK/s3.env"
  export S3_ENDPOINT S3_ACCESS_KEY S3_SECRET_KEY S3_REGION
  export AWS_ACCESS_KEY_ID=$S3_ACCESS_KEY AWS_SECRET_ACCESS_KEY=$S3_SECRET_KEY AWS_REGION=$S3_REGION
  export AWS_ENDPOINT_URL=$S3_ENDPOINT
  export RCLONE_CONFIG=/dev/null RCLONE_CONFIG_S3_TYPE=s3 RCLONE_CONFIG_S3_PROVIDER=Ceph RCLONE_CONFIG_S3_ENV_AUTH=false
  export RCLONE_CONFIG_S3_ACCESS_KEY_ID=$S3_ACCESS_KEY RCLONE_CONFIG_S3_SECRET_ACCESS_KEY=$S3_SECRET_KEY
  export RCLONE_CONFIG_S3_ENDPOINT=$S3_ENDPOINT
}

proxy_start() { # TARGET-PORT → PROXY_PORT: our own faults between the drive and the server
  rm -f "$WORK/proxy.port"
  "$BUILD/tests/fault_proxy" --target "127.0.0.1:$1" --port-file "$WORK/proxy.port" > "$WORK/proxy.log" 2>&1 &
  remember_process $!
  within 10 test -s "$WORK/proxy.port" || { cat "$WORK/proxy.log"; return 1; }
  read -r PROXY_PORT PROXY_CONTROL < "$WORK/proxy.port"
}

proxy_ask() { # command line…
  exec 7<> "/dev/tcp/127.0.0.1/$PROXY_CONTROL" || return 1
  printf '%s\n' "$@" >&7
  cat <&7
  exec 7>&-
}
proxy_rules() { same ok "$(proxy_ask rules "$@" .)" "answer of the proxy"; } # rule…; none: behave
proxy_count() { proxy_ask counts | awk -v name="$1" '$1 == name { n = $2 } END { print n + 0 }'; } # GET, PUT, …

# ---- the end ----

unmount_all() {
  local dir
  while read -r dir; do
    if mountpoint -q "$dir" 2>/dev/null || ! stat "$dir" > /dev/null 2>&1; then
      note_peak "$dir"
      timeout 20 "$CRATEDRIVE" umount --now "$dir" > /dev/null 2>&1
      if mountpoint -q "$dir" 2>/dev/null || ! stat "$dir" > /dev/null 2>&1; then
        fusermount3 -uz "$dir" 2>/dev/null || umount -l "$dir" 2>/dev/null
      fi
    fi
  done < "$WORK/mounts"
}

clean_up() {
  local dir pid since
  unmount_all
  while read -r pid since; do
    [ -n "$since" ] && [ "$(start_time "$pid")" = "$since" ] && kill -KILL "$pid" 2>/dev/null
  done < "$WORK/processes"
  while read -r dir; do "$ROOT/scripts/s3-server" stop "$dir" --wipe > /dev/null 2>&1; done < "$WORK/servers"
  # Never cross into a mount that did not go: --one-file-system.
  [ -n "${KEEP:-}" ] && echo "kept: $WORK" || rm -rf --one-file-system "$WORK"
}
trap clean_up EXIT
trap 'exit 130' INT TERM HUP

no_sanitizer_spoke() {
  local report found=0
  for report in "$WORK"/sanitizer.*; do
    [ -s "$report" ] || continue
    found=1
    head -n 60 "$report"
  done
  return $found
}

finish() {
  unmount_all
  if compgen -G "$WORK/sanitizer.*" > /dev/null; then case_ok no_sanitizer_spoke; fi
  if [ -s "$WORK/peaks" ]; then case_ok memory_limit_held; fi
  clean_up
  trap - EXIT
  echo "passed: $PASSED failed: $FAILED"
  [ "$FAILED" = 0 ] && [ "$PASSED" != 0 ]
  exit $?
}
