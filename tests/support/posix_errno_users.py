"""Who may do what: modes, owners, sticky and setgid bits, times.  Needs root, and a drive that others may enter."""
import os
import stat

from posix_twin import (AT_SYMLINK_NOFOLLOW, EXCHANGE, NOBODY, NODES, OTHER, TYPES, UTIME_NOW, UTIME_OMIT, case, make,
                        open_close, read_from, remove, renameat2, utimensat, write_to)

USERS = (None, (NOBODY, NOBODY), (NOBODY, OTHER), (OTHER, OTHER), (OTHER, OTHER, NOBODY))
CREATE = os.O_CREAT | os.O_WRONLY


@case
def folders_let_in_whom_their_mode_says(w):
    os.mkdir("d")
    os.chown("d", NOBODY, NOBODY)
    for mode in (0o755, 0o700, 0o500, 0o300, 0o070, 0o050, 0o007, 0o005, 0o001, 0o000):
        for user in USERS[1:]:
            os.chmod("d", 0o755)
            write_to("d/f", b"x")
            os.chmod("d/f", 0o666)
            os.chmod("d", mode)
            for function, arguments in ((os.listdir, ("d",)), (read_from, ("d/f",)), (open_close, ("d/g", CREATE)),
                                        (os.unlink, ("d/g",)), (os.mkdir, ("d/s",)), (os.rmdir, ("d/s",)),
                                        (os.symlink, ("t", "d/l")), (os.unlink, ("d/l",)), (os.mkfifo, ("d/p",)),
                                        (os.rename, ("d/p", "d/q")), (os.unlink, ("d/q",)), (make, ("socket", "d/k")),
                                        (os.unlink, ("d/k",)), (os.chmod, ("d/f", 0o600)), (os.truncate, ("d/f", 0))):
                w.call(function, *arguments, user=user, said=f"{mode:o} {function.__name__}")


@case
def files_open_for_whom_their_mode_says(w):
    for kind in ("regular", "fifo", "dir"):
        for mode in (0o777, 0o400, 0o200, 0o100, 0o040, 0o020, 0o060, 0o004, 0o002, 0o006, 0o000):
            make(kind, "n", mode)
            os.chown("n", NOBODY, NOBODY)
            for user in USERS[1:]:
                for flags in (os.O_RDONLY, os.O_WRONLY, os.O_RDWR, os.O_RDONLY | os.O_TRUNC, os.O_WRONLY | os.O_TRUNC):
                    w.call(open_close, "n", flags | os.O_NONBLOCK, user=user, said=f"{kind} {mode:o} open {flags:o}")
                w.call(os.truncate, "n", 3, user=user)
                w.call(os.access, "n", os.R_OK | os.X_OK, user=user)
            os.chmod("n", 0o700)
            remove("n")


@case
def chmod_is_the_owners(w):
    for kind in NODES + ("dir",):
        make(kind, "n")
        for owner, group in ((NOBODY, NOBODY), (NOBODY, OTHER), (OTHER, NOBODY)):
            for user in USERS:
                os.chmod("n", 0o640)
                os.chown("n", owner, group)
                for mode in (0o642, 0o6755, 0o2755, 0o1755, 0o2745):
                    w.times(["n"], os.chmod, "n", mode, user=user)
                    w.show("n")
        remove("n")
    os.mkdir("d", 0o755)
    make("regular", "d/f")
    os.symlink("d/f", "l")
    w.call(os.chmod, "l", 0o600)
    w.show("l"), w.show("d/f")


@case
def chown_is_roots_and_clears_the_set_bits(w):
    for kind in NODES + ("dir",):
        make(kind, "n")
        for user in USERS:
            for mode in (0o6555, 0o2555, 0o6777):
                for uid, gid in ((-1, -1), (OTHER, OTHER), (NOBODY, -1), (-1, OTHER), (-1, NOBODY), (NOBODY, OTHER)):
                    os.chown("n", NOBODY, NOBODY)
                    os.chmod("n", mode)
                    w.times(["n"], os.chown, "n", uid, gid, user=user)
                    w.show("n")
        remove("n")
    os.symlink("nowhere", "l")
    w.call(os.chown, "l", 1, 2)
    w.times(["l"], os.lchown, "l", 1, 2)
    w.show("l")
    w.call(os.lchown, "l", 3, 4, user=(NOBODY, NOBODY))


