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
  mount_drive "$URL" "$DRIVE" "${FLAGS[@]}" > /dev/null
  stat -c '%n %F %a %u:%g %s %t:%T %.9Y' "$nodes"/* | diff "$WORK/nodes" -
  mv "$nodes" "$DRIVE/moved"
  chmod 600 "$DRIVE/moved/fifo"
  drained "$DRIVE"
  same "fifo 600" "$(stat -c '%F %a' "$DRIVE/moved/fifo")" "a node that was moved"
}

# Keys of more than 1,024 bytes, which a store refuses, lie under short ones.
# S16 "Paths are as long as on a local disk"
# S34 "Every mount shows it where it belongs"
paths_longer_than_a_key_survive_the_loss_of_every_cache() {
  local part folder=$DRIVE/long depth
  part=$(printf 'p%.0s' {1..200})
  mkdir "$folder"
  cd "$folder"
  for depth in {1..12}; do
    echo "level $depth" > "file $depth"
    ln "file $depth" "second ${part:0:150}"
    ln -s "file $depth" link
    mkdir "$part"
    cd "$part"
  done
  cd "$folder"
  tree_of . > "$WORK/long"
  same 49 "$(wc -l < "$WORK/long")" "lines about the tree"
  cd "$WORK"
  drained "$DRIVE"
  same 0 "$(find "$WORK/bucket" -printf '%P\n' | awk 'length > 1024' | wc -l)" "keys that are too long"
  unmount_drive "$DRIVE"
  rm -rf "$XDG_CACHE_HOME/cratedrive" "$XDG_STATE_HOME/cratedrive"
  mount_drive "$URL" "$DRIVE" "${FLAGS[@]}" > /dev/null
  (cd "$folder" && tree_of .) | diff "$WORK/long" -
  same "level 12" "$(cd "$folder" && find . -name 'file 12' -exec cat {} +)" "the deepest file"
}

# What a LIST tells: types, targets, sizes, paths.
tree_of() { find "$1" -printf '%y %l %P ' \( -type f -printf '%s\n' -o -printf '\n' \) | sed -E 's/p{150,200}/…/g' | sort; }

long_paths_move_and_go_whole() {
  local part
  part=$(printf 'p%.0s' {1..200})
  mv "$DRIVE/long/$part/$part/$part" "$DRIVE/shorter"
  mv "$DRIVE/long/$part" "$DRIVE/other"
  drained "$DRIVE"
  (cd "$DRIVE/shorter" && tree_of .) > "$WORK/shorter"
  unmount_drive "$DRIVE"
  rm -rf "$XDG_CACHE_HOME/cratedrive" "$XDG_STATE_HOME/cratedrive"
  mount_drive "$URL" "$DRIVE" "${FLAGS[@]}" > /dev/null
  (cd "$DRIVE/shorter" && tree_of .) | diff "$WORK/shorter" -
  same "level 12" "$(cd "$DRIVE/shorter" && find . -name 'file 12' -exec cat {} +)" "the deepest file"
  rm -r "$DRIVE/shorter" "$DRIVE/other" "$DRIVE/long"
  drained "$DRIVE"
  same "" "$(find "$WORK/bucket" -path '*.cratedrive/long*')" "left behind in the bucket"
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
case_ok paths_longer_than_a_key_survive_the_loss_of_every_cache
case_ok long_paths_move_and_go_whole
case_ok nodes_are_no_samples
finish
