"""What is in files: sizes, holes, appends, mappings, locks, files without a name; on the drive as on a local disk."""
import fcntl
import mmap
import os
import signal
import stat
import struct

from posix_twin import (COLLAPSE_RANGE, INSERT_RANGE, KEEP_SIZE, PUNCH_HOLE, ZERO_RANGE, NOBODY, ROOT, case, fallocate, make,
                        open_close, outcome, read_from, write_to)

RW = os.O_RDWR | os.O_CREAT


@case
def sizes_change_as_truncate_says(w):
    for word, truncate in (("truncate", lambda size: os.truncate("f", size)),
                           ("ftruncate", lambda size: os.ftruncate(fd, size))):
        write_to("f", b"0123456789")
        fd = os.open("f", os.O_RDWR)
        for size in (5, 5, 0, 8, 1 << 40, 12345, -1, (1 << 63) - 1, 3):
            if size < 1 << 62:
                w.times(["f", "."], truncate, size, said=f"{word} {size}")
                w.show("f")
            w.call(lambda: os.pread(fd, 20, 0), said="bytes")
        os.close(fd)
    fd = os.open("f", os.O_RDONLY)
    w.call(os.ftruncate, fd, 0, said="ftruncate of a reader")
    os.close(fd)
    for kind in ("dir", "fifo", "socket", "symlink"):
        make(kind, kind)
        w.call(os.truncate, kind, 0)
    w.call(os.truncate, "missing", 0)


@case
def bytes_go_where_they_are_written(w):
    fd = os.open("f", RW)
    for offset, data in ((0, b"abc"), (10, b"xyz"), (2, b"--"), (100000, b"far")):
        w.times(["f"], os.pwrite, fd, data, offset, said=f"pwrite {offset}")
        w.show("f")
    w.call(lambda: os.pread(fd, 20, 0), said="read")
    w.call(lambda: os.pread(fd, 20, 99998), said="read at the end")
    w.call(lambda: os.pread(fd, 20, 200000), said="read behind the end")
    w.call(os.pwrite, fd, b"x", -1)
    w.call(os.lseek, fd, -1, os.SEEK_SET)
    w.call(os.lseek, fd, -3, os.SEEK_END)
    w.call(os.write, fd, b"")
    w.times(["f"], os.pwrite, fd, b"", 5, said="pwrite of nothing")
    os.close(fd)
    reader = os.open("f", os.O_RDONLY)
    w.call(os.write, reader, b"x", said="write to a reader")
    os.close(reader)
    writer = os.open("f", os.O_WRONLY)
    w.call(os.read, writer, 3, said="read from a writer")
    os.close(writer)
    os.mkdir("d")
    folder = os.open("d", os.O_RDONLY)
    w.call(os.read, folder, 10, said="read of a folder")
    os.close(folder)


@case
def two_processes_append_without_loss(w):
    open_close("f", RW)
    children = []
    for letter in (b"a", b"b"):
        child = os.fork()
        if child == 0:
            fd = os.open("f", os.O_WRONLY | os.O_APPEND)
            for _ in range(400):
                os.write(fd, letter * 10)
            os._exit(0)
        children.append(child)
    for child in children:
        w.note(f"child {os.waitpid(child, 0)[1]}")
    data = b"".join(read_in_pieces("f"))
    w.note(f"{len(data)} bytes, {data.count(b'a')} a, "
           f"whole: {all(data[i:i + 10] in (b'a' * 10, b'b' * 10) for i in range(0, len(data), 10))}")
    fd = os.open("f", os.O_RDWR | os.O_APPEND)
    w.call(os.pwrite, fd, b"at the end", 0, said="pwrite of an appender")
    w.call(lambda: os.pread(fd, 10, 8000), said="its end")
    os.close(fd)


def read_in_pieces(name):
    with open(name, "rb") as file:
        while piece := file.read(1 << 16):
            yield piece


