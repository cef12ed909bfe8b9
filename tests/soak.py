# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""A soak test: half an hour of mixed use of a server and a worker pool, which must not fail, grow or slow down.

.venv/bin/python tests/soak.py [--minutes 30] [--clients 4] [--seed 1] [--json FILE]

Clients send runs in every form, suites and bad requests, and disconnect in the middle. The pool gets good and poisoned tasks, and
workers are killed. Snapshots appear, SIGHUP loads them, and old ones are removed. The soak compares every good answer with that of
the same run in this process, and every refusal with the one of the protocol.

Criteria, without the first fifth of the time:
- no failure, no status of 500 or more, no line of level error in the server's log;
- memory (resident, and anonymous; that of the clients while they rest): the medians of the first and the last third differ by less
  than 8 MB or 3 %. In half an hour a leak of a few hundred bytes per request exceeds this; memory that allocators retain does not.
  Proportional memory is only shown, because it changes with other processes that have mapped the same files;
- file descriptors, counted while all clients rest: equal in the first and the last third. Up to four more threads, which libarrow
  starts on first use (one per reload or killed worker would be dozens);
- latencies: p50 and p90 of the last third are up to twice those of the first (p99, which rests on few answers: four times), plus
  20 ms, plus an allowance if other processes of the machine left fewer processors than before;
- at the end: exit status 0 after SIGTERM, no process, no shared memory, no descriptor, no file.
Runs of less than ten minutes show memory, threads and latencies, and judge the other criteria.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import gc
import json
import os
import pathlib
import signal
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Callable
from typing import Any

import fractile
from fractile import BacktestService
from fractile.pool import BacktestWorkerPool
from support.server_process import ServerProcess, eventually, serving
from support.soak_requests import LIMIT_MB, Market, Wanted
from support.soak_visitors import Book, HttpVisitor, Material, PoolVisitor
from support.soak_watch import (
    KINDS,
    QUIET,
    Latencies,
    Others,
    Phases,
    Series,
    children,
    counts_of,
    descriptors,
    memory_of,
    shared_memory,
)

JUDGED_FROM = 10.0  # minutes; in shorter runs allocators have not reached their steady size
MOST_MB, MOST_SHARE, MOST_THREADS = 8.0, 0.03, 4
MOST_SLOWER = {"p50": 2.0, "p90": 2.0, "p99": 4.0}
TURN_MS = 20.0  # a few time slices of other processes on a busy machine, which matter for an answer of one millisecond
POOL_OPTIONS = {"mincos": 2}
PROCESSES = ("server", "pool worker 0", "pool worker 1 (killed)", "clients")
KILLED = 1  # number of the worker that is killed; the other one lives all the time


class LogReader:
    """Reads new lines of a server's log: counts by event, answers by status, and every line of level error."""

    def __init__(self, path: pathlib.Path) -> None:
        self._path, self._at, self._rest = path, 0, b""
        self.events: Counter[str] = Counter()
        self.statuses: Counter[int] = Counter()
        self.errors: list[str] = []

    def read(self) -> None:
        with open(self._path, "rb") as file:
            file.seek(self._at)
            data = file.read()
        self._at += len(data)
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            record = json.loads(line)
            self.events[record["event"]] += 1
            status = record.get("status", 0)
            self.statuses[status] += 1
            # The visitor who gets 503 checks that it was right.
            if record["level"] == "error" or (status >= 500 and status != 503):
                self.errors.append(line.decode()[:500])


