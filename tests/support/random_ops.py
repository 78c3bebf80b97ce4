#!/usr/bin/env python3
"""random_ops.py DRIVE DISK OPERATIONS [SEED]: random work on files and folders, done on the drive and on a local disk.

Every operation must answer alike: values, bytes read, errno. Several handles are open at a time, also of the same file,
of files that were renamed or have no name any more. Bytes are written, appended, punched, cut, mapped and copied.
Now and then both trees are compared as a whole; --compare only does that.
"""
import ctypes
import errno
import mmap
import os
import random
import shutil
import stat
import sys

libc = ctypes.CDLL(None, use_errno=True)
KEEP_SIZE, PUNCH_HOLE, ZERO_RANGE = 1, 2, 16
SIZE_MAX = 400_000
HANDLES_MAX = 12
TRACE = bool(os.environ.get("TRACE"))  # say each operation
COMPARE_EVERY = 5_000
ENTRIES_MAX = 300
NAMES = [f"{folder}{name}" for folder in ("", "a/", "a/b/", "c/") for name in ("one", "two", "three", "four")]
FOLDERS = ["a", "a/b", "c", "a/d", "c/e"]


def fallocate(fd, mode, offset, length):
    ctypes.set_errno(0)
    if libc.fallocate(fd, mode, ctypes.c_long(offset), ctypes.c_long(length)) != 0:
        raise OSError(ctypes.get_errno(), "fallocate")


def outcome(function, *arguments):
    try:
        return function(*arguments)
    except OSError as error:
        return errno.errorcode.get(error.errno, error.errno)


def described(found):
    return stat.filemode(found.st_mode), found.st_nlink, None if stat.S_ISDIR(found.st_mode) else found.st_size


def read_all(path):
    with open(path, "rb") as file:
        return file.read()


def snapshot(root):
    """path → (mode, what is in it); of folders what they are called is enough."""
    found = {}
    for folder, folders, files in os.walk(root):
        for name in folders + files:
            path = os.path.join(folder, name)
            mode = os.lstat(path).st_mode
            content = (os.readlink(path) if stat.S_ISLNK(mode) else read_all(path) if stat.S_ISREG(mode) else "")
            found[os.path.relpath(path, root)] = (stat.S_IFMT(mode), content)
    return found


def compare_trees(roots):
    ours, theirs = (snapshot(root) for root in roots)
    for name in sorted(ours.keys() | theirs.keys()):
        if ours.get(name) != theirs.get(name):
            raise AssertionError(f"{name} differs: {brief(ours.get(name))} on the drive, {brief(theirs.get(name))} on disk")
    return len(ours)


def clear(roots):
    """Folders move into folders, and nothing moves out again: the tree only grows deeper."""
    for root in roots:
        for entry in os.scandir(root):
            if entry.is_dir(follow_symlinks=False):
                shutil.rmtree(entry.path)


def brief(value):
    text = repr(value)
    return text if len(text) < 200 else f"{text[:120]}… ({len(text)})"


