#!/usr/bin/env python3
"""account.py SOURCE DRIVE BUCKET NAME: where is every file of the folder SOURCE that was dropped as inbox/NAME?

DRIVE is the mounted drive after its batches have ended, BUCKET a copy of the bucket as files. Checked: each file is
done or skipped in items.csv; what is done is in the bucket byte for byte; what is skipped names a twin with the same
bytes; no content is stored twice; nothing is in the bucket that was not dropped; each decodable sample has labels,
everything else a reason; the inbox is empty. Prints the counts; exit status 1 with the differences.
"""
import csv
import hashlib
import json
import os
import sys

LABELS = ("duration", "kind", "lufs", "bpm", "key")
ENDED = ("done", "skipped")


def files_of(root):
    found = {}
    for folder, _, names in os.walk(root):
        for name in names:
            path = os.path.join(folder, name)
            found[os.path.relpath(path, root)] = path
    return found


def digest(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def is_audio(path):
    """By content, and not by our own program: a known magic number, and no WAV that calls itself .ogg (no decoder
    opens those)."""
    with open(path, "rb") as file:
        head = file.read(12)
    if head[:4] == b"RIFF" and head[8:] == b"WAVE":
        return not path.endswith(".ogg")
    return head[:4] in (b"OggS", b"fLaC") or (head[:4] == b"FORM" and head[8:] in (b"AIFF", b"AIFC"))


def items_of(drive, name):
    """The last word on each path over all batches of that name, oldest batch first."""
    root = os.path.join(drive, ".cratedrive", "batches")
    rows = {}
    for batch in sorted(os.listdir(root)):
        with open(os.path.join(root, batch, "status.json")) as file:
            if json.load(file)["name"] != name:
                continue
        with open(os.path.join(root, batch, "items.csv"), newline="") as file:
            for row in csv.DictReader(file):
                before = rows.get(row["path"])
                if not (before and before["state"] == "done"):  # a later batch may skip what is done
                    rows[row["path"]] = row
    return rows


def labelled(path):
    for label in LABELS:
        try:
            if os.getxattr(path, "user.cratedrive." + label):
                return True
        except OSError:
            continue
    return False


def main():
    source_root, drive, bucket_root, name = sys.argv[1:5]
    source = {path: digest(full) for path, full in files_of(source_root).items()}
    bucket = {path: digest(full) for path, full in files_of(bucket_root).items()
              if not path.startswith(".cratedrive/") and not path.endswith("/")}
    rows = items_of(drive, name)
    wrong = []

    def expect(truth, text):
        if not truth:
            wrong.append(text)

    expect(rows.keys() == source.keys(),
           f"items and source differ: {sorted(rows.keys() ^ source.keys())[:10]}")
    used = set()
    counts = {"files": len(source), "done": 0, "skipped": 0, "labelled": 0, "with a reason": 0}
    for path, row in sorted(rows.items()):
        if path not in source:
            continue
        expect(row["state"] in ENDED, f"{path}: {row['state']} {row.get('error', '')}")
        if row["state"] not in ENDED:
            continue
        counts[row["state"]] += 1
        place = row["destination"] if row["state"] == "done" else row["twin"]
        expect(bucket.get(place) == source[path], f"{path}: {row['state']} as {place!r}, which is "
               + ("other bytes" if place in bucket else "not in the bucket"))
        if row["state"] != "done":
            continue
        used.add(place)
        has_labels = labelled(os.path.join(drive, place))
        counts["labelled"] += has_labels
        counts["with a reason"] += bool(row["warning"])
        if is_audio(os.path.join(source_root, path)):
            expect(has_labels, f"{path}: a sample without labels ({row['warning']})")
        else:
            expect(row["warning"], f"{path}: no sample, and no reason given")
    expect(set(source.values()) <= set(bucket.values()), "some content is not in the bucket")
    expect(set(bucket) == used, f"in the bucket and not from here: {sorted(set(bucket) - used)[:10]}")
    expect(len(set(bucket.values())) == len(bucket), "some content is stored twice")
    left = [entry for entry in os.listdir(os.path.join(drive, "inbox")) if entry != "STATUS.txt"]
    expect(not left, f"left in the inbox: {left}")
    print(", ".join(f"{count} {what}" for what, count in counts.items()))
    print("\n".join(wrong[:20]))
    sys.exit(1 if wrong or not source else 0)


main()
