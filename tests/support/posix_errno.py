#!/usr/bin/env python3
"""posix_errno.py DRIVE DISK [CASE…]: names and types, errno by errno, on the drive as on a local disk.  --list"""
import os
import sys

from posix_twin import (CASES, EXCHANGE, NOBODY, NODES, NOREPLACE, OTHER, ROOT, TYPES, case, main, make, open_close, read_from,
                        remove, renameat2, write_to)
import posix_errno_bytes  # noqa: F401  its cases
import posix_errno_links  # noqa: F401
if os.geteuid() == 0:
    import posix_errno_users  # noqa: F401

CREATE = os.O_CREAT | os.O_WRONLY

# Everything that takes one name.
ON_A_NAME = {
    "open": lambda n: open_close(n, os.O_RDONLY), "create": lambda n: open_close(n, CREATE),
    "excl": lambda n: open_close(n, CREATE | os.O_EXCL), "stat": lambda n: os.stat(n) and None,
    "lstat": lambda n: os.lstat(n) and None, "chmod": lambda n: os.chmod(n, 0o600), "chown": lambda n: os.chown(n, 0, 0),
    "lchown": lambda n: os.lchown(n, 0, 0), "truncate": lambda n: os.truncate(n, 5), "utime": lambda n: os.utime(n),
    "mkdir": os.mkdir, "mkfifo": os.mkfifo, "mknod": lambda n: os.mknod(n, 0o20644, os.makedev(1, 2)),
    "bind": lambda n: make("socket", n), "symlink": lambda n: os.symlink("t", n), "readlink": os.readlink,
    "unlink": os.unlink, "rmdir": os.rmdir, "listdir": lambda n: os.listdir(n) and None,
    "rename from": lambda n: os.rename(n, "elsewhere"), "rename to": lambda n: os.rename("source", n),
    "link from": lambda n: os.link(n, "elsewhere", follow_symlinks=False), "link to": lambda n: os.link("source", n),
    "setxattr": lambda n: os.setxattr(n, "user.a", b"1"), "listxattr": lambda n: os.listxattr(n) and None,
}


def each_call(w, name, prepare=lambda: None):
    """Every call on this name, each on a tree as `prepare` makes it."""
    for word, function in ON_A_NAME.items():
        prepare()
        if not os.path.lexists("source"):
            write_to("source", b"s")
        w.call(function, name, said=f"{word} {name[:20]}")
        for left in ("elsewhere", "source"):
            if os.path.lexists(left):
                remove(left)


@case
def a_missing_part_of_the_path_is_enoent(w):
    each_call(w, "missing/name")
    w.call(os.stat, "")


@case
def a_missing_name_is_enoent_or_made(w):
    def clean():
        if os.path.lexists("name"):
            remove("name")
    each_call(w, "name", clean)


@case
def a_file_on_the_way_is_enotdir(w):
    for kind in NODES:
        make(kind, "node")
        each_call(w, "node/name")
        remove("node")


@case
def a_slash_behind_a_file_is_enotdir(w):
    def again():
        if not os.path.lexists("file"):
            write_to("file", b"x")
    each_call(w, "file/", again)


@case
def a_loop_of_links_is_eloop(w):
    os.symlink("b", "a")
    os.symlink("a", "b")
    each_call(w, "a/name")

    def again():
        if os.path.lexists("a"):
            remove("a")
        os.symlink("b", "a")
    each_call(w, "a", again)


@case
def names_of_255_bytes_work_and_256_are_too_long(w):
    def clean():
        if os.path.lexists("n" * 255):
            remove("n" * 255)
    each_call(w, "n" * 255, clean)
    each_call(w, "n" * 256)
    each_call(w, "n" * 256 + "/x")
    w.call(os.symlink, "t" * 4095, "long")
    w.call(lambda: len(os.readlink("long")), said="readlink long")
    w.show("long")
    w.call(os.symlink, "t" * 4096, "longer")
    w.call(os.symlink, "", "empty")
    for parts in (2047, 2048):
        w.call(lambda: os.stat("./" * parts) and None, said=f"a path of {2 * parts} bytes")


