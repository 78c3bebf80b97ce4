#!/usr/bin/env bash
# Call by call, errno by errno: the drive answers as a local disk does. Every case runs on both.
source "$(dirname "$0")/../support/suite.sh" "$@"

DRIVE=$WORK/drive URL=file://$WORK/bucket
mkdir "$WORK/bucket" "$WORK/disk"
chmod 711 "$WORK"

behaves_like_a_disk() { python3 "$SUPPORT/posix_errno.py" "$DRIVE/posix" "$WORK/disk" "$1"; }

mount_drive "$URL" "$DRIVE" --allow-other true > /dev/null || exit 1
mkdir "$DRIVE/posix"
for name in $(python3 "$SUPPORT/posix_errno.py" --list); do case_ok behaves_like_a_disk "$name"; done
finish
