#!/usr/bin/env python3
"""many_files.py make DIR COUNT         COUNT small files, each with its number
many_files.py check DIR COUNT [STEP]   they are there, no others, and every STEP-th holds its number
many_files.py descriptors DIR COUNT    holds up to COUNT files open, half of them for writing; prints how many it could; what was
                                       written and closed is checked. Status 1 for an error other than these of a lack of
                                       descriptors, here or in the daemon: EMFILE, ENFILE"""
import errno
import os
import sys

REFUSED = (errno.EMFILE, errno.ENFILE)
verb, folder, count = sys.argv[1], sys.argv[2], int(sys.argv[3])


def name_of(number):
    return f"{folder}/{number:06d}"


def make():
    for number in range(count):
        with open(name_of(number), "w") as file:
            file.write(str(number))


def check(step):
    names = os.listdir(folder)
    assert len(names) == count, f"{len(names)} entries"
    assert sorted(names) == [f"{number:06d}" for number in range(count)], "other names"
    for number in range(0, count, step):
        with open(name_of(number)) as file:
            assert file.read() == str(number), name_of(number)


def descriptors():
    held, refused = [], 0
    for number in range(count):
        try:
            writes = number % 2 == 0
            held.append((number, writes, os.open(name_of(number), os.O_RDWR if writes else os.O_RDONLY)))
            if writes:
                assert os.pwrite(held[-1][2], b"x" * 10, 0) == 10
            else:
                assert os.pread(held[-1][2], 10, 0) == str(number).encode()
        except OSError as error:
            assert error.errno in REFUSED, f"{name_of(number)}: {error}"
            refused += 1
    closed = []
    for number, writes, descriptor in held:
        try:
            os.close(descriptor)
            if writes:
                closed.append(number)
        except OSError as error:
            assert error.errno in REFUSED, f"close {name_of(number)}: {error}"
    for number in closed:
        with open(name_of(number)) as file:
            text = file.read()
            assert text in ("x" * 10, str(number)), f"{name_of(number)}: {text}"
    print(f"{len(held)} held, {refused} refused")


if verb == "make":
    make()
elif verb == "check":
    check(int(sys.argv[4]) if len(sys.argv) > 4 else 1)
else:
    descriptors()
