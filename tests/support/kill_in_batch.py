"""kill_in_batch.py DRIVE NAME BEHIND PID: kills PID as soon as the batches of that name have BEHIND files behind them
(done, skipped or failed). Exit status 3 if they all ended before, 1 if nothing of that came within two minutes."""
import json
import os
import signal
import sys
import time

drive, name, wanted, pid = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
end = time.monotonic() + 120
while time.monotonic() < end:
    with open(drive + "/.cratedrive/status.json", encoding="utf-8") as file:
        mine = [b for b in json.load(file)["batches"] if b["name"] == name]
    if mine and all(b["state"] in ("done", "done-with-errors", "failed", "cancelled") for b in mine):
        sys.exit(3)
    if mine and sum(b["files_done"] + b["files_skipped"] + b["files_failed"] for b in mine) >= wanted:
        os.kill(pid, signal.SIGKILL)
        sys.exit(0)
    time.sleep(0.01)
sys.exit(1)
