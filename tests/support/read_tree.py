#!/usr/bin/env python3
"""read_tree.py DIR [KEYS]: reads every file of a tree whose files hold their own key; prints the keys, a JSON string a line.
Status 1 if a name or a link leads out of DIR, a file cannot be read, or an entry that readdir names cannot be found."""
import json
import os
import stat
import sys

root = os.fsencode(os.path.realpath(sys.argv[1]))
wrong = 0
found = []


def complain(path, why):
    global wrong
    wrong += 1
    print(f"{path!r}: {why}", file=sys.stderr)


def walk(folder, top):
    names = os.listdir(folder)
    if len(names) != len(set(names)):
        complain(folder, "a name is there twice")
    for name in names:
        if top and name in (b"inbox", b".cratedrive"):
            continue
        path = os.path.join(folder, name)
        if not os.path.realpath(path).startswith(root + b"/") or b"/" in name or name in (b".", b".."):
            complain(path, "leads out of the tree")
            continue
        try:
            status = os.lstat(path)
            if stat.S_ISDIR(status.st_mode):
                walk(path, False)
            elif status.st_size > 0:
                with open(path, "rb") as file:
                    found.append(file.read().decode())
        except OSError as error:
            complain(path, error)


walk(root, True)
for key in sorted(found):
    print(json.dumps(key))
sys.exit(1 if wrong else 0)
