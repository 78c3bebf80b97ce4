#!/usr/bin/env python3
"""posix_ops.py DIR CASE: one thing that programs do with files, done in DIR and checked.  --list names the cases."""
import errno
import fcntl
import mmap
import os
import random
import stat
import sys

CASES = {}


def case(function):
    CASES[function.__name__] = function
    return function


def read(path):
    with open(path, "rb") as file:
        return file.read()


def write(path, data):
    with open(path, "wb") as file:
        file.write(data)


def fails_with(code, function, *arguments):
    try:
        function(*arguments)
    except OSError as error:
        assert error.errno == code, f"{errno.errorcode.get(error.errno)} instead of {errno.errorcode[code]}"
        return
    raise AssertionError(f"should have failed with {errno.errorcode[code]}")


@case
def writes_at_any_offset_read_back():
    dice = random.Random(1)
    model = bytearray()
    with open("f", "wb+", buffering=0) as file:
        for _ in range(300):
            at, data = dice.randrange(200_000), dice.randbytes(dice.randrange(1, 9000))
            os.pwrite(file.fileno(), data, at)
            if len(model) < at + len(data):
                model.extend(bytes(at + len(data) - len(model)))
            model[at:at + len(data)] = data
            if dice.random() < 0.1:
                size = dice.randrange(200_000)
                os.ftruncate(file.fileno(), size)
                del model[size:]
                model.extend(bytes(size - len(model)))
            at = dice.randrange(200_000)
            assert os.pread(file.fileno(), 5000, at) == bytes(model[at:at + 5000])
        assert os.fstat(file.fileno()).st_size == len(model)
    assert read("f") == bytes(model)


@case
def append_goes_to_the_end():
    write("f", b"one\n")
    for word in (b"two\n", b"three\n"):
        with open("f", "ab") as file:
            file.write(word)
    assert read("f") == b"one\ntwo\nthree\n"


@case
def truncate_shrinks_and_grows_with_zeros():
    write("f", b"0123456789")
    os.truncate("f", 4)
    assert read("f") == b"0123"
    os.truncate("f", 8)
    assert read("f") == b"0123\0\0\0\0"
    assert os.stat("f").st_size == 8
    with open("f", "wb"):
        pass
    assert os.stat("f").st_size == 0


@case
def a_sparse_file_reads_as_zeros_between():
    with open("f", "wb") as file:
        file.seek(50 << 20)
        file.write(b"end")
    assert os.stat("f").st_size == (50 << 20) + 3
    with open("f", "rb") as file:
        assert file.read(1 << 20) == bytes(1 << 20)
        file.seek(50 << 20)
        assert file.read() == b"end"


@case
def a_shared_mapping_writes_the_file():
    write("f", bytes(100_000))
    with open("f", "r+b") as file:
        with mmap.mmap(file.fileno(), 0) as view:
            view[70_000:70_005] = b"hello"
            view.flush()
    data = read("f")
    assert data[70_000:70_005] == b"hello" and len(data) == 100_000


@case
def o_excl_refuses_what_is_there():
    write("f", b"x")
    fails_with(errno.EEXIST, os.open, "f", os.O_CREAT | os.O_EXCL | os.O_WRONLY)


@case
def rename_moves_and_replaces():
    write("a", b"new")
    write("b", b"old")
    os.rename("a", "b")
    assert read("b") == b"new" and not os.path.exists("a")
    os.mkdir("d")
    os.rename("b", "d/c")
    assert read("d/c") == b"new"


@case
def rename_of_a_folder_takes_everything_along():
    os.makedirs("old/in/side")
    for i in range(20):
        write(f"old/in/side/{i}", b"%d" % i)
    os.rename("old", "new")
    assert sorted(os.listdir("new/in/side"), key=int) == [str(i) for i in range(20)]
    assert read("new/in/side/7") == b"7" and not os.path.exists("old")


@case
def rename_says_what_is_wrong():
    os.makedirs("full/x")
    os.mkdir("empty")
    write("f", b"")
    fails_with(errno.ENOTEMPTY, os.rename, "empty", "full")
    fails_with(errno.ENOTDIR, os.rename, "empty", "f")
    fails_with(errno.EISDIR, os.rename, "f", "empty")
    fails_with(errno.EINVAL, os.rename, "full", "full/x/y")
    fails_with(errno.ENOENT, os.rename, "nothing", "f")


@case
def an_open_file_survives_its_unlink():
    with open("f", "wb+") as file:
        file.write(b"before")
        file.flush()
        os.unlink("f")
        assert not os.path.exists("f")
        file.write(b" after")
        file.flush()
        file.seek(0)
        assert file.read() == b"before after"
    assert os.listdir(".") == []


@case
def a_new_file_may_take_the_name_of_an_unlinked_open_one():
    with open("f", "wb+") as old:
        old.write(b"old")
        old.flush()
        os.unlink("f")
        write("f", b"new")
        old.seek(0)
        assert old.read() == b"old"
    assert read("f") == b"new"


