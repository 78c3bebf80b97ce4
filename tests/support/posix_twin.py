"""posix_twin: one script of system calls, done in two folders, and whether both answered alike.

A case is a function of a Recorder. It never says what is right: the file system of the second folder (a local
disk) does. Each step leaves a line: the call, and its errno or its value. Names are relative to the case's own
folder, which is also the working directory, so that other users need no way to it.
Calls as another user happen in a child that drops to `user` = (uid, gid, groups…) first.
"""
import ctypes
import errno
import os
import shutil
import socket
import stat
import sys
import time
import traceback

libc = ctypes.CDLL(None, use_errno=True)
AT_FDCWD, AT_SYMLINK_NOFOLLOW = -100, 0x100
UTIME_NOW, UTIME_OMIT = (1 << 30) - 1, (1 << 30) - 2
NOREPLACE, EXCHANGE = 1, 2
KEEP_SIZE, PUNCH_HOLE, COLLAPSE_RANGE, ZERO_RANGE, INSERT_RANGE = 1, 2, 8, 16, 32
ROOT = os.geteuid() == 0
NODES = ("regular", "fifo", "block", "char", "socket") if ROOT else ("regular", "fifo", "socket")
TYPES = NODES + ("dir", "symlink")
NOBODY, OTHER = 65534, 65533
CASES = {}


def case(function):
    CASES[function.__name__] = function
    return function


class Timespec(ctypes.Structure):
    _fields_ = [("seconds", ctypes.c_long), ("nanoseconds", ctypes.c_long)]


def c_call(name, *arguments):
    ctypes.set_errno(0)
    result = getattr(libc, name)(*arguments)
    if result < 0:
        raise OSError(ctypes.get_errno(), name)
    return result


def renameat2(old, new, flags):
    return c_call("renameat2", AT_FDCWD, old.encode(), AT_FDCWD, new.encode(), flags)


def utimensat(path, atime, mtime, flags=0):  # (seconds, nanoseconds) each
    return c_call("utimensat", AT_FDCWD, path.encode(), (Timespec * 2)(Timespec(*atime), Timespec(*mtime)), flags)


def fallocate(fd, mode, offset, length):
    return c_call("fallocate", fd, mode, ctypes.c_long(offset), ctypes.c_long(length))


def make(kind, name, mode=None):
    """One node of a kind. A name alone says nothing of what is behind it."""
    if kind == "regular":
        os.close(os.open(name, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644))
    elif kind == "dir":
        os.mkdir(name, 0o755)
    elif kind == "fifo":
        os.mkfifo(name, 0o644)
    elif kind == "block":
        os.mknod(name, stat.S_IFBLK | 0o644, os.makedev(1, 2))
    elif kind == "char":
        os.mknod(name, stat.S_IFCHR | 0o644, os.makedev(1, 2))
    elif kind == "socket":
        with socket.socket(socket.AF_UNIX) as sock:
            sock.bind(name)
    elif kind == "symlink":
        os.symlink("test", name)
    if mode is not None and kind != "symlink":
        os.chmod(name, mode)


def remove(name):
    if stat.S_ISDIR(os.lstat(name).st_mode):
        os.rmdir(name)
    else:
        os.unlink(name)


def open_close(name, flags, mode=0o644):
    os.close(os.open(name, flags, mode))


def write_to(name, data, flags=os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode=0o644):
    fd = os.open(name, flags, mode)
    try:
        return os.write(fd, data)
    finally:
        os.close(fd)


def read_from(name):
    fd = os.open(name, os.O_RDONLY)
    try:
        return os.read(fd, 1 << 20)
    finally:
        os.close(fd)


def short(value):
    text = value if isinstance(value, str) else repr(value)
    return text if len(text) <= 90 else f"{text[:40]}…({len(text)})"


def outcome(function, *arguments, **named):
    try:
        result = function(*arguments, **named)
    except OSError as error:
        return "EOPNOTSUPP" if error.errno == errno.EOPNOTSUPP else errno.errorcode.get(error.errno, str(error.errno))
    return "ok" if result is None else short(result)