@case
def paths_of_4095_bytes_work_and_4096_are_too_long(w):
    folders = [("p" * 199 + "/") * depth for depth in range(1, 21)]
    for folder in folders:
        os.mkdir(folder)
    name = folders[-1] + "n" * 95

    def clean():
        if os.path.lexists(name):
            remove(name)
    each_call(w, name, clean)
    each_call(w, name + "x", clean)
    w.call(os.mkdir, name)
    w.call(os.rename, name, "short")
    w.call(os.rename, "short", name)
    w.times([folders[-1]], os.rmdir, name)
    w.call(os.rename, folders[9], "moved")  # a path of 2,000 bytes, and all below it
    w.show("moved/" + folders[9][:-1])
    w.call(os.rename, "moved", folders[9])
    for folder in reversed(folders):
        w.call(os.rmdir, folder)


@case
def what_exists_cannot_be_made_again(w):
    for kind in TYPES:
        make(kind, "there")
        for word in ("mkdir", "mkfifo", "mknod", "bind", "symlink", "excl"):
            w.times(["there", "."], ON_A_NAME[word], "there", said=f"{word} over {kind}")
        w.call(open_close, "there", os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_TRUNC)
        remove("there")


@case
def nodes_are_what_they_were_made(w):
    for kind in TYPES:
        w.times(["."], make, kind, "n")
        w.show("n")
        w.show(".")
        w.times(["n", "."], os.chmod, "n", 0o111) if kind != "symlink" else None
        w.times(["n", "."], os.lchown, "n", 123, 456)
        w.show("n")
        w.times(["."], remove, "n")
        w.show("n")
    w.call(os.mknod, "regular", 0o100640)
    w.show("regular")
    w.call(os.mknod, "large", 0o20600, os.makedev(4000, 1 << 19))
    w.show("large")


@case
def the_mask_takes_bits_away(w):
    for mask in (0o000, 0o077, 0o151, 0o777):
        os.umask(mask)
        for kind in ("regular", "dir", "fifo", "socket") + (("char",) if ROOT else ()):
            if kind == "regular":
                w.call(open_close, "n", CREATE, 0o666)
            elif kind == "dir":
                w.call(os.mkdir, "n", 0o1777)
            elif kind == "fifo":
                w.call(os.mkfifo, "n", 0o666)
            elif kind == "char":
                w.call(os.mknod, "n", 0o20666, os.makedev(1, 3))
            else:
                w.call(make, "socket", "n")
            w.show("n")
            remove("n")
    os.umask(0o022)


@case
def open_says_what_is_wrong(w):
    os.mkdir("d")
    write_to("f", b"x")
    os.symlink("f", "l")
    os.symlink("nowhere", "dangling")
    for flags in (os.O_WRONLY, os.O_RDWR, os.O_RDONLY | os.O_TRUNC, os.O_WRONLY | os.O_TRUNC, os.O_CREAT | os.O_RDONLY,
                  os.O_CREAT | os.O_WRONLY, os.O_DIRECTORY, os.O_RDONLY | os.O_NOFOLLOW,
                  os.O_CREAT | os.O_EXCL | os.O_WRONLY, os.O_PATH, os.O_RDONLY | os.O_NONBLOCK):
        for name in ("d", "f", "l", "dangling"):
            w.call(open_close, name, flags)
    w.call(open_close, "d", os.O_CREAT | os.O_DIRECTORY)
    w.call(open_close, "l", os.O_DIRECTORY | os.O_NOFOLLOW)
    for kind in ("fifo", "socket"):
        make(kind, kind)
        w.call(open_close, kind, os.O_WRONLY | os.O_NONBLOCK)
        w.call(open_close, kind, os.O_RDONLY | os.O_NONBLOCK)
    w.call(read_from, "f")


@case
def folders_empty_and_full(w):
    os.makedirs("d/sub")
    for kind in TYPES:
        make(kind, "d/entry")
        w.times(["d", "."], os.rmdir, "d")
        w.times(["d", "d/entry"], remove, "d/entry")
    w.show("d")
    w.call(os.unlink, "d")
    w.call(os.rmdir, "d/.")
    w.call(os.rmdir, "d/sub/..")
    w.call(os.rmdir, "d/sub")
    w.show("d")
    w.call(os.rmdir, "d")
    w.show(".")
    for kind in TYPES:
        if kind != "dir":
            make(kind, "n")
            w.call(os.rmdir, "n", said=f"rmdir {kind}")
            remove("n")


