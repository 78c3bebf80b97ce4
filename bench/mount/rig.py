"""The rig: samples, a server, folders; runs one workload on everything that takes part, interleaved."""
import hashlib
import os
import shutil
import statistics
import subprocess
import tempfile
import time

from mount.server import ROOT, Server
from mount.systems import Drive, Passthrough
from mount.workloads import LOCAL, MIB, REMOTE

SAMPLES = ("/usr/share/lmms/samples", "/usr/share/hydrogen/data/drumkits")
FILES = 1004
PATIENCE = 60  # seconds; who needs longer is measured once


def smallest_samples():
    """The 1,004 smallest samples of different content: (path below, file)."""
    seen, found = set(), []
    for top in SAMPLES:
        for folder, _, names in os.walk(top):
            for name in names:
                path = os.path.join(folder, name)
                if name.lower().endswith((".wav", ".flac", ".ogg", ".aif", ".aiff")) and not os.path.islink(path):
                    found.append((os.path.getsize(path), os.path.relpath(path, os.path.dirname(top)), path))
    picked = []
    for _, below, path in sorted(found):
        digest = hashlib.md5(open(path, "rb").read()).digest()
        if digest not in seen and len(picked) < FILES:
            seen.add(digest)
            picked.append((below, path))
    if len(picked) < FILES:
        raise SystemExit("bench: too few samples; scripts/install-deps --for bench installs them")
    return picked


class Rig:
    def __init__(self, build, flags=()):
        self.build, self.flags = build, flags
        self.work = tempfile.mkdtemp(prefix="cratedrive-bench-")
        self.corpus = os.path.join(self.work, "corpus")
        self.places = os.path.join(self.work, "systems")
        self.list = os.path.join(self.work, "list")
        self.big = os.path.join(self.work, "big")
        self.files = FILES
        self.io_load = os.path.join(self.work, "io_load")
        self.buckets = {}
        self.server = None
        self.now = None  # the system under measurement

    def start(self, server=True):
        source = os.path.join(ROOT, "bench", "mount", "io_load.cc")
        subprocess.run(["g++", "-O2", "-std=c++20", "-pthread", source, "-o", self.io_load], check=True)
        if not server:
            return
        Passthrough.build(self.work)
        paths = []
        for below, path in smallest_samples():
            target = os.path.join(self.corpus, "kits", below)
            os.makedirs(os.path.dirname(target), exist_ok=True)
            shutil.copyfile(path, target)
            paths.append(os.path.join("kits", below))
        with open(self.list, "w", encoding="utf-8") as file:
            file.write("".join(path + "\n" for path in sorted(paths)))
        self.load("write", self.big, MIB)
        self.server = Server(self.build)

    def load(self, verb, *words):
        done = subprocess.run([self.io_load, verb, *map(str, words)], capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(done.stderr.strip())
        return float(done.stdout)

    def presigned(self, bucket, key, delay):
        environment = self.server.aws(self.server.endpoint(delay))
        return subprocess.run(["/usr/bin/aws", "--endpoint-url", self.server.endpoint(delay), "s3", "presign", f"s3://{bucket}/{key}"], check=True, capture_output=True,
                              text=True, env=environment).stdout.strip()

    def seeded(self, what, own=False):
        """A bucket that holds the corpus, the big file, or nothing."""
        if own or what == "nothing" or what not in self.buckets:
            bucket = self.server.new_bucket()
            if what == "corpus":
                self.server.run_rclone("copy", "--transfers", "32", self.corpus, f"S3:{bucket}")
            elif what == "big":
                self.server.run_rclone("copyto", self.big, f"S3:{bucket}/big")
            if own or what == "nothing":
                return bucket
            self.buckets[what] = bucket
        return self.buckets[what]

    def make(self, kind, workload, delay):
        if not kind.remote:
            system = kind(self.places)
            below = getattr(system, "below", system.root)
            if workload.seed == "corpus":
                shutil.copytree(self.corpus, below, dirs_exist_ok=True)
            elif workload.seed == "big":
                shutil.copyfile(self.big, os.path.join(below, "big"))
            return system
        bucket = self.seeded(workload.seed, workload.own_bucket)
        named = {"server": self.server, "endpoint": self.server.endpoint(delay), "bucket": bucket}
        if kind is Drive:
            named |= {"build": self.build, "flags": self.flags}
        return kind(self.places, **named)

    def measure_one(self, kind, workload, delay):
        system = self.make(kind, workload, delay)
        try:
            mark = self.server.mark()
            system.mount()
            times = workload.run(self, system)
            system.note()
            result = {"times": times, "cpu_s": system.spent, "peak_mib": system.peak}
            if system.remote:
                time.sleep(0.1)  # the server writes its log behind
                result["requests"] = dict(self.server.requests_since(mark, system.bucket))
            system.unmount()
            return result
        except RuntimeError as error:
            return {"error": str(error)}
        finally:
            system.end()
            if system.remote and system.bucket not in self.buckets.values():
                self.server.drop_bucket(system.bucket)

    def measure(self, workload, delay, runs, only=None):
        """{system: median}; the systems take turns, so that a busy minute hits all of them."""
        kinds = [k for k in (LOCAL if workload.local and delay == 0 else ()) + REMOTE if not only or k.name in only]
        limits = {n: f for n, f in workload.limits.items() if not only or n in only}
        collected = {}
        for _ in range(runs):
            for kind in kinds:
                if any(sum(r.get("times", {}).values()) > PATIENCE for r in collected.get(kind.name, [])):
                    continue  # once is enough
                collected.setdefault(kind.name, []).append(self.measure_one(kind, workload, delay))
            for name, limit in limits.items():
                collected.setdefault(name, []).append({"times": limit(self, delay)})
        return {name: median_of(results) for name, results in collected.items()}

    def stop(self):
        if self.server:
            self.server.stop()
        shutil.rmtree(self.work, ignore_errors=True)


def median_of(results):
    good = [r for r in results if "times" in r]
    if not good:
        return results[0]
    median = {"times": {what: statistics.median(r["times"][what] for r in good) for what in good[0]["times"]}}
    for key in ("cpu_s", "peak_mib"):
        if key in good[0]:
            median[key] = statistics.median(r[key] for r in good)
    if "requests" in good[-1]:
        median["requests"] = good[-1]["requests"]
    if len(good) < len(results):
        median["errors"] = [r["error"] for r in results if "error" in r]
    return median


