# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""Time to open, and memory, each in a process of its own: BacktestService.get, a second process, a run's peak, snapshot create,
float32 against float64.

.venv/bin/python bench/memory.py [--markets W10,WFull] [--create] [--types] [--json FILE]
"""

from __future__ import annotations

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import time

from fractile import list_snapshots
from markets import FOLDER, ROOT, make_market, panel_file

# The baseline of all numbers is a process that only imported numpy and pandas.
BEGIN = """
import json, os, sys, time
import numpy, pandas
def memory():
    lines = open("/proc/self/smaps_rollup").read().splitlines()
    kb = {line.split(":")[0]: int(line.split()[1]) for line in lines[1:]}
    return {"resident": kb["Rss"] / 1024, "own": (kb["Private_Clean"] + kb["Private_Dirty"]) / 1024,
            "anonymous": kb["Anonymous"] / 1024}
market, root = sys.argv[1:3]
out = {"imports": memory()}
"""
OPEN = """
from fractile import BacktestService
began = time.perf_counter()
service = BacktestService.get(market, root=root)
out["get_ms"] = (time.perf_counter() - began) * 1e3
out["after_get"] = memory()
"""
RUN = """
from markets import read_signal
import pathlib
signal = read_signal(market, pathlib.Path(root))
before = memory()
open("/proc/self/clear_refs", "w").write("5")
def peak():
    return next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM")) / 1024
service.run(signal)
anonymous = lambda: next(int(l.split()[1]) for l in open("/proc/self/smaps_rollup") if l.startswith("Anonymous:")) / 1024
out["signal_mb"] = sum(column.nbytes for _, column in signal.items()) / 2**20
out["peak_over_signal"] = (peak() - before["resident"]) / out["signal_mb"]
one = anonymous()
for _ in range(5):
    service.run(signal)
out["grown_by_five_runs_mb"] = anonymous() - one
"""
ANONYMOUS_PEAK = """
import threading
base = anonymous()
highest, done = [base], threading.Event()
def watch():
    while not done.wait(0.001):
        highest[0] = max(highest[0], anonymous())
fresh = BacktestService.get(market, root=root, cache_size=0, force_reload=True)
watcher = threading.Thread(target=watch)
watcher.start()
fresh.run(signal)
done.set()
watcher.join()
out["anonymous_over_signal"] = (highest[0] - base) / out["signal_mb"]
"""
# Memory of a service after a run that reads few columns and after one that reads nearly all, and the times of both runs.
TYPES = """
import pathlib, statistics
from fractile import BacktestService
from markets import read_signal
signal = read_signal(market, pathlib.Path(root))
compact = sys.argv[3] == "float32"
before = memory()
service = BacktestService.get(market + "-both", root=root, compact=compact)
plain, rich = {}, {"weight": "value", "resid": "all", "byvar_list": ["overall", "cap", "year"]}
for name, options in {"plain": plain, "rich": rich}.items():
    out[name + "_sharpe"] = service.run(signal, **options).sharpe
    after = memory()
    out[name] = {part: after[part] - before[part] for part in after}
    times = []
    for _ in range(7):
        began = time.perf_counter()
        service.run(signal, **options)
        times.append((time.perf_counter() - began) * 1e3)
    out[name]["ms"] = statistics.median(times)