@case
def folders_count_the_folders_in_them(w):
    os.makedirs("a/x")
    os.makedirs("b")
    write_to("a/file", b"")
    w.show("a"), w.show("b"), w.show("a/x"), w.show(".")
    w.call(os.rename, "a/x", "b/y")
    w.show("a"), w.show("b"), w.show("b/y")
    w.inode("b", "b/y/..")
    w.call(os.mkdir, "b/z")
    w.call(os.rename, "b/z", "b/y")
    w.show("b")
    w.call(os.rmdir, "b/y")
    w.show("b")
    os.mkdir("a/k"), os.mkdir("a/m")
    w.call(renameat2, "a/k", "a/file", EXCHANGE)
    w.call(renameat2, "a/m", "b", EXCHANGE)
    w.show("a"), w.show("b")


@case
def rename_over_every_type(w):
    for old in TYPES:
        for new in TYPES:
            make(old, "old")
            make(new, "new")
            w.call(os.rename, "old", "new", said=f"rename {old} over {new}")
            w.show("old"), w.show("new")
            for name in ("old", "new"):
                if os.path.lexists(name):
                    remove(name)


@case
def rename_moves_times(w):
    os.mkdir("to")
    for kind in TYPES:
        make(kind, "n")
        w.times([".", "to"], os.rename, "n", "to/n", said=f"rename {kind}")
        before = os.lstat("to/n").st_ctime_ns
        w.times(["to", "."], os.rename, "to/n", "to/m")
        w.note(f"ctime went on: {os.lstat('to/m').st_ctime_ns > before}")
        w.times([".", "to", "to/m"], os.rename, "to/m", "to/m")
        remove("to/m")


@case
def rename_says_what_is_wrong(w):
    os.makedirs("d/in/side")
    os.makedirs("full/x")
    os.mkdir("empty")
    write_to("f", b"f")
    for old, new in (("d", "d/in"), ("d", "d/in/new"), ("d", "d"), ("d", "full"), ("d", "f"), ("f", "empty"), ("f", "full"),
                     ("d/in", "d"), ("missing", "x"), ("f", "missing/x"), ("f", "f/x"), ("f/x", "g"), ("f", "g/"),
                     ("d/.", "y"), ("d", "y/."), ("empty", "y/"), ("y", "empty/"), ("f", "f"), (".", "x"), ("d/in/..", "x")):
        w.call(os.rename, old, new)
    w.call(lambda: sorted(os.listdir(".")), said="what is left")


@case
def rename_without_replacing_and_exchanging(w):
    for kind in TYPES:
        make(kind, "n")
        write_to("f", b"f")
        os.makedirs("full/of")
        w.times(["n", "f", "."], renameat2, "n", "f", NOREPLACE)
        w.call(renameat2, "n", "n", NOREPLACE)
        w.call(renameat2, "n", "free", NOREPLACE)
        w.call(renameat2, "free", "gone", EXCHANGE)
        w.times(["."], renameat2, "free", "f", EXCHANGE)
        w.show("free"), w.show("f")
        w.call(renameat2, "f", "full", EXCHANGE)
        w.show("f"), w.show("full"), w.show("f/of")
        w.call(renameat2, "f", "f/of", EXCHANGE)
        w.call(renameat2, "f/of", "f", EXCHANGE)
        w.call(renameat2, "f", "full", NOREPLACE | EXCHANGE)
        for name in ("f/of", "f", "full", "free"):
            remove(name)


@case
def names_come_and_go_with_the_times_of_their_folder(w):
    for word, function in (("create", lambda: write_to("n", b"x")), ("mkdir", lambda: os.mkdir("n")),
                           ("mkfifo", lambda: os.mkfifo("n")), ("symlink", lambda: os.symlink("t", "n")),
                           ("socket", lambda: make("socket", "n"))):
        w.times(["."], function, said=word)
        w.times(["."], lambda: remove("n"), said="remove what " + word + " made")
    write_to("n", b"x")
    w.times([".", "n"], open_close, "n", CREATE)
    w.times([".", "n"], open_close, "n", os.O_WRONLY | os.O_TRUNC)
    w.times([".", "n"], write_to, "n", b"more", os.O_WRONLY)
    w.times([".", "n"], os.truncate, "n", 0)
    w.times([".", "n"], os.truncate, "n", 0)
    w.times([".", "n"], os.truncate, "n", 1000)
    w.times([".", "n"], os.truncate, "n", 1000)
    w.times([".", "n"], os.setxattr, "n", "user.a", b"1")
    w.times([".", "n"], os.removexattr, "n", "user.a")
    w.times([".", "n"], os.utime, "n", (5, 6))
    w.times([".", "n"], os.chown, "n", -1, -1)


if __name__ == "__main__":
    sys.exit(main())
