#!/usr/bin/env python3
"""same_tree.py A B [--ignore NAME…]: two folders hold the same names, kinds, symlink targets and bytes. Prints the differences."""
import filecmp
import os
import sys


def walk(root, ignored):
    found = {}
    for folder, folders, files in os.walk(root):
        if folder == root:
            folders[:] = [name for name in folders if name not in ignored]
        for name in folders + files:
            path = os.path.join(folder, name)
            found[os.path.relpath(path, root)] = path
    return found


def difference(a, b):
    if os.path.islink(a) or os.path.islink(b):
        same = os.path.islink(a) and os.path.islink(b) and os.readlink(a) == os.readlink(b)
        return "" if same else "links differ"
    if os.path.isdir(a) != os.path.isdir(b):
        return "one is a folder"
    if not os.path.isdir(a) and not filecmp.cmp(a, b, shallow=False):
        return f"bytes differ ({os.path.getsize(a)} and {os.path.getsize(b)})"
    return ""


def main():
    a, b = sys.argv[1:3]
    ignored = set(sys.argv[4:])
    left, right = walk(a, ignored), walk(b, ignored)
    wrong = [f"only in {a}: {name}" for name in sorted(left.keys() - right.keys())]
    wrong += [f"only in {b}: {name}" for name in sorted(right.keys() - left.keys())]
    for name in sorted(left.keys() & right.keys()):
        text = difference(left[name], right[name])
        if text:
            wrong.append(f"{name}: {text}")
    print("\n".join(wrong[:20]) or f"same: {len(left)} entries")
    sys.exit(1 if wrong or not left else 0)


main()
