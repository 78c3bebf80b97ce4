#!/usr/bin/env python3
"""check_locks.py BUILD: clang's thread-safety analysis over src/, from compile_commands.json.

Only this analysis: warnings in general are the compiler's business during the build. Sources are read that lock
something, or whose room has guarded members in a header that they include. Exit status 1 if a member is touched
without its lock.
"""
import concurrent.futures
import json
import os
import re
import shlex
import shutil
import subprocess
import sys


def command_for(entry):
    words = shlex.split(entry["command"])
    while words and not words[0].startswith("-"):
        words.pop(0)  # the launcher and the compiler
    kept = []
    skip = False
    for word in words:
        if skip:
            skip = False
        elif word == "-o":
            skip = True
        elif word.startswith(("-I", "-D", "-std")):
            kept.append(word)
        elif word == "-isystem":
            kept.append(word)
        elif kept and kept[-1] == "-isystem":
            kept.append(word)
    checks = ["-fsyntax-only", "-Wno-everything", "-Wthread-safety", "-Werror"]
    return ["clang++", *kept, *checks, entry["file"]]


INCLUDE = re.compile(r'^#include "([a-z]+/[^"]+)"', re.MULTILINE)


def text_of(path):
    try:
        with open(path) as file:
            return file.read()
    except OSError:
        return ""


def concerns_locks(path):
    text = text_of(path)
    if "MutexLock" in text or "CD_GUARDED_BY" in text or "CD_REQUIRES" in text:
        return True
    source = path[:path.index("/src/") + 5]
    room = path[len(source):].split("/")[0]
    mine = [name for name in INCLUDE.findall(text) if name.startswith(room + "/")]
    return any("CD_GUARDED_BY" in text_of(source + name) for name in mine)


def check(entry):
    done = subprocess.run(command_for(entry), cwd=entry["directory"], capture_output=True, text=True)
    return entry["file"], done.returncode, done.stderr


def main():
    if not shutil.which("clang++"):
        sys.exit("clang++ is missing (package clang)")
    with open(os.path.join(sys.argv[1], "compile_commands.json")) as file:
        entries = [entry for entry in json.load(file) if "/src/" in entry["file"] and concerns_locks(entry["file"])]
    failed = 0
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for name, status, errors in pool.map(check, entries):
            if status != 0:
                failed += 1
                print(name, errors, sep="\n")
    print(f"locks: {len(entries)} files read, {failed} with errors")
    sys.exit(1 if failed or not entries else 0)


main()
