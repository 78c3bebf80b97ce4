#!/usr/bin/env bash
# Call by call, errno by errno: the drive answers as a local disk does. Every case runs on both.
# Other users, device nodes: as root only. Whoever else runs it has the cases that need neither.
source "$(dirname "$0")/../support/suite.sh" "$@"

DRIVE=$WORK/drive URL=file://$WORK/bucket
mkdir "$WORK/bucket" "$WORK/disk"
chmod 711 "$WORK"

# S9 "flock and fcntl locks hold between programs on one host"
# S16 "Every other call answers with the result and the errno that a local Linux file system gives"
behaves_like_a_disk() { python3 "$SUPPORT/posix_errno.py" "$DRIVE/posix" "$WORK/disk" "$1"; }

# S8 "they survive a remount"
nodes_survive_the_loss_of_every_cache() {
  local nodes=$DRIVE/nodes
  mkdir "$nodes"
  mkfifo -m 640 "$nodes/fifo"
  mknod -m 604 "$nodes/char" c 1 3
  mknod -m 660 "$nodes/block" b 4000 70000
  chown 12:34 "$nodes/block"
  python3 -c 'import socket, sys; socket.socket(socket.AF_UNIX).bind(sys.argv[1])' "$nodes/socket"
  ln -s fifo "$nodes/link"
  touch -d '2170-01-02 03:04:05.678901234' "$nodes/char"
  stat -c '%n %F %a %u:%g %s %t:%T %.9Y' "$nodes"/* > "$WORK/nodes"
  same 5 "$(wc -l < "$WORK/nodes")" "lines about nodes"
  unmount_drive "$DRIVE"
  rm -rf "$XDG_CACHE_HOME/cratedrive" "$XDG_STATE_HOME/cratedrive"
  mount_drive "$URL" "$DRIVE" --allow-other true > /dev/null
  stat -c '%n %F %a %u:%g %s %t:%T %.9Y' "$nodes"/* | diff "$WORK/nodes" -
  mv "$nodes" "$DRIVE/moved"
  chmod 600 "$DRIVE/moved/fifo"
  drained "$DRIVE"
  same "fifo 600" "$(stat -c '%F %a' "$DRIVE/moved/fifo")" "a node that was moved"
}

# What only the bucket limits: a key has 1,024 bytes. Nothing half made is left, and a shorter name works.
a_path_ends_where_a_key_does() {
  local part folder=$DRIVE/long
  part=$(printf 'p%.0s' {1..200})
  mkdir -p "$folder/$part/$part/$part/$part/$part"
  (cd "$folder/$part/$part/$part/$part/$part" && refuses mkdir "$part" && refuses touch "${part:0:100}" && echo 1 > f && mkdir d)
  python3 -c 'import errno, os, sys
try:
    os.mkdir(sys.argv[1])
except OSError as error:
    sys.exit(error.errno != errno.ENAMETOOLONG)
sys.exit("it was made")' "$folder/$part/$part/$part/$part/$part/${part:0:100}"
  same "d f" "$(ls "$folder/$part/$part/$part/$part/$part" | paste -sd' ')" "what was made"
}

nodes_are_no_samples() {
  refuses mkfifo "$DRIVE/inbox/fifo"
  refuses test -e "$DRIVE/inbox/fifo"
}

if [ "$(id -u)" = 0 ]; then FLAGS=(--allow-other true); else FLAGS=(); fi
mount_drive "$URL" "$DRIVE" "${FLAGS[@]}" > /dev/null || exit 1
mkdir "$DRIVE/posix"
for name in $(python3 "$SUPPORT/posix_errno.py" --list); do case_ok behaves_like_a_disk "$name"; done
if [ "$(id -u)" = 0 ]; then case_ok nodes_survive_the_loss_of_every_cache; fi
case_ok a_path_ends_where_a_key_does
case_ok nodes_are_no_samples
finish