@case
def writing_by_others_clears_the_set_bits(w):
    for user in USERS[:3]:
        # Not 2767: setgid without group execution means mandatory locks, and FUSE in the kernel keeps it.
        for mode in (0o6777, 0o2777, 0o4766):
            for word, function in (("write", lambda: write_to("f", b"x", os.O_WRONLY)),
                                   ("append", lambda: write_to("f", b"x", os.O_WRONLY | os.O_APPEND)),
                                   ("truncate", lambda: os.truncate("f", 1)), ("open", lambda: open_close("f", os.O_RDWR)),
                                   ("O_TRUNC", lambda: open_close("f", os.O_WRONLY | os.O_TRUNC))):
                write_to("f", b"before")
                os.chown("f", NOBODY, NOBODY)
                os.chmod("f", mode)
                w.call(function, user=user, said=f"{word} {mode:o}")
                w.show("f")
                remove("f")


@case
def new_names_belong_to_who_makes_them(w):
    os.mkdir("d")
    for owner, mode in ((NOBODY, 0o755), (OTHER, 0o777), (OTHER, 0o2777), (NOBODY, 0o2775), (0, 0o3777)):
        os.chown("d", owner, OTHER)
        os.chmod("d", mode)
        for user in USERS[:4]:
            for kind in TYPES:
                w.call(make, kind, "d/n", user=user)
                w.show("d/n")
                if os.path.lexists("d/n"):
                    remove("d/n")
            for kind, function in (("create", lambda: open_close("d/n", CREATE, 0o2775)), ("mkdir", lambda: os.mkdir("d/n", 0o2775))):
                w.call(function, user=user, said=f"{kind} 2775 in {mode:o}")
                w.show("d/n")
                if os.path.lexists("d/n"):
                    remove("d/n")


@case
def a_sticky_folder_keeps_names_for_their_owners(w):
    os.mkdir("d")
    os.mkdir("free")
    os.chmod("free", 0o777)
    for owner in (NOBODY, OTHER, 0):
        os.chown("d", owner, owner)
        os.chmod("d", 0o1777)
        for kind in TYPES:
            for file_owner in (NOBODY, OTHER, 0):
                for user in USERS[1:4:2]:
                    make(kind, "d/n")
                    os.lchown("d/n", file_owner, file_owner)
                    w.call(os.rename, "d/n", "d/m", user=user, said=f"rename {kind} of {file_owner} in {owner}")
                    w.call(os.rename, "d/n", "free/m", user=user)
                    for name in ("d/m", "free/m"):
                        if os.path.lexists(name):
                            os.rename(name, "d/n")
                    make(kind, "free/o")
                    os.lchown("free/o", user[0], user[0])
                    w.call(os.rename, "free/o", "d/n", user=user, said="over it")
                    if os.path.lexists("free/o"):
                        w.call(renameat2, "free/o", "d/n", EXCHANGE, user=user)
                        remove("free/o")
                    w.call(remove, "d/n", user=user)
                    if os.path.lexists("d/n"):
                        remove("d/n")


@case
def moving_a_folder_of_others_takes_write_permission(w):
    for owner in (NOBODY, OTHER):
        for mode in (0o755, 0o555, 0o777):
            for user in USERS[1:4]:
                for name in ("a", "b"):
                    os.mkdir(name)
                    os.chmod(name, 0o777)
                os.mkdir("a/d")
                os.chown("a/d", owner, owner)
                os.chmod("a/d", mode)
                w.call(os.rename, "a/d", "a/e", user=user, said=f"rename beside {owner} {mode:o}")
                w.call(os.rename, "a/d", "b/d", user=user, said="rename away")
                for name in ("a/d", "a/e", "b/d"):
                    if os.path.lexists(name):
                        remove(name)
                os.rmdir("a"), os.rmdir("b")


