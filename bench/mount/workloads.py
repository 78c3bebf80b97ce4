"""The workloads. Each takes a rig and a mounted system whose caches are empty, and gives {what: seconds}."""
import os
import shutil
import subprocess
import time
from dataclasses import dataclass, field

from mount.systems import Drive, Passthrough, Plain, Rclone, S3fs

LOCAL, REMOTE = (Plain, Passthrough), (Drive, S3fs, Rclone)
MIB = 256


@dataclass
class Workload:
    name: str
    run: callable
    seed: str = "corpus"                    # what the folder holds before: corpus, big, or nothing
    delays: tuple = (0,)
    local: bool = True                      # measured on disk and passthrough, too
    own_bucket: bool = False                # it changes what it was given
    limits: dict = field(default_factory=dict)  # name → function(rig, delay): what the store alone takes
    goals: tuple = ()                       # (what, against whom, ratio at most)


def timed(*command, **more):
    start = time.monotonic()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, **more)
    return time.monotonic() - start


def tree(rig, system):
    times = {"ls -lR cold": timed("ls", "-lR", system.root)}
    times["ls -lR warm"] = min(timed("ls", "-lR", system.root) for _ in range(5))
    times["find warm"] = min(timed("find", system.root, "-newermt", "1990-01-01") for _ in range(5))
    times["stat warm"] = min(rig.load("stat", rig.list, system.root) for _ in range(5))
    return times


def again(system):
    system.forget()
    system.mount()


def reads(rig, system):
    times = {}
    for jobs in (1, 16):
        if jobs > 1:
            again(system)
        times[f"read all cold, {jobs}"] = rig.load("read", rig.list, system.root, jobs, 0)
        times[f"read all warm, {jobs}"] = min(rig.load("read", rig.list, system.root, jobs, 0) for _ in range(5))
    return times


def audition(rig, system):
    return {"audition cold": rig.load("read", rig.list, system.root, 1, 65536)}


def crowd(rig, system):
    return {"1,000 readers cold": rig.load("read", rig.list, system.root, 1000, 0),
            "1,000 readers warm": min(rig.load("read", rig.list, system.root, 1000, 0) for _ in range(3))}


def big_write(rig, system):
    mark = rig.server.mark() if system.remote else 0
    start = time.monotonic()
    times = {f"write {MIB} MiB until close": rig.load("write", os.path.join(system.root, "big"), MIB)}
    if system.remote:
        system.wait_stored(mark, 1)
        times[f"write {MIB} MiB until stored"] = time.monotonic() - start
    return times


def big_read(rig, system):
    big = os.path.join(system.root, "big")
    times = {f"read {MIB} MiB cold": rig.load("sequential", big), f"read {MIB} MiB again": rig.load("sequential", big)}
    if system.remote:
        system.unmount()  # the kernel forgets, the daemon's cache does not
        system.mount()
        times[f"read {MIB} MiB from the daemon's cache"] = rig.load("sequential", big)
    return times


def random(rig, system):
    big = os.path.join(system.root, "big")
    times = {}
    for jobs in (1, 16):
        if jobs > 1:
            again(system)
        times[f"400 x 128 KiB random cold, {jobs}"] = rig.load("random", big, 131072, jobs, 400)
    rig.load("sequential", big)
    for jobs in (1, 16):
        times[f"160,000 x 4 KiB random warm, {jobs}"] = min(rig.load("random", big, 4096, jobs, 160000) for _ in range(2))
    return times


def names(rig, system):
    folder = os.path.join(system.root, "names")
    os.mkdir(folder)
    return {f"{verb} 1,000": rig.load(verb, folder, 1000) for verb in ("create", "rename", "unlink")}


def move_folder(rig, system):
    mark = rig.server.mark() if system.remote else 0
    start = time.monotonic()
    times = {"rename a folder of 1,004": timed("mv", os.path.join(system.root, "kits"), os.path.join(system.root, "moved"))}
    if system.remote:
        if isinstance(system, Drive):
            system.wait_stored(mark, 0)
        times["rename a folder of 1,004 until stored"] = time.monotonic() - start
    return times


def remove(rig, system):
    mark = rig.server.mark() if system.remote else 0
    start = time.monotonic()
    times = {"rm -rf of 1,004": timed("rm", "-rf", os.path.join(system.root, "kits"))}
    if system.remote:
        if isinstance(system, Drive):
            system.wait_stored(mark, 0)
        times["rm -rf of 1,004 until stored"] = time.monotonic() - start
    return times