@case
def an_open_file_without_a_name_lives_on(w):
    write_to("f", b"before")
    fd = os.open("f", os.O_RDWR)
    w.times(["."], os.unlink, "f")

    def stat_of():
        found = os.fstat(fd)
        return f"{stat.filemode(found.st_mode)} {found.st_size} links {found.st_nlink}"
    w.call(stat_of)
    w.call(os.pwrite, fd, b" after", 6, said="pwrite")
    w.call(lambda: os.pread(fd, 100, 0), said="pread")
    w.call(stat_of)
    w.call(os.ftruncate, fd, 3, said="ftruncate")
    w.call(stat_of)
    w.call(os.fchmod, fd, 0o600, said="fchmod")
    w.call(os.fchown, fd, 1, 2, said="fchown")
    w.call(stat_of)
    w.call(os.fsync, fd, said="fsync")
    w.call(lambda: read_from(f"/proc/self/fd/{fd}"), said="through /proc")
    write_to("f", b"another")
    w.call(lambda: os.pread(fd, 100, 0), said="pread")
    w.call(read_from, "f")
    os.close(fd)
    w.call(read_from, "f")


@case
def an_open_file_that_is_replaced_lives_on(w):
    write_to("old", b"old")
    write_to("new", b"new")
    fd = os.open("old", os.O_RDWR)
    w.call(os.rename, "new", "old")
    w.call(lambda: os.pread(fd, 10, 0), said="pread")
    w.call(lambda: os.fstat(fd).st_nlink, said="links")
    w.call(os.pwrite, fd, b"XX", 1, said="pwrite")
    w.call(lambda: os.pread(fd, 10, 0), said="pread")
    w.call(read_from, "old")
    os.close(fd)
    w.call(read_from, "old")


@case
def a_folder_that_is_open_or_current_may_go(w):
    os.mkdir("d")
    fd = os.open("d", os.O_RDONLY)
    w.call(os.rmdir, "d")
    w.call(os.listdir, fd, said="listdir")
    w.call(lambda: os.open("new", RW, dir_fd=fd), said="create in it")
    w.call(lambda: os.mkdir("new", dir_fd=fd), said="mkdir in it")
    w.call(lambda: os.fstat(fd).st_nlink, said="links")
    os.close(fd)


@case
def holes_are_found_and_made(w):
    block = 1 << 16
    fd = os.open("f", RW)
    os.pwrite(fd, b"d" * block, 0)
    os.pwrite(fd, b"e" * block, 4 * block)
    os.ftruncate(fd, 8 * block)
    for offset in (0, 5, block, 2 * block, 4 * block, 5 * block, 7 * block, 8 * block, 9 * block):
        w.call(os.lseek, fd, offset, os.SEEK_DATA, said=f"data from {offset}")
        w.call(os.lseek, fd, offset, os.SEEK_HOLE, said=f"hole from {offset}")
    w.times(["f"], fallocate, fd, PUNCH_HOLE | KEEP_SIZE, 0, block, said="punch")
    w.call(os.lseek, fd, 0, os.SEEK_DATA, said="data from 0")
    w.call(lambda: os.pread(fd, 10, 0), said="bytes")
    w.call(fallocate, fd, PUNCH_HOLE | KEEP_SIZE, 4 * block + 10, 20, said="punch a little")
    w.call(lambda: os.pread(fd, 40, 4 * block), said="bytes")
    w.call(fallocate, fd, PUNCH_HOLE | KEEP_SIZE, 20 * block, block, said="punch behind the end")
    w.call(fallocate, fd, PUNCH_HOLE, 0, block, said="punch without keeping the size")
    w.show("f")
    os.close(fd)
    open_close("empty", RW)
    fd = os.open("empty", os.O_RDONLY)
    w.call(os.lseek, fd, 0, os.SEEK_DATA, said="data of nothing")
    w.call(os.lseek, fd, 0, os.SEEK_HOLE, said="hole of nothing")
    os.close(fd)


@case
def fallocate_makes_room_or_says_it_cannot(w):
    fd = os.open("f", RW)
    for mode, offset, length in ((0, 0, 1000), (0, 500, 1000), (KEEP_SIZE, 0, 5000), (KEEP_SIZE, 4000, 4000),
                                 (ZERO_RANGE, 0, 100), (ZERO_RANGE, 1400, 400), (ZERO_RANGE | KEEP_SIZE, 100, 9000),
                                 (0, -1, 5), (0, 0, 0), (0, 5, -1), (0, 1 << 62, 1 << 62)):
        os.pwrite(fd, b"x" * 50, 1420)
        w.times(["f"], fallocate, fd, mode, offset, length, said=f"fallocate {mode} {offset} {length}")
        w.show("f")
        w.call(lambda: os.pread(fd, 20, 1410), said="bytes")
    for offset, length in ((0, 100), (3000, 200), (10, 0), (-1, 5), (5, -1)):
        w.call(os.posix_fallocate, fd, offset, length, said=f"posix_fallocate {offset} {length}")
        w.show("f")
    os.close(fd)
    reader = os.open("f", os.O_RDONLY)
    w.call(fallocate, reader, 0, 0, 10, said="fallocate of a reader")
    os.close(reader)