class Work:
    def __init__(self, roots, dice):
        self.roots, self.dice = roots, dice
        self.handles = []  # ((fd on the drive, fd on disk), reads, writes)
        self.counts = {}

    def both(self, word, function):
        """function(side) on either side; they must answer alike."""
        ours, theirs = (outcome(function, side) for side in (0, 1))
        if TRACE:
            print(word, brief(theirs)[:100], file=sys.stderr)
        if ours != theirs:
            raise AssertionError(f"{word}: {brief(ours)} on the drive, {brief(theirs)} on disk")
        kind = word.split()[0]
        self.counts[kind] = self.counts.get(kind, 0) + 1
        return ours

    def path(self, side, name):
        return os.path.join(self.roots[side], name)

    def handle(self):
        return self.dice.choice(self.handles) if self.handles else None

    def spot(self):
        offset = self.dice.randrange(SIZE_MAX)
        return offset, self.dice.randrange(1, 1 << self.dice.randrange(1, 17))

    # ---- operations on handles

    def open(self):
        if len(self.handles) >= HANDLES_MAX:
            return self.close()
        name = self.dice.choice(NAMES)
        access = self.dice.choice((os.O_RDONLY, os.O_RDWR, os.O_RDWR, os.O_WRONLY))
        flags = access
        if self.dice.random() < 0.7:
            flags |= os.O_CREAT
        for flag, share in ((os.O_TRUNC, 0.1), (os.O_APPEND, 0.15), (os.O_EXCL, 0.05)):
            if access != os.O_RDONLY and self.dice.random() < share:
                flags |= flag
        fds = [outcome(os.open, self.path(side, name), flags, 0o644) for side in (0, 1)]
        opened = [isinstance(fd, int) and fd > 2 for fd in fds]
        self.both(f"open {name} {flags:o}", lambda side: True if opened[side] else fds[side])
        if all(opened):
            self.handles.append((fds, access != os.O_WRONLY, access != os.O_RDONLY))

    def close(self):
        handle = self.handle()
        if handle:
            self.handles.remove(handle)
            self.both("close", lambda side: os.close(handle[0][side]))

    def write(self):
        handle = self.handle()
        if handle:
            offset, length = self.spot()
            data = self.dice.randbytes(length)
            self.both(f"pwrite {length} at {offset}", lambda side: os.pwrite(handle[0][side], data, offset))

    def read(self):
        handle = self.handle()
        if handle:
            offset, length = self.spot()
            self.both(f"pread {length} at {offset}", lambda side: os.pread(handle[0][side], length, offset))

    def cut(self):
        handle = self.handle()
        if handle:
            size = self.dice.randrange(SIZE_MAX)
            self.both(f"ftruncate {size}", lambda side: os.ftruncate(handle[0][side], size))

    def allocate(self):
        handle = self.handle()
        if handle:
            mode = self.dice.choice((0, KEEP_SIZE, PUNCH_HOLE | KEEP_SIZE, PUNCH_HOLE | KEEP_SIZE, ZERO_RANGE,
                                     ZERO_RANGE | KEEP_SIZE))
            offset, length = self.spot()
            self.both(f"fallocate {mode} {length} at {offset}",
                      lambda side: fallocate(handle[0][side], mode, offset, length))

    def map(self):
        handle, other = self.handle(), self.handle()
        if not handle or not (handle[1] and handle[2]):
            return
        size = self.both("fstat", lambda side: os.fstat(handle[0][side]).st_size)
        if not size:
            return
        places = [(self.dice.randrange(size), self.dice.randbytes(self.dice.randrange(1, 5000))) for _ in range(3)]
        through = self.dice.randrange(size), self.dice.randbytes(100)

        def work(side):
            seen = []
            with mmap.mmap(handle[0][side], size) as view:
                for at, data in places:
                    data = data[:size - at]
                    seen.append(view[at:at + 300])
                    view[at:at + len(data)] = data
                seen.append(outcome(os.pread, other[0][side], 5000, places[0][0]))
                seen.append(outcome(os.pwrite, handle[0][side], through[1][:size - through[0]], through[0]))
                seen.append(view[max(0, through[0] - 5):through[0] + 105])
            return seen
        self.both("mmap", work)

    def copy(self):
        source, target = self.handle(), self.handle()
        if source and source is not target:
            (offset, length), (to, _) = self.spot(), self.spot()

            def work(side):
                if os.path.sameopenfile(source[0][side], target[0][side]):
                    return "one file"
                return os.copy_file_range(source[0][side], target[0][side], length, offset, to)
            self.both(f"copy_file_range {length} from {offset} to {to}", work)

    def sync(self):
        handle = self.handle()
        if handle:
            self.both("fsync", lambda side: os.fsync(handle[0][side]))

    def look(self):
        handle = self.handle()
        if handle:
            self.both("fstat", lambda side: described(os.fstat(handle[0][side])))

    # ---- operations on names

    def truncate(self):
        name, size = self.dice.choice(NAMES), self.dice.randrange(SIZE_MAX)
        self.both(f"truncate {name} {size}", lambda side: os.truncate(self.path(side, name), size))

    def rename(self):
        every = NAMES + FOLDERS
        old, new = self.dice.choice(every), self.dice.choice(every)
        self.both(f"rename {old} {new}", lambda side: os.rename(self.path(side, old), self.path(side, new)))

    def unlink(self):
        name = self.dice.choice(NAMES)
        self.both(f"unlink {name}", lambda side: os.unlink(self.path(side, name)))

    def mkdir(self):
        name = self.dice.choice(FOLDERS)
        self.both(f"mkdir {name}", lambda side: os.mkdir(self.path(side, name)))

    def rmdir(self):
        name = self.dice.choice(FOLDERS)
        self.both(f"rmdir {name}", lambda side: os.rmdir(self.path(side, name)))

    def symlink(self):
        name = self.dice.choice(NAMES)
        self.both(f"symlink {name}", lambda side: os.symlink("one", self.path(side, name)))

    def list(self):
        name = self.dice.choice(FOLDERS + [""])
        self.both(f"listdir {name}", lambda side: sorted(os.listdir(self.path(side, name))))

    def stat(self):
        name = self.dice.choice(NAMES + FOLDERS)
        self.both(f"lstat {name}", lambda side: described(os.lstat(self.path(side, name))))

    def step(self):
        operation, = self.dice.choices(*zip(*WEIGHTS))
        getattr(self, operation)()


WEIGHTS = (("open", 14), ("close", 8), ("write", 20), ("read", 20), ("cut", 5), ("allocate", 6), ("map", 5), ("copy", 4),
           ("sync", 1), ("look", 4), ("truncate", 2), ("rename", 4), ("unlink", 2), ("mkdir", 2), ("rmdir", 1),
           ("symlink", 1), ("list", 2), ("stat", 4))


def main():
    if sys.argv[1] == "--compare":
        print(f"{compare_trees(sys.argv[2:4])} entries are the same")
        return 0
    roots, steps = sys.argv[1:3], int(sys.argv[3])
    seed = int(sys.argv[4]) if len(sys.argv) > 4 else random.SystemRandom().randrange(1 << 32)
    print(f"seed {seed}", flush=True)
    for root in roots:
        shutil.rmtree(root, ignore_errors=True)
        os.mkdir(root)
    work = Work(roots, random.Random(seed))
    for step in range(steps):
        try:
            work.step()
            if step % COMPARE_EVERY == COMPARE_EVERY - 1 and compare_trees(roots) > ENTRIES_MAX:
                clear(roots)
                compare_trees(roots)
        except AssertionError as difference:
            print(f"step {step} of seed {seed}: {difference}")
            return 1
    while work.handles:
        work.close()
    entries = compare_trees(roots)
    print(f"{steps} operations without a difference, {entries} entries:",
          ", ".join(f"{count} {word}" for word, count in sorted(work.counts.items())))
    return 0


sys.exit(main())
