#!/usr/bin/env bash
# Ways to a server that do not work: a name that nothing resolves, a certificate that nobody vouches for. And those that do: TLS
# with a private authority, the bucket's name in the host.
source "$(dirname "$0")/../support/suite.sh" "$@"
source "$SUPPORT/fault_cases.sh"

DRIVE=$WORK/drive URL=s3://crate
# An empty label makes no name at all: resolvers say so without asking anybody.
NOWHERE=http://no..name:9
export CRATEDRIVE_REQUEST_DEADLINE=6s CRATEDRIVE_READ_DEADLINE=6s

# From the profile, because the drive is another one where the endpoint comes from the environment or a flag.
endpoint_is() {
  mkdir -p "$HOME/.aws"
  printf '[default]\nendpoint_url = %s\n' "$1" > "$HOME/.aws/config"
}

refused_in_one_sentence() { # WORDS: by mount, and nothing is mounted
  local status=0
  mkdir -p "$DRIVE"
  timeout 60 "$CRATEDRIVE" mount "$URL" "$DRIVE" 2> "$WORK/err" || status=$?
  cat "$WORK/err"
  test $status != 0
  same 1 "$(wc -l < "$WORK/err")" "lines on stderr"
  grep -qiE "$1" "$WORK/err"
  refuses mountpoint -q "$DRIVE"
}

a_new_drive_is_refused() { # ENDPOINT WORDS
  endpoint_is "$1"
  refused_in_one_sentence "$2"
}

a_known_drive_works_without_the_server_and_catches_up() { # NAME ENDPOINT WORDS
  local name=$1
  endpoint_is "$S3_ENDPOINT"
  mount_drive "$URL" "$DRIVE" > /dev/null
  mkdir -p "$DRIVE/kept"
  head -c 300000 /dev/urandom > "$WORK/cached-$name"
  cp "$WORK/cached-$name" "$DRIVE/kept/$name"
  drained "$DRIVE" 30
  unmount_drive "$DRIVE" > /dev/null
  endpoint_is "$2"
  mount_drive "$URL" "$DRIVE" > "$WORK/mounted"
  grep -qiE "$3" "$WORK/mounted"
  cmp "$WORK/cached-$name" "$DRIVE/kept/$name"
  echo "$name" > "$DRIVE/kept/written-$name"
  mv "$DRIVE/kept/$name" "$DRIVE/kept/renamed-$name"
  within 20 store_is unreachable
  within 10 health_says store "$3"
  within 20 says uploads "$3"
  timeout 20 "$CRATEDRIVE" umount --now "$DRIVE"
  endpoint_is "$S3_ENDPOINT"
  mount_drive "$URL" "$DRIVE" > /dev/null
  drained "$DRIVE" 30
  same "$name" "$(rclone cat "S3:crate/kept/written-$name")"
  stored_as "$WORK/cached-$name" "kept/renamed-$name"
  unmount_drive "$DRIVE" > /dev/null
}

tls_with_the_authority_given_works() {
  endpoint_is "$S3_TLS_ENDPOINT"
  mount_drive "$URL" "$DRIVE" --ca-file "$S3_CA_FILE" > /dev/null
  mkdir -p "$DRIVE/tls"
  head -c 25000000 /dev/urandom > "$WORK/tls"
  cp "$WORK/tls" "$DRIVE/tls/file"
  drained "$DRIVE" 60
  stored_as "$WORK/tls" tls/file
  echo drop-cache > "$DRIVE/.cratedrive/control"
  cmp "$WORK/tls" "$DRIVE/tls/file"
  unmount_drive "$DRIVE" > /dev/null
}

# The bucket's name in the host: "localhost" and what ends with it is this machine, to curl as to the server.
virtual_hosts_work() {
  endpoint_is "http://localhost:${S3_ENDPOINT##*:}"
  mount_drive "$URL/in a prefix" "$DRIVE" --addressing virtual > /dev/null
  grep -q 'virtual host' "$DRIVE/.cratedrive/status.json"
  mkdir "$DRIVE/folder"
  head -c 25000000 /dev/urandom > "$WORK/virtual"
  cp "$WORK/virtual" "$DRIVE/folder/larg+e %41"
  echo small > "$DRIVE/folder/sm äll"
  drained "$DRIVE" 60
  mv "$DRIVE/folder/sm äll" "$DRIVE/folder/moved & copied"
  drained "$DRIVE" 30
  same small "$(rclone cat "S3:crate/in a prefix/folder/moved & copied")"
  stored_as "$WORK/virtual" "in a prefix/folder/larg+e %41"
  same small "$(curl -sf "$(getfattr --absolute-names --only-values -n user.cratedrive.url "$DRIVE/folder/moved & copied")")"
  unmount_drive "$DRIVE" > /dev/null
  grep -q ' beast: .*"PUT /in%20a%20prefix/folder/' "$WORK/s3/log/rgw.log"  # no bucket in the path
  rm -rf "$XDG_CACHE_HOME/cratedrive"
  mount_drive "$URL/in a prefix" "$DRIVE" --addressing virtual > /dev/null
  cmp "$WORK/virtual" "$DRIVE/folder/larg+e %41"
  rm "$DRIVE/folder/larg+e %41"
  drained "$DRIVE" 30
  unmount_drive "$DRIVE" > /dev/null
}

s3_start --tls --access-log > /dev/null
unset AWS_ENDPOINT_URL
rclone mkdir S3:crate
case_ok a_new_drive_is_refused "$NOWHERE" 'no such host.*endpoint'
case_ok a_new_drive_is_refused "$S3_TLS_ENDPOINT" 'certificate.*not trusted.*ca_file'
case_ok a_new_drive_is_refused "https://127.0.0.1:${S3_ENDPOINT##*:}" 'TLS.*http or https'
case_ok a_known_drive_works_without_the_server_and_catches_up no_name "$NOWHERE" 'no such host'
case_ok a_known_drive_works_without_the_server_and_catches_up no_trust "$S3_TLS_ENDPOINT" 'certificate.*ca_file'
case_ok tls_with_the_authority_given_works
case_ok virtual_hosts_work
finish
