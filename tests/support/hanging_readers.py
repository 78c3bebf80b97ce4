#!/usr/bin/env python3
"""hanging_readers.py COUNT READY DONE FILE ORIGINAL: COUNT threads, each with a place of its own in FILE that it opens and reads
again and again; an error (the store is stalled, and the read's deadline passed) means to begin again.

READY appears when all have begun. After DONE appeared each ends with the first read that succeeds. Status 1 if one of them ever
got other bytes than ORIGINAL has there, or was told that there is no such file."""
import os
import sys
import threading

COUNT, READY, DONE, FILE, ORIGINAL = int(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4], sys.argv[5]
LENGTH = 16 << 10
STRIDE = os.path.getsize(ORIGINAL) // COUNT
begun = threading.Semaphore(0)
lock = threading.Lock()
right = wrong = missing = 0


def read_once(place):
    descriptor = os.open(FILE, os.O_RDONLY)
    try:
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_RANDOM)
        return os.pread(descriptor, LENGTH, place)
    finally:
        os.close(descriptor)


def reader(number):
    global right, wrong, missing
    place = number * STRIDE // 4096 * 4096
    with open(ORIGINAL, "rb") as file:
        expected = os.pread(file.fileno(), LENGTH, place)
    begun.release()
    while True:
        last = os.path.exists(DONE)
        try:
            good = read_once(place) == expected
            with lock:
                right += good
                wrong += not good
            if last or not good:
                return
        except FileNotFoundError:
            with lock:
                missing += 1
            return
        except OSError:
            pass


threading.stack_size(128 << 10)
threads = [threading.Thread(target=reader, args=(number,)) for number in range(COUNT)]
for thread in threads:
    thread.start()
for _ in threads:
    begun.acquire()
open(READY, "w").close()
for thread in threads:
    thread.join()
print(f"{right} right, {wrong} wrong, {missing} missing")
sys.exit(0 if wrong == 0 and missing == 0 and right >= COUNT else 1)