def as_user(user, function):
    """What `function` gives in a child that is this user."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(reader)
            os.setgroups(list(user[2:]))
            os.setresgid(user[1], user[1], user[1])
            os.setresuid(user[0], user[0], user[0])
            os.write(writer, function().encode())
        except BaseException:  # the parent has to hear of it
            os.write(writer, ("broken: " + traceback.format_exc(limit=2)).encode())
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        said = pipe.read().decode()
    os.waitpid(child, 0)
    return said


def tick():
    """Until the clock that file systems stamp with has gone on."""
    start = time.clock_gettime_ns(5)  # CLOCK_REALTIME_COARSE
    while time.clock_gettime_ns(5) <= start:
        pass
    start = time.clock_gettime_ns(time.CLOCK_REALTIME)
    while time.clock_gettime_ns(time.CLOCK_REALTIME) <= start:
        pass


class Recorder:
    def __init__(self, root):
        self.lines = []
        self.root = root
        os.mkdir(root, 0o755)

    def note(self, text):
        self.lines.append(text)

    def call(self, function, *arguments, user=None, said=None):
        def run():
            return outcome(function, *arguments)
        label = said or f"{function.__name__}({', '.join(short(a) for a in arguments)})"
        self.note(f"{label}{f' as {user}' if user else ''} → {as_user(user, run) if user else run()}")

    def show(self, name, follow=False):
        def look():
            found = os.stat(name) if follow else os.lstat(name)
            text = (f"{stat.filemode(found.st_mode)} {found.st_mode & 0o7777:o} uid {found.st_uid} gid {found.st_gid} "
                    f"links {found.st_nlink}")
            if not stat.S_ISDIR(found.st_mode):
                text += f" size {found.st_size}"
            if stat.S_ISBLK(found.st_mode) or stat.S_ISCHR(found.st_mode):
                text += f" device {os.major(found.st_rdev)}:{os.minor(found.st_rdev)}"
            return text
        self.note(f"  {short(name)}: {outcome(look)}")

    def inode(self, *names):
        """Which of the names are one inode."""
        numbers = [outcome(lambda n=name: os.lstat(n).st_ino) for name in names]
        self.note(f"  inodes of {names}: {[numbers.index(number) for number in numbers]}")

    def times(self, names, function, *arguments, user=None, said=None):
        """The call, and which times of which names went on with it."""
        def stamps():
            every = {}
            for name in names:
                found = outcome(lambda n=name: "%d %d %d" % (
                    (lambda s: (s.st_atime_ns, s.st_mtime_ns, s.st_ctime_ns))(os.lstat(n))))
                every[name] = found.split()
            return every
        before = stamps()
        tick()
        self.call(function, *arguments, user=user, said=said)
        after = stamps()
        for name in names:
            if len(before[name]) != 3 or len(after[name]) != 3:
                self.note(f"  times of {name}: {len(before[name]) == 3} → {len(after[name]) == 3}")
                continue
            # Reads move atime only as the mount says: it is no business of this.
            moved = [word for word, old, new in zip(("mtime", "ctime"), before[name][1:], after[name][1:]) if old != new]
            self.note(f"  times of {name} that went on: {' '.join(moved) or 'none'}")


def run(function, folder):
    home = os.open(".", os.O_RDONLY)
    recorder = Recorder(os.path.join(folder, function.__name__))
    old_mask = os.umask(0o022)
    try:
        os.chdir(recorder.root)
        function(recorder)
    except Exception as error:
        recorder.note(f"the case broke: {traceback.format_exc(limit=-2)}" if not isinstance(error, OSError)
                      else f"the case broke: {error} {traceback.format_exc(limit=-1).splitlines()[1]}")
    finally:
        os.umask(old_mask)
        os.fchdir(home)
        os.close(home)
    return recorder.lines


def compare(name, drive, oracle):
    """The differences of one case, as text; empty if there is none."""
    function = CASES[name]
    right = run(function, oracle)
    ours = run(function, drive)
    if not right or any("broke" in line for line in right):
        return "the local disk could not do it:\n" + "\n".join(right)
    different = []
    for number in range(max(len(ours), len(right))):
        mine = ours[number] if number < len(ours) else "(nothing)"
        theirs = right[number] if number < len(right) else "(nothing)"
        if mine != theirs:
            before = next((right[n] for n in range(number, -1, -1) if not right[n].startswith("  ")), "")
            different.append(f"{before if theirs.startswith('  ') else ''}\n  drive: {mine}\n  disk:  {theirs}".strip("\n"))
    return "\n".join(different)


def main():
    if sys.argv[1:] == ["--list"]:
        print("\n".join(CASES))
        return 0
    drive, oracle, wanted = sys.argv[1], sys.argv[2], sys.argv[3:] or list(CASES)
    worst = 0
    for name in wanted:
        steps_apart = compare(name, drive, oracle)
        if steps_apart:
            worst = 1
            print(f"{name}:\n{steps_apart}")
        for side in (drive, oracle):
            shutil.rmtree(os.path.join(side, name), ignore_errors=True)
    return worst
