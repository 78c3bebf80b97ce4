#!/usr/bin/env python3
"""copier.py SOURCE TARGET LOG: copies a folder file by file, and notes each in LOG once close() has said yes.

What LOG has already is not copied again. Stops with status 1 at the first error (the drive died), so LOG holds exactly
what was acknowledged.
"""
import os
import sys


def main():
    source, target, log = sys.argv[1:4]
    try:
        with open(log) as file:
            known = set(file.read().splitlines())
    except FileNotFoundError:
        known = set()
    with open(log, "a") as notes:
        for folder, folders, names in os.walk(source):
            folders.sort()
            for name in sorted(names):
                path = os.path.relpath(os.path.join(folder, name), source)
                if path in known:
                    continue
                with open(os.path.join(source, path), "rb") as file:
                    data = file.read()
                place = os.path.join(target, path)
                try:
                    os.makedirs(os.path.dirname(place), exist_ok=True)
                    out = os.open(place, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o644)
                    try:
                        while data:
                            data = data[os.write(out, data):]
                    finally:
                        os.close(out)
                except OSError as error:
                    print(f"{path}: {error}")
                    sys.exit(1)
                notes.write(path + "\n")
                notes.flush()


main()