"""
END = """
print(json.dumps(out), flush=True)
"""

# The processes import the modules beside this file.
ENVIRONMENT = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT / "bench"), *filter(None, [os.environ.get("PYTHONPATH")])])}


def in_new_process(code: str, market: str, root: pathlib.Path, *more: str) -> dict:
    command = [sys.executable, "-c", BEGIN + code + END, market, str(root), *more]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT, env=ENVIRONMENT).stdout)


def second_process_own_mb(market: str, root: pathlib.Path) -> float:
    """Private memory of a process that opens the snapshot, beyond its imports, while another process has it open."""
    code = BEGIN + OPEN + END + "\nsys.stdin.read()"
    command = [sys.executable, "-c", code, market, str(root)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, **pipes, text=True, cwd=ROOT, env=ENVIRONMENT) as first:
        assert first.stdout is not None
        first.stdout.readline()
        found = in_new_process(OPEN, market, root)
        first.communicate()
    return found["after_get"]["own"] - found["imports"]["own"]


def create(market: str, root: pathlib.Path) -> dict:
    """`fractile snapshot create` from Parquet, float32."""
    make_market(market, root, with_panel=True)
    executable = ROOT / ".venv/bin/fractile"
    subprocess.run([executable, "snapshot", "remove", "created", "--root", root], capture_output=True)
    began = time.perf_counter()
    command = [executable, "snapshot", "create", "created", "--panel", panel_file(market, root), "--root", root]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - began
    assert status == 0, "expected snapshot create to end well"
    peak_gb = usage.ru_maxrss * 1024 / 1e9
    subprocess.run([executable, "snapshot", "remove", "created", "--root", root], check=True, capture_output=True)
    return {"create_seconds": seconds, "create_peak_gb": peak_gb}


def types(market: str, root: pathlib.Path) -> dict[str, float]:
    """Measures the same runs on float32 and float64 of one snapshot that has both; their Sharpe ratios must agree."""
    make_market(market, root, with_panel=True)
    executable, snapshot = ROOT / ".venv/bin/fractile", f"{market}-both"
    if snapshot not in set(list_snapshots(root)["id"]):
        command = [executable, "snapshot", "create", snapshot, "--panel", panel_file(market, root), "--root", root]
        subprocess.run([*command, "--dtype", "both"], check=True, capture_output=True)
    found = {dtype: in_new_process(TYPES, market, root, dtype) for dtype in ("float32", "float64")}
    figures: dict[str, float] = {}
    for run in ("plain", "rich"):
        narrow, wide = (found[dtype][f"{run}_sharpe"] for dtype in ("float32", "float64"))
        assert abs(narrow - wide) < 1e-4, f"expected the Sharpe ratio of float64 {wide} on float32, found {narrow}"
        for dtype, got in found.items():
            figures |= {
                f"{dtype}, {run} run: resident beyond imports and signal, MB": got[run]["resident"],
                f"{dtype}, {run} run: of which not the snapshot's pages, MB": got[run]["anonymous"],
                f"{dtype}, {run} run, ms": got[run]["ms"],
            }
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--markets", default="W10")
    parser.add_argument("--create", action="store_true", help="time snapshot create from Parquet too")
    parser.add_argument("--types", action="store_true", help="compare float32 with float64 too")
    parser.add_argument("--root", default=str(FOLDER))
    parser.add_argument("--json", help="write the figures here")
    arguments = parser.parse_args()
    root = pathlib.Path(arguments.root)
    figures: dict[str, dict] = {}
    for market in arguments.markets.split(","):
        make_market(market, root)
        in_new_process(OPEN, market, root)  # warms the file cache
        opened = [in_new_process(OPEN, market, root) for _ in range(5)]
        ran = in_new_process(OPEN + RUN + ANONYMOUS_PEAK, market, root)
        figures[market] = {
            "get, new process, ms": statistics.median(one["get_ms"] for one in opened),
            "resident after get beyond imports, MB": opened[0]["after_get"]["resident"] - opened[0]["imports"]["resident"],
            "a second process's own beyond imports, MB": second_process_own_mb(market, root),
            "signal, MB": ran["signal_mb"],
            "peak of a run, mapped pages included, in signals": ran["peak_over_signal"],
            "peak of a run, memory of its own, in signals": ran["anonymous_over_signal"],
            "grown by five further runs, MB": ran["grown_by_five_runs_mb"],
        }
        if arguments.create:
            made = create(market, root)
            figures[market] |= {"create from Parquet, s": made["create_seconds"], "its peak, GB": made["create_peak_gb"]}
        if arguments.types:
            figures[market] |= types(market, root)
        for name, value in figures[market].items():
            print(f"{market:6} {value:10.2f}  {name}", flush=True)
    if arguments.json:
        pathlib.Path(arguments.json).write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