@case
def a_file_has_a_largest_size(w):
    limits = os.sysconf("SC_PAGESIZE")
    fd = os.open("f", RW)
    w.call(os.pwrite, fd, b"x", (1 << 63) - 1, said="pwrite at the end of all")
    w.call(os.ftruncate, fd, -1, said="ftruncate -1")
    child = os.fork()
    if child == 0:
        import resource
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (limits, limits))
        said = [outcome(os.pwrite, fd, b"x", limits), outcome(os.ftruncate, fd, limits + 1),
                outcome(os.pwrite, fd, b"x" * 10, limits - 5)]
        write_to("said", repr(said).encode())
        os._exit(0)
    os.waitpid(child, 0)
    w.call(read_from, "said")
    os.close(fd)
    w.show("f")


@case
def ranges_are_copied(w):
    write_to("from", bytes(range(256)) * 1000)
    source, target = os.open("from", os.O_RDONLY), os.open("to", RW)
    for count, at, to in ((100, 0, 0), (100000, 1000, 50), (10, 255999, 5), (10, 256000, 0), (10, 300000, 0), (0, 0, 0)):
        w.call(os.copy_file_range, source, target, count, at, to, said=f"copy {count} from {at} to {to}")
        w.show("to")
    w.call(lambda: hash_of("to"), said="bytes")
    w.call(os.copy_file_range, target, source, 10, 0, 0, said="copy into a reader")
    w.call(os.sendfile, target, source, 0, 1000, said="sendfile")
    for fd in (source, target):
        os.close(fd)


def hash_of(name):
    import hashlib
    return hashlib.sha256(b"".join(read_in_pieces(name))).hexdigest()


@case
def mappings_are_the_file(w):
    write_to("f", b"0" * 10000)
    fd = os.open("f", os.O_RDWR)
    with mmap.mmap(fd, 10000) as view:
        view[100:105] = b"hello"
        w.call(lambda: os.pread(fd, 5, 100), said="read what was mapped")
        os.pwrite(fd, b"world", 9000)
        w.note(f"map what was written: {bytes(view[9000:9005])}")
        view.flush()
    os.close(fd)
    w.call(lambda: hash_of("f"), said="bytes")
    reader = os.open("f", os.O_RDONLY)
    w.call(lambda: mmap.mmap(reader, 100, mmap.MAP_SHARED, mmap.PROT_WRITE) and None, said="map a reader for writing")
    with mmap.mmap(reader, 100, mmap.MAP_PRIVATE, mmap.PROT_READ | mmap.PROT_WRITE) as view:
        view[0:4] = b"mine"
        w.call(lambda: os.pread(reader, 4, 0), said="a private map changes nothing")
    os.close(reader)


@case
def locks_hold(w):
    write_to("f", b"x" * 100)
    one, two = os.open("f", os.O_RDWR), os.open("f", os.O_RDWR)
    w.call(fcntl.flock, one, fcntl.LOCK_SH, said="shared")
    w.call(fcntl.flock, two, fcntl.LOCK_SH | fcntl.LOCK_NB, said="shared beside it")
    w.call(fcntl.flock, two, fcntl.LOCK_EX | fcntl.LOCK_NB, said="exclusive beside it")
    w.call(fcntl.flock, one, fcntl.LOCK_UN, said="free")
    w.call(fcntl.flock, two, fcntl.LOCK_EX | fcntl.LOCK_NB, said="exclusive")
    os.close(two)
    two = os.open("f", os.O_RDWR)
    w.call(fcntl.lockf, one, fcntl.LOCK_EX | fcntl.LOCK_NB, 10, 0, said="range")
    child = os.fork()
    if child == 0:
        fd = os.open("f", os.O_RDWR)
        said = [outcome(fcntl.lockf, fd, fcntl.LOCK_EX | fcntl.LOCK_NB, *r) for r in ((10, 5), (10, 10), (0, 0))]
        kind, *_ = struct.unpack("hhqqi", fcntl.fcntl(fd, fcntl.F_GETLK, struct.pack("hhqqi", fcntl.F_WRLCK, 0, 0, 5, 0)))
        write_to("said", repr((said, kind == fcntl.F_WRLCK)).encode())
        os._exit(0)
    os.waitpid(child, 0)
    w.call(read_from, "said")
    for fd in (one, two):
        os.close(fd)


