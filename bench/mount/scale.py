"""How the cost of an operation grows with the library: a folder as the bucket, with 1,000 to 1,000,000 keys."""
import os
import random
import shutil
import statistics
import time

from mount.systems import Drive, peak_of

FILES_A_FOLDER = 1000
LINKS_MAX = 50_000  # ext4 allows 65,000 names a file


def fill(bucket, keys):
    """So many keys, 1,000 a folder; names of few files, which is all that a listing can tell."""
    os.makedirs(bucket)
    source, made = None, 0
    for folder in range((keys + FILES_A_FOLDER - 1) // FILES_A_FOLDER):
        path = os.path.join(bucket, f"kit-{folder:04d}")
        os.mkdir(path)
        for name in range(min(FILES_A_FOLDER, keys - made)):
            target = os.path.join(path, f"{name:04d}.wav")
            if made % LINKS_MAX == 0:
                with open(target, "wb") as file:
                    file.write(b"RIFF")
                source = target
            else:
                os.link(source, target)
            made += 1


def cache_bytes(folder):
    return sum(os.stat(os.path.join(top, name)).st_blocks * 512 for top, _, names in os.walk(folder) for name in names)


def timed(call):
    start = time.monotonic()
    call()
    return time.monotonic() - start


def measure(rig, keys):
    bucket = os.path.join(rig.work, "million")
    fill(bucket, keys)
    folders = sorted(os.listdir(bucket))
    drive = Drive(rig.places, url="file://" + bucket, build=rig.build, flags=rig.flags)
    try:
        start = time.monotonic()
        drive.mount()
        mounted = time.monotonic() - start
        one = os.path.join(drive.root, folders[len(folders) // 2])
        result = {"keys": keys, "mount_s": mounted, "first_ls_s": timed(lambda: os.listdir(one)),
                  "warm_ls_s": min(timed(lambda: list(os.scandir(one))) for _ in range(5))}
        dice = random.Random(1)
        some = [os.path.join(one, f"{dice.randrange(min(keys, FILES_A_FOLDER)):04d}.wav") for _ in range(200)]
        result["stat_us"] = statistics.median(timed(lambda p=p: os.stat(p)) for p in some) * 1e6
        result["walk_s"] = timed(lambda: [list(os.scandir(os.path.join(drive.root, f))) for f in folders])
        result["create_us"] = statistics.median(
            timed(lambda n=n: open(os.path.join(one, f"new-{n}"), "wb").close()) for n in range(50)) * 1e6
        drive.wait_stored(0, 0)
        result["peak_mib"] = peak_of(drive.pid)
        result["cache_mib"] = cache_bytes(os.path.join(drive.work, "cache")) / 1048576
        drive.unmount()
        return result
    finally:
        drive.end()
        shutil.rmtree(bucket, ignore_errors=True)


def table(results):
    head = ("keys", "mount, s", "first ls of a folder, s", "warm ls, s", "stat, µs", "create, µs", "walk through all, s",
            "peak RSS, MiB", "cache on disk, MiB")
    keys = ("keys", "mount_s", "first_ls_s", "warm_ls_s", "stat_us", "create_us", "walk_s", "peak_mib", "cache_mib")
    lines = ["| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
    for result in results:
        lines.append("| " + " | ".join(f"{result[k]:,.4g}" if k != "keys" else f"{result[k]:,}" for k in keys) + " |")
    return "\n".join(lines)


def plot(results, folder):
    import matplotlib
    matplotlib.use("Agg")
    from matplotlib import pyplot
    figure, axes = pyplot.subplots(figsize=(7, 4))
    keys = [r["keys"] for r in results]
    for label, values in (("first ls of one folder", [r["first_ls_s"] * 1e6 for r in results]),
                          ("stat", [r["stat_us"] for r in results]), ("create", [r["create_us"] for r in results]),
                          ("walk through all, a key", [r["walk_s"] * 1e6 / r["keys"] for r in results])):
        axes.plot(keys, values, marker="o", label=label)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel("keys in the bucket")
    axes.set_ylabel("µs")
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8)
    figure.tight_layout()
    figure.savefig(os.path.join(folder, "benchmarks-scale.png"), dpi=90)
    return "benchmarks-scale.png"
