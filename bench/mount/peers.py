"""bench --peers: this drive beside a plain folder, libfuse's passthrough, s3fs and rclone mount, on one server."""
import importlib.util
import json
import os
import platform
import sys

from mount import scale
from mount.rig import Rig
from mount.workloads import WORKLOADS

SIZES = (1_000, 10_000, 100_000, 1_000_000)
COLUMNS = ("disk", "passthrough", "cratedrive", "s3fs", "rclone", "rclone copy", "aws cli", "curl x 8")


def machine():
    model = next((line.split(":", 1)[1].strip() for line in open("/proc/cpuinfo", encoding="utf-8")
                  if line.startswith("model name")), platform.machine())
    memory = int(open("/proc/meminfo", encoding="utf-8").readline().split()[1]) // 1048576
    return f"{os.cpu_count()} cores ({model}), {memory} GiB, Linux {platform.release()}"


def number(seconds):
    if seconds is None:
        return "–"
    return f"{seconds:.4f}" if seconds < 0.1 else f"{seconds:.2f}"


def rows_of(results):
    """(what, delay, {system: seconds}) in the order of the workloads."""
    for entry in results:
        whats = []
        for result in entry["systems"].values():
            whats += [what for what in result.get("times", {}) if what not in whats]
        for what in whats:
            yield what, entry["delay_ms"], {n: r["times"].get(what) for n, r in entry["systems"].items() if "times" in r}


def table(results):
    lines = ["| seconds | " + " | ".join(COLUMNS) + " | ratio to passthrough | to the best peer | to the limit |",
             "| --- |" + " --- |" * (len(COLUMNS) + 3)]
    for what, delay, times in rows_of(results):
        ours = times.get("cratedrive")

        def ratio(*others):
            known = [times[o] for o in others if times.get(o)]
            return f"{ours / min(known):.2f}" if ours and known else "–"

        name = what + (f", {delay} ms a request" if delay else "")
        lines.append(f"| {name} | " + " | ".join(number(times.get(c)) for c in COLUMNS) +
                     f" | {ratio('passthrough')} | {ratio('s3fs', 'rclone')} | {ratio(*COLUMNS[5:])} |")
    return "\n".join(lines)


def costs(results):
    lines = ["| workload | system | CPU s | peak RSS MiB | requests |", "| --- | --- | --- | --- | --- |"]
    for entry in results:
        for name, result in entry["systems"].items():
            if "error" in result:
                lines.append(f"| {entry['workload']}, {entry['delay_ms']} ms | {name} | | | failed: {result['error']} |")
            elif "cpu_s" in result and name != "disk":
                requests = ", ".join(f"{kind} {n}" for kind, n in sorted(result.get("requests", {}).items()))
                lines.append(f"| {entry['workload']}, {entry['delay_ms']} ms | {name} | {result['cpu_s']:.2f} | "
                             f"{result['peak_mib']:.0f} | {requests or '–'} |")
    return "\n".join(lines)


def goals(results):
    lines = ["| goal | measured | at most | met |", "| --- | --- | --- | --- |"]
    for entry in results:
        workload = next(w for w in WORKLOADS if w.name == entry["workload"])
        for what, against, most in workload.goals:
            ours = entry["systems"].get("cratedrive", {}).get("times", {}).get(what)
            theirs = entry["systems"].get(against, {}).get("times", {}).get(what)
            if ours and theirs and (entry["delay_ms"] or what != "audition cold"):
                name = what + (f", {entry['delay_ms']} ms" if entry["delay_ms"] else "")
                ratio = ours / theirs
                lines.append(f"| {name} ÷ {against} | {ratio:.2f} | {most:.2f} | {'yes' if ratio <= most else 'no'} |")
    return "\n".join(lines)


def plot(results, folder):
    """One PNG a delay: seconds of each system, on a logarithmic scale."""
    import matplotlib
    matplotlib.use("Agg")
    from matplotlib import pyplot
    pictures = []
    for delay in sorted({entry["delay_ms"] for entry in results}):
        rows = [(what, times) for what, d, times in rows_of(results) if d == delay]
        shown = [c for c in COLUMNS if any(times.get(c) for _, times in rows)]
        figure, axes = pyplot.subplots(figsize=(10, 0.5 * len(rows) + 1.5))
        for at, system in enumerate(shown):
            places = [(i + (at - len(shown) / 2) * 0.8 / len(shown), times[system]) for i, (_, times) in enumerate(rows)
                      if times.get(system)]
            axes.barh([p for p, _ in places], [s for _, s in places], height=0.8 / len(shown), label=system)
        axes.set_yticks(range(len(rows)), [what for what, _ in rows], fontsize=8)
        axes.invert_yaxis()
        axes.set_xscale("log")
        axes.set_xlabel(f"seconds, {delay} ms added to each request")
        axes.legend(fontsize=8)
        axes.grid(axis="x", alpha=0.3)
        figure.tight_layout()
        name = f"benchmarks-{delay}ms.png"
        figure.savefig(os.path.join(folder, name), dpi=90)
        pictures.append(name)
    return pictures


def run(options):
    if options.plots and importlib.util.find_spec("matplotlib") is None:  # said before the hour of measuring, not after
        raise SystemExit(f"bench: {sys.executable} has no matplotlib, which --plots needs; scripts/install-deps --for bench "
                         "installs it for /usr/bin/python3")
    rig = Rig(options.build, options.flag)
    results, sizes = [], []
    try:
        rig.start(server=not options.only or options.only != ["scale"])
        for workload in WORKLOADS:
            if options.only and workload.name not in options.only:
                continue
            for delay in workload.delays:
                if options.delay is not None and delay not in options.delay:
                    continue
                systems = rig.measure(workload, delay, options.runs, options.systems)
                results.append({"workload": workload.name, "delay_ms": delay, "systems": systems})
                print(table(results[-1:]), costs(results[-1:]), sep="\n\n", end="\n\n", flush=True)
        if not options.only or "scale" in options.only:
            sizes = [scale.measure(rig, keys) for keys in options.keys or SIZES]
            print(scale.table(sizes), end="\n\n", flush=True)
    finally:
        rig.stop()
    print(goals(results))
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump({"machine": machine(), "runs": options.runs, "results": results, "scale": sizes}, file, indent=2)
    if options.plots:
        os.makedirs(options.plots, exist_ok=True)
        if results:
            print("pictures:", *plot(results, options.plots))
        if sizes:
            print("picture:", scale.plot(sizes, options.plots))
    if options.table:
        with open(options.table, "w", encoding="utf-8") as file:
            file.write(f"Machine: {machine()}; medians of {options.runs}.\n\n{goals(results)}\n\n{table(results)}\n\n{costs(results)}\n\n{scale.table(sizes)}\n")


