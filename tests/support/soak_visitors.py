# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""The visitors of a soak, which use a server and a pool. Each has a thread and a seed of its own and checks every answer."""

from __future__ import annotations

import abc
import contextlib
import json
import math
import pathlib
import random
import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import fractile
from fractile import BacktestClient
from fractile.pool import BacktestWorkerPool

from support.raw_http import Answer, Connection
from support.server_market import STREAM, to_ipc, to_table
from support.soak_requests import (
    CONFIGS,
    N_FLIPPED,
    SUITE_CONFIG,
    SUITES,
    Form,
    Market,
    Wanted,
    check_body,
    check_run,
    check_suite,
    flip,
    make_bad,
    make_forms,
    make_poison,
    suite_request,
)
from support.soak_watch import Latencies

PATIENCE = 60.0  # seconds, after which a visitor counts as hanging


class Gate:
    """A barrier at which visitors rest for quiet moments and learn that the soak is over."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._is_open, self._is_over, self._present, self._resting = True, False, 0, 0

    def come(self) -> None:
        with self._changed:
            self._present += 1

    def go(self) -> None:
        with self._changed:
            self._present -= 1
            self._changed.notify_all()

    def passes(self, leave_nothing: Callable[[], None]) -> bool:
        """Calls `leave_nothing` and waits while the gate is closed. Returns False when the soak is over."""
        if not self._is_open:
            leave_nothing()
            with self._changed:
                self._resting += 1
                self._changed.notify_all()
                self._changed.wait_for(lambda: self._is_open)
                self._resting -= 1
        return not self._is_over

    @contextlib.contextmanager
    def closed(self) -> Iterator[None]:
        """A context in which all visitors rest."""
        with self._changed:
            self._is_open = False
            is_quiet = self._changed.wait_for(lambda: self._resting == self._present, PATIENCE)
        try:
            assert is_quiet, f"expected {self._present} visitors to come to rest within {PATIENCE:g} s, found {self._resting}"
            yield
        finally:
            with self._changed:
                self._is_open = True
                self._changed.notify_all()

    def end(self) -> None:
        self._is_over = True


class Book:
    """The record of requests and failures, and the answers that a server may return now."""

    def __init__(self, latencies: Latencies) -> None:
        self.latencies = latencies
        self.gate = Gate()
        self.sent: Counter[str] = Counter()
        self.failures: list[str] = []
        self.n_failures = 0
        self.wanted: tuple[Wanted, ...] = ()
        self._lock = threading.Lock()

    def count(self, what: str) -> None:
        with self._lock:
            self.sent[what] += 1

    def fail(self, what: str, error: object) -> None:
        text = f"{what}: {type(error).__name__ if isinstance(error, Exception) else 'expected otherwise'}: {error}"[:1000]
        with self._lock:
            self.n_failures += 1
            if len(self.failures) < 50:
                self.failures.append(text)


class Visitor(threading.Thread, abc.ABC):
    """A user who returns again and again until the gate ends the soak."""

    def __init__(self, name: str, book: Book, seed: int, pause: float) -> None:
        super().__init__(name=name, daemon=True)
        self.book, self._pause = book, pause
        self.chooser = random.Random(f"{name} {seed}")

    def start(self) -> None:
        self.book.gate.come()
        super().start()

    def run(self) -> None:
        try:
            while self.book.gate.passes(self._leave):
                what = self.choose()
                try:
                    self.visit(what)
                    self.book.count(what)
                except Exception as error:
                    self.book.fail(what, error)
                    self._leave()
                time.sleep(self.chooser.random() * 2 * self._pause)
            self._leave()
        finally:
            self.book.gate.go()

    def _leave(self) -> None:
        try:
            self.leave_nothing()
        except Exception as error:
            self.book.fail("leaving", error)

    def leave_nothing(self) -> None:
        """Releases all resources before a quiet moment and at the end."""

    @abc.abstractmethod
    def choose(self) -> str:
        """Chooses the next action."""

    @abc.abstractmethod
    def visit(self, what: str) -> None:
        """Performs the action and checks the answer."""


class Material:
    """The requests of all visitors, made once."""

    def __init__(self, market: Market, folder: pathlib.Path) -> None:
        self.signals = market.signals
        self.forms = [make_forms(rows) for rows in market.signals]
        self.streams = [to_ipc(to_table(rows)) for rows in market.signals]
        self.flipped = [flip(self.streams[0], number) for number in range(N_FLIPPED)]
        self.bad = make_bad(market)
        self.poison = make_poison(market, folder)
        self.files: list[list[pathlib.Path]] = []
        for number, rows in enumerate(market.signals):
            rows.to_csv(folder / f"{number}.csv", index=False)
            rows.to_parquet(folder / f"{number}.parquet", index=False)
            self.files.append([folder / f"{number}.csv", folder / f"{number}.parquet"])

    def any_form(self, chooser: random.Random, number: int) -> Any:
        """A signal in one of the forms of Python programs."""
        return chooser.choice([self.signals[number], self.streams[number], *self.files[number]])


class HttpVisitor(Visitor):
    """A client of the server with one lasting connection, and others for bad requests."""

    WEIGHTS = {
        "run": 50,
        "suite": 4,
        "small": 8,
        "Python client": 8,
        "refused Python client": 2,
        "bad": 20,
        "flipped bits": 6,
        "left in the upload": 3,
        "left in the run": 3,
        "left in the answer": 2,
        "half closed": 2,
    }

    def __init__(self, number: int, book: Book, material: Material, port: int, seed: int, pause: float) -> None:
        super().__init__(f"client {number}", book, seed, pause)
        self._material, self._port = material, port
        self._client = BacktestClient(server_url=f"http://127.0.0.1:{port}", timeout=PATIENCE)
        self._connection: Connection | None = None

    def leave_nothing(self) -> None:
        if self._connection is not None:
            self._connection.socket.close()
            self._connection = None

    def choose(self) -> str:
        return self.chooser.choices(list(self.WEIGHTS), list(self.WEIGHTS.values()))[0]

    def visit(self, what: str) -> None:
        getattr(self, "_" + what.lower().replace(" ", "_"))()

    def _ask(self, data: bytes, kind: str | None = None) -> Answer | None:
        """Sends a request on the lasting connection, and opens a new one if the server closes it."""
        if self._connection is None:
            self._connection = Connection(self._port, PATIENCE)
        began = time.monotonic()
        self._connection.send(data)
        answer = self._connection.read_answer()
        if kind is not None and answer is not None and answer.status == 200:
            self.book.latencies.note(kind, time.monotonic() - began)
        if answer is None or answer.headers.get("connection", "").lower() == "close":
            self.leave_nothing()
        return answer

    def _wanted(self, before: tuple[Wanted, ...]) -> list[Wanted]:
        """The expected answers of all snapshots that were loaded between request and answer."""
        return list({wanted.snapshot: wanted for wanted in (*before, *self.book.wanted)}.values())

    def _run(self) -> None:
        number, config = self.chooser.randrange(len(self._material.signals)), self.chooser.randrange(len(CONFIGS))
        form = self._material.forms[number][self.chooser.choice(list(self._material.forms[number]))]
        if form.coding and form.kind == "application/json":
            config = 0
        data = form.request(CONFIGS[config], self.chooser.choice(["application/json", "application/json", STREAM]))
        before = self.book.wanted
        answer = self._ask(data, "run")
        check_run(answer, [wanted.runs[number][config] for wanted in self._wanted(before)])

    def _suite(self) -> None:
        number, before = self.chooser.randrange(len(SUITES)), self.book.wanted
        answer = self._ask(suite_request(self._material.streams[0], SUITES[number], SUITE_CONFIG), "suite")
        check_suite(answer, [wanted.suites[number] for wanted in self._wanted(before)])

    def _small(self) -> None:
        path, before = self.chooser.choice(["/stats", "/health", "/metrics"]), self.book.wanted
        answer = self._ask(f"GET {path} HTTP/1.1\r\nHost: a\r\n\r\n".encode(), "stats, health, metrics")
        assert answer is not None and answer.status == 200, f"expected 200 of {path}, found {answer}"
        if path == "/metrics":
            assert b"# TYPE fractile_" in answer.body, f"expected metrics, found {answer.body[:300]!r}"
            return
        body = answer.json()
        assert body["is_ready"] is True, f"expected a server that is ready, found {body}"
        assert body["snapshot"] in [wanted.snapshot for wanted in self._wanted(before)], f"expected another snapshot in {body}"

    def _python_client(self) -> None:
        number, config = self.chooser.randrange(len(self._material.signals)), self.chooser.randrange(len(CONFIGS))
        signal = self._material.any_form(self.chooser, number)
        before, began = self.book.wanted, time.monotonic()
        result = self._client.run(signal, **CONFIGS[config])
        self.book.latencies.note("Python client", time.monotonic() - began)
        check_body(json.loads(result.to_json()), [wanted.runs[number][config] for wanted in self._wanted(before)])

    def _refused_python_client(self) -> None:
        options, code = self.chooser.choice([({"weight": "vlaue"}, "INVALID_VALUE"), ({"mincoss": 2}, "UNKNOWN_OPTION")])
        found = "a result"
        try:
            self._client.run(self._material.streams[0], **options)
        except fractile.ConfigError as error:
            found = error.code
        assert found == code, f"expected {code}, found {found}"

    def _bad(self) -> None:
        bad = self._material.bad[self.chooser.choice(list(self._material.bad))]
        if not bad.is_alone and self.chooser.random() < 0.5:
            # On the lasting connection, so that the server must understand the next request.
            bad.check(self._ask(bad.data))
            return
        with Connection(self._port, PATIENCE) as connection:
            connection.send(bad.data)
            if bad.finish:
                connection.finish_sending()
            bad.check(connection.read_answer())

    def _flipped_bits(self) -> None:
        number, before = self.chooser.randrange(N_FLIPPED), self.book.wanted
        answer = self._ask(Form(STREAM, self._material.flipped[number]).request(CONFIGS[0]))
        assert answer is not None, "expected an answer, found a closed connection"
        body = answer.json()
        found = body["run_id"] if answer.status == 200 else body["error"]["code"]
        allowed = [wanted.flipped[number] for wanted in self._wanted(before)]
        assert found in allowed, f"expected {allowed} of flip {number}, found {answer.status} {found}"

    def _left_in_the_upload(self) -> None:
        data = self.chooser.choice(list(self._material.forms[0].values())).request(CONFIGS[0])
        with self._leaving() as connection:
            connection.send(data[: self.chooser.randrange(1, len(data))])
            time.sleep(self.chooser.random() * 0.01)

    def _left_in_the_run(self) -> None:
        with self._leaving() as connection:
            connection.send(self._own_suite())
            time.sleep(self.chooser.random() * 0.1)

    def _left_in_the_answer(self) -> None:
        with self._leaving() as connection:
            connection.send(self._material.forms[0]["stream"].request(CONFIGS[3]))
            assert connection.socket.recv(self.chooser.randrange(1, 20_000)), "expected an answer, found a closed connection"

    def _half_closed(self) -> None:
        """Closing the sending half counts as disconnecting: no answer, or one that was ready before."""
        with Connection(self._port, PATIENCE) as connection:
            connection.send(self._own_suite())
            time.sleep(self.chooser.random() * 0.05)
            connection.finish_sending()
            answer = connection.read_answer()
            assert answer is None or answer.status == 200, f"expected an answer or none, found {answer}"

    def _own_suite(self) -> bytes:
        """A suite that no other visitor requests."""
        config = {"mincos": 2, "tc_model": "power_law", "gmv_musd": 1 + self.chooser.random()}
        return suite_request(self._material.streams[0], {"lags": [0, 1, 2, 3], "resid_modes": ["off", "all"]}, config)

    @contextlib.contextmanager
    def _leaving(self) -> Iterator[Connection]:
        """A connection that ends with a close or, as often, with a reset."""
        with Connection(self._port, PATIENCE) as connection:
            yield connection
            if self.chooser.random() < 0.5:
                connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


class PoolVisitor(Visitor):
    """A user of the pool, who submits good and poisoned tasks and takes results as they finish."""

    AHEAD = 6

    def __init__(
        self, book: Book, material: Material, pool: BacktestWorkerPool, sharpes: list[float], seed: int, pause: float
    ) -> None:
        super().__init__("pool", book, seed, pause)
        self._material, self._pool, self._sharpes = material, pool, sharpes
        self._open: dict[int, float | str] = {}  # by task: the Sharpe ratio or the code to come

    def choose(self) -> str:
        return "poisoned task" if self.chooser.random() < 0.15 else "task"

    def visit(self, what: str) -> None:
        if what == "task":
            number = self.chooser.randrange(len(self._sharpes))
            self._open[self._pool.submit(self._material.any_form(self.chooser, number))] = self._sharpes[number]
        else:
            signal, code = self.chooser.choice(self._material.poison)
            self._open[self._pool.submit(signal)] = code
        while len(self._open) >= self.AHEAD:
            self._collect()

    def leave_nothing(self) -> None:
        while self._open:
            self._collect()

    def _collect(self) -> None:
        task, worker, sharpe, elapsed, _ = self._pool.collect_one(timeout=PATIENCE)
        want = self._open.pop(task)
        # Removed from `errors`, as a long-running program would do.
        error = self._pool.errors.pop(task, None)
        assert worker in (0, 1), f"expected worker 0 or 1, found {worker}"
        if isinstance(want, str):
            assert math.isnan(sharpe) and isinstance(error, fractile.SignalError), f"expected {want}, found {sharpe}, {error}"
            assert error.code == want, f"expected {want}, found {error}"
            return
        assert error is None, f"expected a result, found {error}"
        assert sharpe == want, f"expected the Sharpe ratio {want!r}, found {sharpe!r}"
        self.book.latencies.note("task of the pool", elapsed)
