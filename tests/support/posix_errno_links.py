"""Cases of posix_errno.py about hard links: counts, times, who may make them, and what they outlive."""
import os
import stat

from posix_twin import (EXCHANGE, NOBODY, NODES, NOREPLACE, OTHER, ROOT, case, make, read_from, remove, renameat2,
                        write_to)

LINKED = NODES + ("symlink",)


def link(old, new):
    os.link(old, new, follow_symlinks=False)


def clear(*names):
    for name in names:
        if os.path.lexists(name):
            remove(name)


@case
def a_link_counts_and_shows_what_its_file_is(w):
    os.mkdir("d")
    for kind in LINKED:
        make(kind, "n0", 0o644)
        w.times(["n0", "d"], link, "n0", "d/n1")
        w.show("n0"), w.show("d/n1")
        w.call(link, "d/n1", "n2")
        w.inode("n0", "d/n1", "n2")
        if kind != "symlink":
            w.times(["n0", "n2"], os.chmod, "d/n1", 0o200)
        if ROOT:
            w.times(["n0", "n2"], os.lchown, "d/n1", NOBODY, OTHER)
        w.show("n0"), w.show("d/n1"), w.show("n2")
        w.times(["d/n1", "n2", "."], os.unlink, "n0")
        w.show("n0"), w.show("d/n1"), w.show("n2")
        w.times(["d/n1", "d"], os.unlink, "n2")
        w.show("d/n1")
        w.call(os.unlink, "d/n1")
        w.show("d/n1")


@case
def links_fail_as_they_should(w):
    os.mkdir("d")
    for kind in LINKED:
        make(kind, "n")
        w.call(link, "n", "n")
        w.call(link, "n", "d")
        w.call(link, "d", "e")
        w.call(link, "missing", "e")
        w.call(link, "n", "missing/e")
        w.call(link, "n", "n/e")
        w.call(link, "n/e", "e")
        w.call(link, "n", "x" * 255)
        w.call(link, "n", "x" * 256)
        w.show("n")
        clear("n", "x" * 255)
    os.symlink("a", "b")
    os.symlink("b", "a")
    write_to("f", b"x")
    w.call(link, "a/n", "m")
    w.call(link, "f", "a/n")
    w.note(repr(sorted(os.listdir("."))))


@case
def renames_among_links(w):
    for flags in (0, NOREPLACE, EXCHANGE):
        for kind in LINKED:
            make(kind, "a")
            link("a", "b")
            make(kind, "c")
            w.call(renameat2, "a", "b", flags)
            w.show("a"), w.show("b")
            w.call(renameat2, "c", "a", flags)
            w.show("a"), w.show("b"), w.show("c")
            w.call(renameat2, "b", "c", flags)
            w.show("a"), w.show("b"), w.show("c")
            w.inode("a", "b", "c")
            clear("a", "b", "c")


@case
def bytes_are_the_same_under_every_name(w):
    os.mkdir("d")
    write_to("a", b"first")
    link("a", "d/b")
    w.times(["a", "d/b"], write_to, "d/b", b"second, longer")
    w.call(read_from, "a")
    w.times(["a"], os.truncate, "d/b", 3)
    w.call(read_from, "a")
    w.call(os.setxattr, "a", "user.word", b"v")
    w.call(os.getxattr, "d/b", "user.word")
    fd = os.open("a", os.O_RDWR)
    os.rename("d", "e")
    os.unlink("a")
    w.call(os.pwrite, fd, b"THIRD", 1, said="pwrite")
    w.call(lambda: os.fstat(fd).st_nlink, said="links of the open file")
    w.call(read_from, "e/b")
    os.unlink("e/b")
    w.call(lambda: os.fstat(fd).st_nlink, said="links of the open file")
    w.call(lambda: os.pread(fd, 100, 0), said="pread")
    w.call(lambda: stat.S_ISREG(os.fstat(fd).st_mode), said="is a file")
    os.close(fd)


if ROOT:
    @case
    def links_need_leave_in_both_folders(w):
        for name in ("from", "to"):
            os.mkdir(name)
            os.chown(name, NOBODY, NOBODY)
        write_to("from/f", b"x")
        os.chown("from/f", NOBODY, NOBODY)
        for mode in (0o755, 0o555, 0o644, 0o311, 0o1777):
            for folder, other in (("from", "to"), ("to", "from")):
                os.chmod(folder, mode)
                os.chmod(other, 0o755)
                for user in ((NOBODY, NOBODY), (OTHER, OTHER)):
                    w.call(link, "from/f", "to/g", user=user)
                    w.show("from/f")
                    w.call(os.unlink, "to/g", user=user)
                    clear("to/g")
