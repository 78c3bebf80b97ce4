#!/usr/bin/env python3
"""save_file.py daw|editor PATH VERSION: saves a file whose first line is VERSION, as such programs do."""
import os
import stat
import sys


def write_synced(path, data, mode=0o644):
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    half = len(data) // 2
    os.write(fd, data[:half])
    os.write(fd, data[half:])
    os.fsync(fd)
    os.close(fd)


def sync_folder(path):
    fd = os.open(os.path.dirname(path) or ".", os.O_RDONLY | os.O_DIRECTORY)
    os.fsync(fd)
    os.close(fd)


def daw(path, data):
    """Written beside it, synced, renamed over it."""
    beside = os.path.join(os.path.dirname(path), "." + os.path.basename(path) + ".tmp")
    write_synced(beside, data)
    if os.path.exists(path):
        os.chmod(beside, stat.S_IMODE(os.stat(path).st_mode))
    os.rename(beside, path)
    sync_folder(path)


def editor(path, data):
    """The old text becomes the backup; the new one is a new file of the old one's name, mode and owner."""
    mode = 0o640
    if os.path.exists(path):
        found = os.stat(path)
        mode = stat.S_IMODE(found.st_mode)
        if os.path.exists(path + "~"):
            os.unlink(path + "~")
        os.rename(path, path + "~")
    write_synced(path, data, mode)
    os.chmod(path, mode)


version = sys.argv[3]
{"daw": daw, "editor": editor}[sys.argv[1]](sys.argv[2], version.encode() + b"\n" + os.urandom(200_000))