@case
def utimensat_sets_what_it_is_told(w):
    def stamps(name):
        found = os.lstat(name)
        return f"{found.st_atime_ns} {found.st_mtime_ns}"
    for kind in TYPES:
        make(kind, "n")
        for atime, mtime in (((1, 2), (3, 4)), ((1900000000, 999999999), (1800000000, 1)), ((-5, 500000000), (-1, 999999999)),
                             ((0, UTIME_OMIT), (7, 8)), ((9, 10), (0, UTIME_OMIT)), ((0, UTIME_OMIT), (0, UTIME_OMIT)),
                             ((1 << 32, 0), ((1 << 31) + 5, 6))):
            w.times(["n", "."], utimensat, "n", atime, mtime, AT_SYMLINK_NOFOLLOW)
            w.call(stamps, "n")
        for atime, mtime in (((0, 0), (0, UTIME_NOW)), ((0, UTIME_NOW), (0, 0))):
            before = os.lstat("n")
            w.call(utimensat, "n", atime, mtime, AT_SYMLINK_NOFOLLOW)
            after = os.lstat("n")
            w.note(f"{after.st_atime_ns > before.st_atime_ns} {after.st_mtime_ns > before.st_mtime_ns} {after.st_mtime_ns == 0}")
        w.call(utimensat, "n", (0, 1000000000), (0, 0), AT_SYMLINK_NOFOLLOW)
        w.call(utimensat, "n", (0, -1), (0, 0), AT_SYMLINK_NOFOLLOW)
        remove("n")
    os.symlink("nowhere", "l")
    w.call(utimensat, "l", (1, 1), (1, 1))


@case
def utimensat_asks_who_it_is(w):
    for mode in (0o644, 0o666, 0o444, 0o000):
        for user in USERS:
            make("regular", "n", mode)
            os.chown("n", NOBODY, NOBODY)
            for atime, mtime in (((0, UTIME_NOW), (0, UTIME_NOW)), ((1, 2), (3, 4)), ((0, UTIME_OMIT), (0, UTIME_NOW)),
                                 ((0, UTIME_NOW), (0, UTIME_OMIT)), ((0, UTIME_OMIT), (0, UTIME_OMIT)), ((0, UTIME_OMIT), (5, 5))):
                w.call(utimensat, "n", atime, mtime, user=user, said=f"{mode:o} {atime} {mtime}")
            remove("n")


@case
def device_nodes_are_roots(w):
    os.mkdir("d")
    os.chmod("d", 0o777)
    for kind in NODES:
        w.call(make, kind, "d/n", user=(NOBODY, NOBODY))
        w.show("d/n")
        if os.path.lexists("d/n"):
            remove("d/n")


@case
def links_on_the_way_are_followed_as_the_mode_says(w):
    os.makedirs("private/in")
    write_to("private/in/f", b"x")
    os.chmod("private", 0o700)
    os.symlink("private/in", "l")
    w.call(os.listdir, "l", user=(NOBODY, NOBODY))
    w.call(read_from, "l/f", user=(NOBODY, NOBODY))
    w.call(os.readlink, "l", user=(NOBODY, NOBODY))
    os.chmod("private", 0o711)
    w.call(read_from, "l/f", user=(NOBODY, NOBODY))


@case
def set_bits_survive_what_does_not_change_the_file(w):
    for kind in ("regular", "dir"):
        make(kind, "n", 0o6755)
        os.chown("n", NOBODY, NOBODY)
        os.chmod("n", 0o6755)
        w.call(os.utime, "n", (1, 1), user=(NOBODY, NOBODY))
        w.call(os.rename, "n", "m")
        w.call(stat.filemode, os.lstat("m").st_mode)
        remove("m")