def patch(rig, system):
    mark = rig.server.mark()
    start = time.monotonic()
    times = {"100 bytes changed until close": rig.load("patch", os.path.join(system.root, "big"))}
    system.wait_stored(mark, 1)
    times["100 bytes changed until stored"] = time.monotonic() - start
    return times


def ingest(rig, system):
    to = os.path.join(system.root, "inbox" if isinstance(system, Drive) else "", "kits")
    mark = rig.server.mark() if system.remote else 0
    start = time.monotonic()
    times = {"cp -r of 1,004": timed("cp", "-r", os.path.join(rig.corpus, "kits"), to)}
    if system.remote:
        if isinstance(system, Drive):
            system.start_batch()
        system.wait_stored(mark, rig.files)
        times["1,004 stored"] = time.monotonic() - start
    return times


def copy_in(rig, system):
    """The same into the library itself: no batch, no analysis."""
    mark = rig.server.mark() if system.remote else 0
    start = time.monotonic()
    times = {"cp -r of 1,004 into the library": timed("cp", "-r", os.path.join(rig.corpus, "kits"), system.root)}
    if system.remote:
        system.wait_stored(mark, rig.files)
        times["1,004 of the library stored"] = time.monotonic() - start
    return times


# ---- limits: what the store takes without a file system

def rclone_copy(rig, delay):
    bucket = rig.server.new_bucket()
    start = time.monotonic()
    rig.server.run_rclone("copy", "--transfers", "16", rig.corpus, f"S3:{bucket}", endpoint=rig.server.endpoint(delay))
    took = time.monotonic() - start
    rig.server.drop_bucket(bucket)
    return {"1,004 stored": took, "1,004 of the library stored": took}


def aws_cp(rig, delay):
    bucket = rig.server.new_bucket()
    took = timed("/usr/bin/aws", "--endpoint-url", rig.server.endpoint(delay), "s3", "cp", "--only-show-errors", rig.big, f"s3://{bucket}/big",
                 env=rig.server.aws(rig.server.endpoint(delay)))
    rig.server.drop_bucket(bucket)
    return {f"write {MIB} MiB until stored": took}


def curl_ranges(rig, delay):
    """curl, 8 ranges side by side, into one file each on the same disk."""
    url = rig.presigned(rig.seeded("big"), "big", delay)
    piece = MIB * 1048576 // 8
    folder = os.path.join(rig.work, "curl")
    os.makedirs(folder, exist_ok=True)
    start = time.monotonic()
    running = [subprocess.Popen(["curl", "-sf", "-r", f"{i * piece}-{(i + 1) * piece - 1}", "-o", f"{folder}/{i}", url])
               for i in range(8)]
    if any([p.wait() for p in running]):
        raise SystemExit("bench: curl failed")
    took = time.monotonic() - start
    shutil.rmtree(folder)
    return {f"read {MIB} MiB cold": took}


BOTH = (0, 30)
WORKLOADS = [
    Workload("ingest", ingest, "nothing", BOTH, limits={"rclone copy": rclone_copy},
             goals=(("cp -r of 1,004", "disk", 2.0), ("cp -r of 1,004", "passthrough", 1.3), ("1,004 stored", "rclone copy", 1.0))),
    Workload("copy-in", copy_in, "nothing", BOTH, limits={"rclone copy": rclone_copy}),
    Workload("tree", tree, delays=BOTH, goals=(("ls -lR warm", "passthrough", 1 / 0.9), ("stat warm", "passthrough", 1 / 0.9))),
    Workload("reads", reads, delays=BOTH,
             goals=(("read all warm, 1", "passthrough", 1 / 0.9), ("read all warm, 16", "passthrough", 1 / 0.9))),
    Workload("audition", audition, delays=BOTH, goals=(("audition cold", "s3fs", 0.1), ("audition cold", "rclone", 0.1))),
    Workload("crowd", crowd, delays=BOTH),
    Workload("big-write", big_write, "nothing", limits={"aws cli": aws_cp},
             goals=((f"write {MIB} MiB until stored", "aws cli", 1.0),)),
    Workload("big-read", big_read, "big", limits={"curl x 8": curl_ranges},
             goals=((f"read {MIB} MiB cold", "curl x 8", 1 / 0.9),)),
    Workload("random", random, "big"),
    Workload("names", names, "nothing"),
    Workload("move-folder", move_folder, delays=BOTH, own_bucket=True),
    Workload("remove", remove, delays=BOTH, own_bucket=True),
    Workload("patch", patch, "big", own_bucket=True, local=False),
]
