"""What is measured: this drive and its peers, each a folder with caches of its own below `work`."""
import json
import os
import re
import shutil
import subprocess
import time

from mount.server import clean_environment

EXAMPLES = "/usr/share/doc/libfuse3-dev/examples"


def cpu_of(pid):
    fields = open(f"/proc/{pid}/stat", encoding="utf-8").read().rsplit(") ", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def peak_of(pid):
    return int(re.search(r"VmHWM:\s+(\d+) kB", open(f"/proc/{pid}/status", encoding="utf-8").read()).group(1)) / 1024


def process_with(program, word):
    """The pid of a program that has this word among its arguments."""
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            words = open(f"/proc/{name}/cmdline", "rb").read().split(b"\0")
        except OSError:
            continue
        if os.path.basename(words[0]).decode() == program and word.encode() in words:
            return int(name)
    raise SystemExit(f"bench: no {program} serves {word}")


def set_aside(folder):
    """Removed when all is over: where ext4 has no journal, who creates files within minutes of a removal pays for it."""
    if os.path.isdir(folder):
        os.rename(folder, f"{folder}.{time.monotonic_ns()}.old")


class System:
    """A folder. `remote`: what is in it comes from a bucket."""
    name = "?"
    program = None
    remote = False

    def __init__(self, work, server=None, endpoint=None, bucket=None):
        self.work, self.server, self.endpoint, self.bucket = os.path.join(work, self.name), server, endpoint, bucket
        self.root = os.path.join(self.work, "drive")
        self.pid = None
        self.spent, self.peak = 0.0, 0.0
        os.makedirs(self.root, exist_ok=True)

    def mount(self):
        self.start()
        end = time.monotonic() + 30
        while self.program and not os.path.ismount(self.root):
            if time.monotonic() > end:
                raise SystemExit(f"bench: {self.name} did not mount")
            time.sleep(0.01)
        if self.program:
            self.pid = process_with(self.program, self.root)
        self.cpu_before = cpu_of(self.pid) if self.pid else 0.0

    def start(self):
        pass

    def note(self):
        if self.pid:
            self.spent = cpu_of(self.pid) - self.cpu_before
            self.peak = peak_of(self.pid)

    def wait_stored(self, _mark, _files):
        pass

    def unmount(self):
        if self.pid and os.path.ismount(self.root):
            subprocess.run(["fusermount3", "-u", self.root], check=True)
            while os.path.exists(f"/proc/{self.pid}"):
                time.sleep(0.01)
        self.pid = None

    def forget(self):
        """Unmounts and drops the caches."""
        self.unmount()
        for name in ("cache", "state"):
            set_aside(os.path.join(self.work, name))

    def end(self):
        if os.path.ismount(self.root):
            subprocess.run(["fusermount3", "-uz", self.root], check=False)
        set_aside(self.work)


class Plain(System):
    name = "disk"


class Passthrough(System):
    """libfuse's passthrough_ll over a folder of the same disk, built from the examples of libfuse3-dev."""
    name = program = "passthrough"

    @staticmethod
    def build(folder):
        target = os.path.join(folder, "passthrough")
        flags = subprocess.run(["pkg-config", "--cflags", "--libs", "fuse3"], check=True, capture_output=True, text=True)
        source = os.path.join(EXAMPLES, "passthrough_ll.c")
        if not os.path.exists(source):
            raise SystemExit("bench: passthrough_ll.c of libfuse3-dev is missing")
        subprocess.run(["gcc", "-O2", "-w", "-I", EXAMPLES, source, "-o", target, *flags.stdout.split()], check=True)
        Passthrough.path = target

    def __init__(self, *words, **named):
        super().__init__(*words, **named)
        self.below = os.path.join(self.work, "below")
        os.makedirs(self.below, exist_ok=True)

    def start(self):
        # Everything that FUSE can do for it: pages and attributes kept, a descriptor a thread.
        subprocess.run([self.path, "-o", f"source={self.below},cache=always,timeout=86400,clone_fd", self.root], check=True)


class Drive(System):
    name, program, remote = "cratedrive", "cratedrive", True

    def __init__(self, *words, url=None, flags=(), build=None, **named):
        super().__init__(*words, **named)
        self.url = url or f"s3://{self.bucket}"
        self.flags = flags
        self.command = os.path.join(build, "cratedrive")
        aws = self.server.aws(self.endpoint) if self.server else clean_environment()
        self.environment = aws | {"HOME": self.work} | {
            f"XDG_{kind}_HOME": os.path.join(self.work, kind.lower()) for kind in ("CACHE", "STATE", "CONFIG")}

    def start(self):
        subprocess.run([self.command, "mount", self.url, self.root, *self.flags], check=True, env=self.environment,
                       stdout=subprocess.DEVNULL)

    def status(self):
        with open(os.path.join(self.root, ".cratedrive", "status.json"), encoding="utf-8") as file:
            return json.load(file)

    def wait_stored(self, _mark, _files):
        while True:
            status = self.status()
            open_batches = [b for b in status["batches"] if b["state"] not in ("done", "done-with-errors", "failed", "cancelled")]
            if status["pending_uploads"] == 0 and not open_batches and not os.listdir(os.path.join(self.root, "inbox"))[1:]:
                return
            time.sleep(0.02)

    def start_batch(self):
        """Does not wait until it has settled; its time is an option, and no work."""
        for batch in self.status()["batches"]:
            with open(os.path.join(self.root, ".cratedrive", "batches", batch["id"], "control"), "w", encoding="ascii") as file:
                file.write("start\n")

    def unmount(self):
        if self.pid:
            subprocess.run([self.command, "umount", self.root], check=True, env=self.environment, stdout=subprocess.DEVNULL)
        self.pid = None


class Rclone(System):
    name, program, remote = "rclone", "rclone", True

    def start(self):
        subprocess.run(["rclone", "mount", "--daemon", "--vfs-cache-mode", "full", "--cache-dir",
                        os.path.join(self.work, "cache"), f"S3:{self.bucket}", self.root], check=True,
                       env=self.server.rclone(self.endpoint))

    def wait_stored(self, mark, files):
        while self.server.stored_since(mark, self.bucket) < files:
            time.sleep(0.05)


class S3fs(System):
    name, program, remote = "s3fs", "s3fs", True

    def start(self):
        secrets = os.path.join(self.work, "passwd")
        with open(secrets, "w", encoding="ascii", opener=lambda path, flags: os.open(path, flags, 0o600)) as file:
            file.write(f"{self.server.key}:{self.server.secret}\n")
        subprocess.run(["s3fs", self.bucket, self.root, "-o", f"url={self.endpoint},use_path_request_style,passwd_file={secrets},"
                        f"use_cache={os.path.join(self.work, 'cache')},ensure_diskfree=100"], check=True,
                       env=clean_environment(), stderr=subprocess.DEVNULL)


