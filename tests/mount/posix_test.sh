#!/usr/bin/env bash
# Call by call, errno by errno: the drive answers as a local disk does. Every case runs on both.
source "$(dirname "$0")/../support/suite.sh" "$@"

DRIVE=$WORK/drive URL=file://$WORK/bucket
mkdir "$WORK/bucket" "$WORK/disk"
chmod 711 "$WORK"

behaves_like_a_disk() { python3 "$SUPPORT/posix_errno.py" "$DRIVE/posix" "$WORK/disk" "$1"; }

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

nodes_are_no_samples() {
  refuses mkfifo "$DRIVE/inbox/fifo"
  refuses test -e "$DRIVE/inbox/fifo"
}

mount_drive "$URL" "$DRIVE" --allow-other true > /dev/null || exit 1
mkdir "$DRIVE/posix"
for name in $(python3 "$SUPPORT/posix_errno.py" --list); do case_ok behaves_like_a_disk "$name"; done
case_ok nodes_survive_the_loss_of_every_cache
case_ok nodes_are_no_samples
finish