@case
def folders_are_made_listed_and_removed():
    os.mkdir("d")
    fails_with(errno.EEXIST, os.mkdir, "d")
    write("d/f", b"")
    fails_with(errno.ENOTEMPTY, os.rmdir, "d")
    fails_with(errno.EISDIR, os.unlink, "d")
    fails_with(errno.ENOTDIR, os.rmdir, "d/f")
    os.unlink("d/f")
    os.rmdir("d")
    fails_with(errno.ENOENT, os.rmdir, "d")


@case
def a_folder_lists_two_thousand_entries():
    os.mkdir("d")
    for i in range(2000):
        os.close(os.open(f"d/{i:05}", os.O_CREAT | os.O_WRONLY))
    assert sorted(os.listdir("d")) == [f"{i:05}" for i in range(2000)]


@case
def symlinks_point_where_they_were_told():
    os.symlink("target/with spaces", "l")
    assert os.readlink("l") == "target/with spaces"
    assert stat.S_ISLNK(os.lstat("l").st_mode)
    fails_with(errno.ENOENT, open, "l")
    write("t", b"through")
    os.symlink("t", "l2")
    assert read("l2") == b"through"


@case
def modes_and_times_are_kept():
    write("f", b"x")
    os.chmod("f", 0o640)
    os.utime("f", ns=(1_600_000_000_123_456_789, 1_500_000_000_987_654_321))
    found = os.stat("f")
    assert stat.S_IMODE(found.st_mode) == 0o640
    assert found.st_mtime_ns == 1_500_000_000_987_654_321, found.st_mtime_ns


@case
def extended_attributes_are_kept():
    write("f", b"x")
    os.setxattr("f", "user.colour", b"dark \xc3\xa9")
    assert os.getxattr("f", "user.colour") == b"dark \xc3\xa9"
    assert "user.colour" in os.listxattr("f")
    fails_with(errno.EEXIST, os.setxattr, "f", "user.colour", b"", os.XATTR_CREATE)
    os.removexattr("f", "user.colour")
    fails_with(errno.ENODATA, os.getxattr, "f", "user.colour")


@case
def hard_links_are_names_of_one_file():
    write("f", b"x")
    os.link("f", "g")
    assert os.stat("f").st_ino == os.stat("g").st_ino and os.stat("f").st_nlink == 2
    write("g", b"longer")
    assert read("f") == b"longer"
    os.chmod("f", 0o600)
    assert stat.S_IMODE(os.stat("g").st_mode) == 0o600
    with open("f", "rb") as opened:
        os.unlink("f")
        assert os.fstat(opened.fileno()).st_nlink == 1
        assert opened.read() == b"longer"
    assert read("g") == b"longer" and os.stat("g").st_nlink == 1
    os.mkdir("d")
    fails_with(errno.EPERM, os.link, "d", "e")
    fails_with(errno.EEXIST, os.link, "g", "d")
    fails_with(errno.ENOENT, os.link, "none", "h")
    os.link("g", "d/h")
    os.rename("g", "d/h")  # two names of one file: nothing happens
    assert os.path.exists("g") and os.stat("d/h").st_nlink == 2


@case
def locks_hold_between_handles():
    write("f", b"x")
    with open("f", "rb+") as one, open("f", "rb+") as two:
        fcntl.flock(one, fcntl.LOCK_EX)
        fails_with(errno.EWOULDBLOCK, fcntl.flock, two, fcntl.LOCK_EX | fcntl.LOCK_NB)
        fcntl.flock(one, fcntl.LOCK_UN)
        fcntl.flock(two, fcntl.LOCK_EX | fcntl.LOCK_NB)


@case
def names_with_any_bytes_but_slash_work():
    for name in ("with space", "ümläut", "日本", "quote'\"", "-dash", "a" * 255, "per%cent", "plus+and&", "hash#?", "\\"):
        write(name, name.encode())
        assert read(name) == name.encode()
        assert name in os.listdir(".")
    fails_with(errno.ENAMETOOLONG, write, "a" * 256, b"")


@case
def a_daw_saves_by_write_sync_rename():
    write("song", b"version 1")
    for version in range(2, 6):
        with open("song.tmp", "wb") as file:
            file.write(b"version %d" % version)
            file.flush()
            os.fsync(file.fileno())
        os.rename("song.tmp", "song")
        assert read("song") == b"version %d" % version
    assert os.listdir(".") == ["song"]


@case
def the_file_system_says_how_much_room_there_is():
    found = os.statvfs(".")
    assert found.f_blocks > 0 and found.f_namemax == 255


def main():
    if sys.argv[1:] == ["--list"]:
        print("\n".join(CASES))
        return
    os.makedirs(sys.argv[1])
    os.chdir(sys.argv[1])
    CASES[sys.argv[2]]()


main()
