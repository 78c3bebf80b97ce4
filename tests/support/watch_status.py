#!/usr/bin/env python3
"""watch_status.py DRIVE NAME [SECONDS] [--known ID…]: reads status.json again and again until the batch NAME has ended.

Every reading must be whole JSON, its counts must add up, and none may go back. With a drive that goes away
(killed) it ends with status 3. Prints the last state of the batch as JSON. Exit status 0: ended; 1: a promise broken;
2: not ended in time.
"""
import json
import os
import sys
import time

FINAL = {"done", "done-with-errors", "failed", "cancelled"}
ORDER = ["receiving", "queued", "uploading", "processing", "FINAL"]
COUNTS = ["files_done", "files_failed", "files_skipped", "bytes_done"]
FIELDS = COUNTS + ["id", "name", "state", "files_total", "files_warned", "bytes_total", "current", "started_at",
                   "finished_at", "errors"]


class Broken(Exception):
    pass


def check(batch, before):
    missing = [field for field in FIELDS if field not in batch]
    if missing:
        raise Broken(f"fields missing: {missing}")
    ended = batch["files_done"] + batch["files_failed"] + batch["files_skipped"]
    if ended > batch["files_total"] or batch["bytes_done"] > batch["bytes_total"]:
        raise Broken(f"more ended than there is: {batch}")
    if batch["files_warned"] > batch["files_done"]:
        raise Broken(f"more warned than done: {batch}")
    if batch["state"] in ("done", "done-with-errors") and ended != batch["files_total"]:
        raise Broken(f"ended, and the counts do not add up: {batch}")
    if (batch["state"] == "done") and batch["files_failed"]:
        raise Broken(f"done with failures: {batch}")
    if before:
        back = [name for name in COUNTS + ["files_total", "files_warned"] if batch[name] < before[name]]
        # Until it is complete, a file that was seen may be renamed or removed by whoever drops.
        if batch["state"] == "receiving":
            back = [name for name in back if name != "files_total"]
        if back:
            raise Broken(f"went back: {back}: {before} → {batch}")
        stage = [ORDER.index("FINAL" if b["state"] in FINAL else b["state"]) for b in (before, batch)]
        if stage[1] < stage[0]:
            raise Broken(f"state went back: {before['state']} → {batch['state']}")


def check_drive(status):
    missing = [name for name in ("state", "store", "pending_uploads", "pending_bytes", "cache", "batches") if name not in status]
    if missing:
        raise Broken(f"fields missing: {missing}")


def main():
    arguments = sys.argv[1:]
    known = set()
    if "--known" in arguments:
        at = arguments.index("--known")
        known = set(arguments[at + 1:])
        arguments = arguments[:at]
    drive, name = arguments[:2]
    end = time.monotonic() + (float(arguments[2]) if len(arguments) > 2 else 120)
    before = {}
    readings = 0
    while time.monotonic() < end:
        try:
            with open(os.path.join(drive, ".cratedrive", "status.json")) as file:
                text = file.read()
        except OSError as error:
            print(f"the drive is gone: {error}")
            return 3
        status = json.loads(text)
        check_drive(status)
        readings += 1
        mine = [b for b in status["batches"] if b["name"] == name and b["id"] not in known]
        for batch in mine:
            check(batch, before.get(batch["id"]))
            before[batch["id"]] = batch
        if mine and all(batch["state"] in FINAL for batch in mine):
            print(json.dumps({"readings": readings, "batches": mine}, indent=1))
            return 0
        time.sleep(0.05)
    print("not ended in time; the last that was seen:", json.dumps(list(before.values()), indent=1))
    return 2


try:
    sys.exit(main())
except (Broken, ValueError) as broken:
    print(broken)
    sys.exit(1)