class Soak:
    """One soak: its processes, and the disturbances that it causes in turn."""

    def __init__(
        self, arguments: argparse.Namespace, folder: pathlib.Path, market: Market, server: ServerProcess, pool: BacktestWorkerPool
    ) -> None:
        self._folder, self._market, self._server, self._pool = folder, market, server, pool
        self._root = folder / "snapshots"
        self._snapshots = 1
        self.log = LogReader(server.log_path)
        material = Material(market, folder / "signals")
        with warnings.catch_warnings(), BacktestService.get("pool", root=folder / "pool") as service:
            warnings.simplefilter("ignore")
            sharpes = [service.run(rows, **POOL_OPTIONS).sharpe for rows in market.signals]
        wanted = (Wanted(self._root, "v0001", market),)
        self.phases = Phases(arguments.minutes * 60)
        self.book = Book(Latencies(self.phases))
        self.book.wanted = wanted
        self.series = {name: Series(self.phases) for name in PROCESSES}
        self.others = Others(self.phases)
        seed, pause = arguments.seed, arguments.pause / 1000
        self._visitors = [HttpVisitor(k, self.book, material, server.port, seed, pause) for k in range(arguments.clients)]
        self._visitors.append(PoolVisitor(self.book, material, pool, sharpes, seed, pause))
        self._quiet: dict[str, float] = {}

    def run(self) -> None:
        seconds = self.phases.seconds
        turns: list[tuple[str, Callable[[], None], float]] = [
            ("sample", self._sample, min(3.0, seconds / 40)),
            ("reload", self._reload, min(20.0, seconds / 6)),
            ("kill of a worker", self._kill_worker, min(45.0, seconds / 4)),
            ("moment of quiet", self._rest, min(30.0, seconds / 8)),
            ("progress", self._show_progress, 5.0 if sys.stderr.isatty() else 60.0),
        ]
        due = {name: every / 2 for name, _, every in turns}
        for visitor in self._visitors:
            visitor.start()
        try:
            # Every disturbance happens twice, even in a short soak on a slow machine.
            while not self.phases.is_over or any(self.book.sent[name] < 2 for name, *_ in turns[:-1]):
                assert self.phases.elapsed < self.phases.seconds + 600, (
                    f"expected every turn twice by now, found {self.book.sent}"
                )
                for name, act, every in turns:
                    if self.phases.elapsed < due[name]:
                        continue
                    due[name] = self.phases.elapsed + every
                    try:
                        act()
                        self.book.count(name)
                    except Exception as error:
                        self.book.fail(name, error)
                assert self._server.is_running, f"expected a server that lives:\n{self._server.log()[-4000:]}"
                time.sleep(0.1)
        finally:
            self.book.gate.end()
            for visitor in self._visitors:
                visitor.join(120)
                if visitor.is_alive():
                    self.book.fail(visitor.name, "expected an end of its visit, found that it hangs")
        self._show_progress()

    def _pids(self) -> dict[str, int]:
        workers = self._pool.worker_pids
        pids = {"server": self._server.pid, "clients": os.getpid()}
        return pids | {PROCESSES[1 + number]: pid for number, pid in workers.items()}

    def _sample(self) -> None:
        pids = self._pids()
        self.others.sample(list(pids.values()))
        for name, pid in pids.items():
            if name != "clients":  # their memory during requests is irrelevant
                self.series[name].sample(pid, memory_of, settle=min(6.0, self.phases.seconds / 20))

    def _rest(self) -> None:
        """Lets all clients rest, and counts the descriptors and threads that stay open."""
        with self.book.gate.closed():
            assert eventually(self._is_idle, 30), f"expected no run, found {self._server.get('/stats')['queue']}"
            gc.collect()
            ctypes.CDLL(None).malloc_trim(0)
            self._quiet = self._quiet or self._count_open()
            # The server closes a connection a moment after its client.
            eventually(lambda: self._count_open() == self._quiet, 10)
            for name, pid in self._pids().items():
                self.series[name].sample(pid, counts_of)
            self.series["clients"].sample(os.getpid(), memory_of)

    def _is_idle(self) -> bool:
        queue = self._server.get("/stats")["queue"]
        return queue["running"] == queue["waiting"] == 0

    def _count_open(self) -> dict[str, float]:
        return {"server": self._server.fds(), "clients": len(os.listdir("/proc/self/fd"))}

    def _reload(self) -> None:
        """Sends SIGHUP. Every other time it makes a newer snapshot first, and removes the one before the last afterwards."""
        self.log.read()
        loads = self.log.events["snapshot reloaded"]
        is_new = self.book.sent["reload"] % 2 == 1
        if is_new:
            self._snapshots += 1
            name = self._market.create(self._root, self._snapshots)
            self.book.wanted = (*self.book.wanted, Wanted(self._root, name, self._market))
        newest = self.book.wanted[-1]
        self._server.send_signal(signal.SIGHUP)

        def is_loaded() -> bool:
            self.log.read()
            return self.log.events["snapshot reloaded"] > loads and self._server.get("/health")["snapshot"] == newest.snapshot

        assert eventually(is_loaded, 30, 0.1), f"expected {newest.snapshot} to be loaded, found {self._server.get('/health')}"
        self.book.wanted = (newest,)
        if is_new:
            self.book.count("new snapshot")
            for name in list(fractile.list_snapshots(self._root)["id"])[:-2]:
                fractile.remove_snapshot(name, root=self._root)

    def _kill_worker(self) -> None:
        pid = self._pool.worker_pids[KILLED]
        os.kill(pid, signal.SIGKILL)
        assert eventually(lambda: self._pool.worker_pids.get(KILLED, pid) != pid, 30), "expected another worker, found none"

    def _show_progress(self) -> None:
        server, sent = self.series["server"], self.book.sent
        rate = sum(sent.values()) / max(self.phases.elapsed, 1e-9)
        text = (
            f"{self.phases.elapsed / 60:5.1f} of {self.phases.seconds / 60:g} min, {sum(sent.values()):,} visits ({rate:.0f} a second), "
            f"{self.book.n_failures} failures; server {server.last('resident'):.1f} MB, {server.last('fds'):.0f} descriptors"
        )
        print(f"\r{text}" if sys.stderr.isatty() else text, end="" if sys.stderr.isatty() else "\n", file=sys.stderr, flush=True)


