"""kill_when_pending.py DRIVE PID SECONDS LOG COUNT: after that time kills PID as soon as LOG has more than COUNT bytes
(one for each acknowledged operation) and the drive says that the bucket lacks something. Exit status 1 if that is not
so within half a minute (nothing is killed then), 2 if it died before."""
import json
import os
import signal
import sys
import time

drive, pid, seconds, log, count = sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), sys.argv[4], int(sys.argv[5])


def acknowledged():
    return os.stat(log).st_size if os.path.exists(log) else 0


time.sleep(seconds)
end = time.monotonic() + 30
while time.monotonic() < end:
    try:
        with open(drive + "/.cratedrive/status.json", encoding="utf-8") as file:
            pending = json.load(file)["pending_uploads"]
    except OSError:
        sys.exit(2)
    if pending > 0 and acknowledged() > count:
        os.kill(pid, signal.SIGKILL)
        sys.exit(0)
    time.sleep(0.005)
sys.exit(1)