@case
def a_program_that_runs_is_not_written(w):
    write_to("sleep", b"".join(read_in_pieces("/bin/sleep")))
    os.chmod("sleep", 0o755)
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.execv("./sleep", ["sleep", "100"])
    os.close(writer)
    while os.readlink(f"/proc/{child}/exe") != os.path.realpath("sleep"):
        pass
    for flags in (os.O_WRONLY, os.O_RDWR, os.O_RDONLY, os.O_WRONLY | os.O_TRUNC):
        w.call(open_close, "sleep", flags)
    w.call(os.truncate, "sleep", 0)
    w.call(os.unlink, "sleep")
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    os.close(reader)
    write_to("text", b"#!/bin/sh\n")
    os.chmod("text", 0o644)
    w.call(os.access, "text", os.X_OK)
    w.call(os.execv, "./text", ["text"])


@case
def nodes_do_what_they_are(w):
    make("fifo", "p")
    child = os.fork()
    if child == 0:
        write_to("p", b"through the pipe", os.O_WRONLY)
        os._exit(0)
    w.call(read_from, "p")
    os.waitpid(child, 0)
    import socket
    server, client = socket.socket(socket.AF_UNIX), socket.socket(socket.AF_UNIX)
    w.call(server.bind, "s", said="bind")
    w.call(client.connect, "s", said="connect to nobody")
    server.listen(1)
    w.call(client.connect, "s", said="connect")
    w.call(client.send, b"hello", said="send")
    server.close(), client.close()
    w.call(socket.socket(socket.AF_UNIX).bind, "s", said="bind again")
    w.show("p"), w.show("s")


@case
def a_file_may_be_made_without_a_name_or_not_at_all(w):
    os.mkdir("d")
    fd = outcome(os.open, "d", os.O_TMPFILE | os.O_RDWR, 0o600)
    # A refusal has to be the one that programs expect, who then make a name of their own.
    w.note(f"clean: {fd in ('EOPNOTSUPP', 'EISDIR') or fd.isdigit()}")
    if fd.isdigit():
        os.close(int(fd))
    w.call(os.listdir, "d")
    w.call(os.open, "missing", os.O_TMPFILE | os.O_RDWR)


@case
def ranges_are_taken_out_and_put_in_or_not_at_all(w):
    write_to("f", b"x" * 40960)
    fd = os.open("f", os.O_RDWR)
    for mode in (COLLAPSE_RANGE, INSERT_RANGE):
        said = outcome(fallocate, fd, mode, 4096, 4096)
        w.note(f"clean: {said in ('0', 'EOPNOTSUPP')}")
    os.close(fd)


@case
def room_is_told(w):
    found = os.statvfs(".")
    w.note(f"{found.f_blocks > 0} {found.f_bavail <= found.f_bfree <= found.f_blocks} {found.f_namemax} {found.f_bsize > 0}")
    w.call(lambda: os.pathconf(".", "PC_NAME_MAX"), said="NAME_MAX")
    w.call(lambda: os.pathconf(".", "PC_PATH_MAX"), said="PATH_MAX")
    w.call(os.statvfs, "missing")


@case
def attributes_say_what_is_wrong(w):
    write_to("f", b"")
    os.chmod("f", 0o600)
    w.call(os.setxattr, "f", "user.a", b"1", os.XATTR_REPLACE)
    w.call(os.setxattr, "f", "user.a", b"1", os.XATTR_CREATE)
    w.call(os.setxattr, "f", "user.a", b"2", os.XATTR_CREATE)
    w.call(os.getxattr, "f", "user.a")
    w.call(os.getxattr, "f", "user.b")
    w.call(os.removexattr, "f", "user.b")
    w.call(os.setxattr, "f", "user.", b"1")
    w.call(os.setxattr, "f", "nothing.a", b"1")
    w.call(os.setxattr, "f", "user." + "n" * 300, b"1")
    if ROOT:
        w.call(os.getxattr, "f", "user.a", user=(NOBODY, NOBODY))
        w.call(os.setxattr, "f", "user.c", b"1", user=(NOBODY, NOBODY))
    for kind in ("fifo", "symlink"):
        make(kind, kind)
        w.call(lambda k=kind: os.setxattr(k, "user.a", b"1", follow_symlinks=False), said=f"setxattr {kind}")