def find_leftovers(folder: pathlib.Path, before: tuple[set[str], set[int], set[str]], pids: list[int]) -> list[str]:
    """Lists resources that should not exist after the end."""
    shared, ours, files = before
    out = [f"shared memory {name}" for name in shared_memory() - shared]
    out += [f"child {pid} in state {state}" for pid, state in children().items() if pid not in ours]
    out += [f"worker {pid}" for pid in pids if pathlib.Path(f"/proc/{pid}").exists()]
    out += [f"descriptor {name}" for name in descriptors() - files]
    out += [f"file {path.relative_to(folder)}" for path in (folder / "temporary").rglob("*")]
    for root in ("snapshots", "pool"):
        known = set(fractile.list_snapshots(folder / root)["id"])
        out += [f"file {root}/{path.name}" for path in (folder / root).iterdir() if path.name not in known]
    return out


def judge(figures: dict[str, Any], minutes: float) -> list[tuple[bool, str]]:
    """Returns each criterion: if it holds, and its text."""
    out = [
        (not figures["failures"], f"{figures['n_failures']} failures that were not asked for"),
        (not figures["log_errors"], f"{len(figures['log_errors'])} lines of level error or status 500 in the server's log"),
        (not figures["leftovers"], f"{len(figures['leftovers'])} things left behind after the end"),
    ]
    is_long = minutes >= JUDGED_FROM
    # A soak of seconds has too few samples, and its processes are still starting: these numbers are shown, not judged.
    for name in PROCESSES if is_long else ():
        for kind in (*QUIET, *KINDS):
            found = figures["processes"][name].get(kind)
            if found is None:
                out.append((False, f"{name}: {kind} not measured in the first and the last third"))
            elif kind in QUIET:
                more = found["last"] - found["first"]
                holds = more == 0 if kind == "fds" else more <= MOST_THREADS
                out.append((holds, f"{name}: {found['first']:g} {kind} in the first third, {found['last']:g} in the last"))
            elif kind in ("resident", "anonymous") and name != PROCESSES[1 + KILLED]:  # that one is always young: only shown
                change, allowed = found["last"] - found["first"], max(MOST_MB, MOST_SHARE * found["first"])
                out.append((abs(change) < allowed, f"{name}: {change:+.1f} MB {kind}, allowed {allowed:.1f}"))
    left = [max(0.1, figures["processors"] - taken) for taken in figures["taken_by_others"]]
    scarcer = max(1.0, left[0] / left[2])
    for kind, quantiles in figures["latencies_ms"].items():
        for name, most in MOST_SLOWER.items():
            if is_long:
                last, allowed = quantiles[name][2], most * scarcer * quantiles[name][0] + TURN_MS
                # NaN (a third without an answer) does not hold.
                out.append((last <= allowed, f"{kind}: {name} of the last third {last:.1f} ms, allowed {allowed:.1f}"))
    return out


