#!/usr/bin/env python3
"""ack_workload.py run DIR LOG SEED COUNT     does COUNT random operations in DIR and notes in LOG how many were acknowledged
ack_workload.py verify DIR LOG SEED        DIR is what the acknowledged operations make of it

The operations follow from SEED alone, so verify builds the same model. The one that was under way when the drive died may
have happened, or not; a file that was being written may be there in part (its beginning). `run` goes on where LOG ends
and stops with status 1 at the first error.
"""
import os
import random
import sys


def content(seed, size):
    return random.Random(seed).randbytes(size)


def operations(seed):
    """Endless; each is (kind, arguments), valid for the model at that point."""
    dice = random.Random(seed)
    files, folders = [], [""]
    for number in range(10**9):
        kind = dice.choice(["write"] * 6 + ["append", "truncate", "rename", "unlink", "mkdir", "rename_folder"])
        if kind in ("append", "truncate", "rename", "unlink") and not files:
            kind = "write"
        if kind == "rename_folder" and len(folders) < 2:
            kind = "mkdir"
        name = dice.choice(folders) + f"f{number}"
        if kind == "write":
            files.append(name)
            yield kind, name, number, dice.choice([0, 10, 5000, 70_000, 300_000])
        elif kind == "append":
            yield kind, dice.choice(files), number, 3000
        elif kind == "truncate":
            yield kind, dice.choice(files), dice.randrange(8000)
        elif kind == "rename":
            old = files.pop(dice.randrange(len(files)))
            files.append(name)
            yield kind, old, name
        elif kind == "unlink":
            yield kind, files.pop(dice.randrange(len(files)))
        elif kind == "mkdir":
            folder = dice.choice(folders[:4]) + f"d{number}"
            folders.append(folder + "/")
            yield kind, folder
        else:
            old = dice.choice(folders[1:])
            new = f"r{number}/"
            files = [new + f[len(old):] if f.startswith(old) else f for f in files]
            folders = [new + f[len(old):] if f.startswith(old) else f for f in folders]
            yield kind, old[:-1], new[:-1]


def apply_to_disk(root, op):
    kind, path = op[0], os.path.join(root, op[1])
    if kind == "write":
        with open(path, "wb") as file:
            file.write(content(op[2], op[3]))
    elif kind == "append":
        with open(path, "ab") as file:
            file.write(content(op[2], op[3]))
    elif kind == "truncate":
        os.truncate(path, op[2])
    elif kind == "rename" or kind == "rename_folder":
        os.rename(path, os.path.join(root, op[2]))
    elif kind == "unlink":
        os.unlink(path)
    else:
        os.mkdir(path)


def apply_to_model(model, op):
    """A file is the list of what was done to its bytes; bytes_of makes them when they are asked for."""
    kind, path = op[0], op[1]
    if kind == "write":
        model[path] = [op[2:4]]
    elif kind == "append":
        model[path] = model[path] + [op[2:4]]
    elif kind == "truncate":
        model[path] = model[path] + [("size", op[2])]
    elif kind == "unlink":
        del model[path]
    elif kind == "mkdir":
        model[path + "/"] = []
    elif kind == "rename":
        model[op[2]] = model.pop(path)
    else:
        prefix = path + "/"
        for old in [name for name in model if name.startswith(prefix)]:
            model[op[2] + old[len(path):]] = model.pop(old)


def bytes_of(steps):
    data = b""
    for seed, size in steps:
        data = data[:size].ljust(size, b"\0") if seed == "size" else data + content(seed, size)
    return data


def acknowledged(log):
    try:
        return os.path.getsize(log)
    except FileNotFoundError:
        return 0


def run(root, log, seed, count):
    done = acknowledged(log)
    ops = operations(seed)
    for _ in range(done):
        next(ops)
    with open(log, "ab", buffering=0) as notes:
        for _ in range(count):
            op = next(ops)
            try:
                apply_to_disk(root, op)
            except OSError as error:
                print(f"operation {acknowledged(log)} {op[0]} {op[1]}: {error}")
                return 1
            notes.write(b".")
    return 0


def tree_of(root):
    found = {}
    for folder, folders, names in os.walk(root):
        if folder == root:
            folders[:] = [name for name in folders if name not in ("inbox", ".cratedrive")]
        for name in folders:
            found[os.path.relpath(os.path.join(folder, name), root) + "/"] = b""
        for name in names:
            path = os.path.join(folder, name)
            with open(path, "rb") as file:
                found[os.path.relpath(path, root)] = file.read()
    return found


def first_difference(tree, model):
    for path in sorted(tree.keys() | model.keys()):
        if path not in tree:
            return f"{path} is missing"
        if path not in model:
            return f"{path} should not be there"
        expected = bytes_of(model[path])
        if tree[path] != expected:
            return f"{path}: {len(tree[path])} bytes, {len(expected)} expected, or other ones"
    return ""


def verify(root, log, seed):
    """Settles the operation under way: LOG then says whether it happened, so that run can go on."""
    tree, model = tree_of(root), {}
    ops = operations(seed)
    for _ in range(acknowledged(log)):
        apply_to_model(model, next(ops))
    before = first_difference(tree, model)
    if not before:
        return 0
    op = next(ops)
    apply_to_model(model, op)
    whole = bytes_of(model[op[1]]) if op[0] in ("write", "append") else b""
    if whole and op[1] in tree and whole.startswith(tree[op[1]]):
        apply_to_disk(root, ("truncate", op[1], 0))
        with open(os.path.join(root, op[1]), "wb") as file:
            file.write(whole)
        tree[op[1]] = whole
    after = first_difference(tree, model)
    if after:
        print(f"after {acknowledged(log)} acknowledged operations: {before}; with {op[:2]} as well: {after}")
        return 1
    with open(log, "ab") as notes:
        notes.write(b".")
    return 0


def main():
    verb, root, log, seed = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
    sys.exit(run(root, log, seed, int(sys.argv[5])) if verb == "run" else verify(root, log, seed))


main()