def show(figures: dict[str, Any], verdicts: list[tuple[bool, str]]) -> None:
    print(f"\n{figures['minutes']:g} minutes, {figures['clients']} clients and 2 pool workers, seed {figures['seed']}")
    others = ", ".join(f"{taken:.2f}" for taken in figures["taken_by_others"])
    print(f"{figures['processors']} processors, of which other processes took {others} (by third)\n")
    print(f"{sum(figures['sent'].values()):,} visits:", ", ".join(f"{count:,} {what}" for what, count in figures["sent"].items()))
    statuses = {status: count for status, count in figures["statuses"].items() if int(status)}
    print("answers by status:", ", ".join(f"{status}: {count:,}" for status, count in sorted(statuses.items())))
    print(
        "\n| process | what | first third | last third | change | slope an hour | standard error |\n|---|---|---|---|---|---|---|"
    )
    for name, measured in figures["processes"].items():
        for kind, found in measured.items():
            unit = " MB" if kind in KINDS else ""
            form = ".1f" if kind in KINDS else "g"
            print(
                f"| {name} | {kind}{unit} | {found['first']:{form}} | {found['last']:{form}} | {found['last'] - found['first']:+{form}} "
                f"| {found['slope_per_hour']:+.2f} | {found['slope_error']:.2f} |"
            )
    print("\n| latency, ms | answers | p50 by third | p90 by third | p99 by third | last / first (p50, p90, p99) |")
    print("|---|---|---|---|---|---|")
    for kind, found in figures["latencies_ms"].items():
        thirds = [" ".join(f"{value:.1f}" for value in found[name]) for name in MOST_SLOWER]
        ratios = " ".join(f"{found[name][2] / found[name][0]:.2f}" for name in MOST_SLOWER)
        print(f"| {kind} | {sum(found['count']):,} | {' | '.join(thirds)} | {ratios} |")
    print()
    for what in ("failures", "log_errors", "leftovers"):
        for text in figures[what][:20]:
            print(f"{what}: {text}")
    for holds, text in verdicts:
        if not holds:
            print(f"FAILED  {text}")
    print(f"{sum(holds for holds, _ in verdicts)} of {len(verdicts)} criteria hold")


def soak(arguments: argparse.Namespace, folder: pathlib.Path) -> dict[str, Any]:
    """Runs the soak, from the market to the end of all processes; returns the figures."""
    market = Market(arguments.seed, arguments.days, arguments.names)
    for name in ("signals", "temporary"):
        (folder / name).mkdir()
    market.create(folder / "snapshots", 1)
    market.create(folder / "pool", 0, "pool")
    os.environ["TMPDIR"] = str(folder / "temporary")
    before = shared_memory(), set(children()), descriptors()
    configuration = {
        "server": {"workers": 2, "max_body_mb": LIMIT_MB, "max_queue": 64},
        "defaults": {"byvar_list": ["overall"]},
    }
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(
            serving(folder / "server", folder / "snapshots", configuration, environment={"TMPDIR": os.environ["TMPDIR"]})
        )
        pool = BacktestWorkerPool(2, snapshot="pool", root=folder / "pool", **POOL_OPTIONS).start(sequential=False)
        stack.callback(pool.shutdown)
        run = Soak(arguments, folder, market, server, pool)
        run.run()
        pids = list(pool.worker_pids.values())
        if pool.errors:
            run.book.fail("pool", f"expected no further error, found {pool.errors}")
    # The exit status of the server is asserted by `serving`.
    gc.collect()
    run.log.read()
    return {
        "minutes": arguments.minutes,
        "clients": arguments.clients,
        "seed": arguments.seed,
        "processors": os.cpu_count() or 1,
        "taken_by_others": run.others.figures(),
        "sent": dict(run.book.sent.most_common()),
        "statuses": {str(status): count for status, count in run.log.statuses.items()},
        "n_failures": run.book.n_failures,
        "failures": run.book.failures,
        "log_errors": run.log.errors,
        "leftovers": find_leftovers(folder, before, pids),
        "processes": {name: series.figures() for name, series in run.series.items()},
        "latencies_ms": run.book.latencies.figures(),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=30, help="default: 30")
    parser.add_argument("--clients", type=int, default=4, help="threads that ask the server; default: 4")
    parser.add_argument("--pause", type=float, default=20, help="mean milliseconds between the visits of one client; default: 20")
    parser.add_argument("--days", type=int, default=160, help="trading days of the market; default: 160")
    parser.add_argument("--names", type=int, default=150, help="its securities; default: 150")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=pathlib.Path, help="write the figures here")
    arguments = parser.parse_args()
    # Runs in this process warn about their signals; only their answers matter here.
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory(prefix="fractile-soak-") as name:
        figures = soak(arguments, pathlib.Path(name))
    verdicts = judge(figures, arguments.minutes)
    show(figures, verdicts)
    if arguments.json:
        arguments.json.write_text(json.dumps(figures | {"verdicts": verdicts}, indent=2) + "\n")
    return 0 if all(holds for holds, _ in verdicts) else 1


if __name__ == "__main__":
    sys.exit(main())
