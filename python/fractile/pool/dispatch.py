# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""The pool's one thread: starts workers, hands tasks out, takes answers in, replaces the dead.

All workers are started by this thread, because the kernel ends them when the thread that started them ends.
"""

from __future__ import annotations

import collections
import concurrent.futures
import os
import pickle
import selectors
import threading
import time
from dataclasses import dataclass, field
from typing import Any

from fractile import errors
from fractile.errors import FractileError
from fractile.pool.channel import Closed
from fractile.pool.memory import SharedMemory, read_once
from fractile.pool.process import Worker, start_worker, stop_worker

_TRIES = 2  # of a task whose worker dies
_STARTS = 3  # failed ones in a row, with no worker left, before the pool gives up
_LONGEST_PAUSE = 10.0  # seconds between failed starts
_MEMORY_AHEAD = 256 << 20  # bytes of signals in shared memory that no worker has yet, where more than one waits


@dataclass
class Task:
    """A message to a worker, with bytes in shared memory that last until the answer is there.

    Attributes:
        future: Takes the value or the exception of a call; None if callers take the answer.
    """

    id: int
    message: dict[str, Any]
    memory: SharedMemory | None
    size: int
    future: concurrent.futures.Future[Any] | None = None
    deaths: int = 0


@dataclass
class Answer:
    """The outcome of a task. The payload is a pickle: of a whole result, or of the answer to a call."""

    task_id: int
    worker_id: int
    sharpe: float = float("nan")
    elapsed: float = float("nan")
    mem_delta: float = float("nan")
    error: FractileError | None = None
    warnings: list[str] = field(default_factory=list)
    payload: bytes | None = None


class Dispatcher:
    """Queue, workers and answers of one pool. Safe to call from many threads."""

    def __init__(
        self, n_workers: int, order: dict[str, Any], max_waiting: int, sequential: bool = False, tries: int = _TRIES
    ) -> None:
        self._order = order
        self._tries = tries
        self._n_workers = n_workers
        self._max_waiting = max_waiting
        self._sequential = sequential
        self._owner = os.getpid()
        # Guards all below, and is notified of every change.
        self._changed = threading.Condition()
        self._waiting: collections.deque[Task] = collections.deque()
        self._finished: collections.deque[Answer] = collections.deque()
        self._spare: list[SharedMemory] = []  # shared memory to be written again
        self._workers: dict[int, Worker] = {}
        self._writing = 0  # tasks whose bytes are being copied
        self._bytes = 0  # in shared memory, of all tasks
        self._pending = 0  # submitted, not yet collected
        self._next_id = 0
        self._failed_starts = 0  # in a row
        self._next_start = 0.0
        self._has_started = False
        self._is_closing = False
        self._failure: FractileError | None = None
        self._wake: int | None = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._wake, selectors.EVENT_READ, None)
        self._thread = threading.Thread(target=self._work, name="fractile-pool", daemon=True)

    # What callers use.

    def start(self) -> None:
        """Starts all workers; returns when each has mapped the snapshot. Raises what the first failing one raised."""
        self._thread.start()
        with self._changed:
            while not self._has_started:
                self._require_open()
                self._changed.wait()

    def submit(
        self, message: dict[str, Any], data: memoryview | None, future: concurrent.futures.Future[Any] | None = None
    ) -> int:
        """Queues a message, with bytes that are copied into shared memory; waits while the queue is full.

        With a future the answer is not collected: the future has it.
        """
        size = 0 if data is None else len(data)
        with self._changed:
            while self._is_full(size):
                self._changed.wait()
            self._require_open()
            self._writing += 1
            self._bytes += size
            spare = self._spare.pop() if data is not None and self._spare else None
        task = Task(-1, message, spare, size, future)
        try:
            if data is not None:
                task.memory = spare or SharedMemory()
                task.memory.write(data)
            with self._changed:
                self._require_open()
                task.id, self._next_id = self._next_id, self._next_id + 1
                self._pending += future is None
                self._waiting.append(task)
                self._wake_up()
                return task.id
        except BaseException:
            if task.id < 0:
                self._release(task)
            raise
        finally:
            with self._changed:
                self._writing -= 1
                self._changed.notify_all()

    def _is_full(self, size: int) -> bool:
        """True while a further task has to wait. Big signals wait where they are: in new shared memory they would cost
        three times what they cost in memory that is written again, and all of them together more than the machine has."""
        if self._failure is not None or self._is_closing:
            return False
        ahead = len(self._waiting) + self._writing
        return ahead >= self._max_waiting or (ahead > 0 and self._bytes + size > _MEMORY_AHEAD + self._running_bytes())

    def _running_bytes(self) -> int:
        return sum(worker.task.size for worker in self._workers.values() if worker.task)

    def take_one(self, timeout: float | None) -> Answer:
        """The next answer in order of finishing. Raises TimeoutError."""
        deadline = None if timeout is None else time.monotonic() + timeout
        with self._changed:
            while not self._finished:
                if self._pending == 0:
                    raise FractileError(
                        "NOTHING_PENDING: expected a task whose result is still to be collected, found none. Call submit first.",
                        "NOTHING_PENDING",
                    )
                left = None if deadline is None else deadline - time.monotonic()
                if left is not None and left <= 0:
                    raise TimeoutError(f"expected a result within {timeout:g} s, found none. Call again, or wait longer.")
                self._changed.wait(left)
            self._pending -= 1
            return self._finished.popleft()

    def wait_for(self, n_finished: int) -> int:
        """Waits until so many answers are there, or no more can come; says how many there are."""
        with self._changed:
            self._changed.wait_for(lambda: len(self._finished) >= min(n_finished, self._pending))
            return len(self._finished)

    def take_all(self) -> list[Answer]:
        """The answers that are there."""
        with self._changed:
            answers = list(self._finished)
            self._finished.clear()
            self._pending -= len(answers)
            return answers

    @property
    def pending(self) -> int:
        """Tasks submitted and not yet collected."""
        with self._changed:
            return self._pending

    @property
    def pids(self) -> dict[int, int]:
        """Process ids by worker."""
        with self._changed:
            return {worker.id: worker.process.pid for worker in self._workers.values()}

    @property
    def running(self) -> dict[int, int]:
        """Workers by the task they have."""
        with self._changed:
            return {worker.task.id: worker.id for worker in self._workers.values() if worker.task}

    def close(self) -> None:
        """Ends workers and tasks at once. A forked child must not end its parent's."""
        if os.getpid() != self._owner:
            return
        with self._changed:
            self._is_closing = True
            self._wake_up()
        # The last reference to a pool may be dropped by this very thread.
        if self._thread.ident is not None and self._thread is not threading.current_thread():
            self._thread.join()

    def _require_open(self) -> None:
        if self._failure is not None:
            raise self._failure
        if self._is_closing:
            raise FractileError(
                "POOL_CLOSED: expected an open pool, found one that was shut down. Make a new BacktestWorkerPool.", "POOL_CLOSED"
            )

    def _wake_up(self) -> None:
        if self._wake is not None:
            os.eventfd_write(self._wake, 1)

    # What the thread does.

    def _work(self) -> None:
        try:
            while not self._is_closing and self._failure is None:
                self._start_missing()
                self._assign()
                for key, _ in self._selector.select(self._until_next_start()):
                    if key.data is None:
                        os.eventfd_read(key.fd)
                    else:
                        self._hear(key.data)
        except BaseException as error:  # callers wait for this thread: they must hear of it
            self._failure = FractileError(f"INTERNAL: expected a working pool, found {error!r}. Please report it.", "INTERNAL")
        finally:
            self._end()

    def _start_missing(self) -> None:
        if time.monotonic() < self._next_start:
            return
        for number in range(self._n_workers):
            if self._sequential and any(not worker.is_ready for worker in self._workers.values()):
                return
            if number not in self._workers:
                worker = start_worker(number, self._order)
                with self._changed:
                    self._workers[number] = worker
                self._selector.register(worker.channel, selectors.EVENT_READ, worker)

    def _until_next_start(self) -> float | None:
        if len(self._workers) == self._n_workers or self._next_start == 0.0:
            return None
        return max(0.0, self._next_start - time.monotonic())

    def _assign(self) -> None:
        with self._changed:
            for worker in self._workers.values():
                if not self._waiting:
                    return
                if worker.is_ready and worker.task is None:
                    task = self._waiting.popleft()
                    if task.deaths == 0 and task.future is not None and not task.future.set_running_or_notify_cancel():
                        self._release(task)
                        continue
                    message = {**task.message, "task": task.id, "size": task.size}
                    try:
                        worker.channel.send(message, task.memory.file if task.memory else None)
                        worker.task = task
                    except Closed:  # it died idle: the selector will say so
                        self._waiting.appendleft(task)
                    self._changed.notify_all()

    def _hear(self, worker: Worker) -> None:
        try:
            message, file = worker.channel.receive()
            payload = None if file is None else read_once(file, message["size"])
        except Closed:
            self._bury(worker)
            return
        with self._changed:
            if "failed" in message:
                self._failure = rebuild(message["failed"])
            elif "ready" in message:
                worker.is_ready = True
                self._failed_starts, self._next_start = 0, 0.0
                self._has_started |= sum(w.is_ready for w in self._workers.values()) == self._n_workers
            else:
                task, worker.task = worker.task, None
                assert task is not None
                error = rebuild(message["error"]) if "error" in message else None
                numbers = (message["sharpe"], message["elapsed"], message["mem_delta"])
                self._finish(task, Answer(task.id, worker.id, *numbers, error, message.get("warnings", []), payload))
            self._changed.notify_all()

    def _bury(self, worker: Worker) -> None:
        """A worker is dead: its task is tried once more, another worker will take its place."""
        self._selector.unregister(worker.channel)
        how = stop_worker(worker)
        with self._changed:
            del self._workers[worker.id]
            if not worker.is_ready:
                self._note_failed_start(worker, how)
            task = worker.task
            if task is not None:
                task.deaths += 1
                if task.deaths < self._tries:
                    self._waiting.appendleft(task)
                else:
                    before = ", as did the one before" if self._tries > 1 else ""
                    text = (
                        f"WORKER_DIED: expected an answer to task {task.id}, found that its worker {how}{before}. "
                        "Look for memory, and at the signal."
                    )
                    self._finish(task, Answer(task.id, worker.id, error=FractileError(text, "WORKER_DIED")))
            self._changed.notify_all()

    def _note_failed_start(self, worker: Worker, how: str) -> None:
        self._failed_starts += 1
        self._next_start = time.monotonic() + min(_LONGEST_PAUSE, 0.1 * 2**self._failed_starts)
        is_alone = not any(other.is_ready for other in self._workers.values())
        if not self._has_started or (is_alone and self._failed_starts >= _STARTS):
            self._failure = FractileError(
                f"WORKER_DIED: expected worker {worker.id} to become ready, found that it {how}. Look at what it wrote to "
                "stderr, and for memory.",
                "WORKER_DIED",
            )

    def _release(self, task: Task) -> None:
        """Keeps as much shared memory as workers read at a time and one to be written; closes the rest."""
        memory, task.memory = task.memory, None
        with self._changed:
            self._bytes -= task.size
            task.size = 0
            if memory is None:
                return
            if len(self._spare) <= self._n_workers and not self._is_closing:
                self._spare.append(memory)
                return
        memory.close()

    def _finish(self, task: Task, answer: Answer) -> None:
        self._release(task)
        if task.future is None:
            self._finished.append(answer)
        elif answer.error is not None:
            task.future.set_exception(concurrent.futures.BrokenExecutor(str(answer.error)))
        else:
            is_value, value = pickle.loads(answer.payload or b"")
            if is_value:
                task.future.set_result(value)
            else:
                task.future.set_exception(value)

    def _end(self) -> None:
        """Leaves nothing behind. Tasks without an answer are dropped, or fail with the pool where it failed."""
        for worker in self._workers.values():
            stop_worker(worker)
        self._selector.close()
        with self._changed:
            self._is_closing = True
            held = [worker.task for worker in self._workers.values() if worker.task]
            for task in [*held, *self._waiting]:
                if task.future is not None and task not in held and not task.future.set_running_or_notify_cancel():
                    pass  # its caller cancelled it
                elif self._failure is not None:
                    self._finish(task, Answer(task.id, -1, error=self._failure))
                elif task.future is not None:
                    task.future.set_exception(concurrent.futures.BrokenExecutor("the pool was shut down"))
                self._release(task)
            self._workers.clear()
            self._waiting.clear()
            while self._spare:
                self._spare.pop().close()
            self._pending = len(self._finished)
            wake, self._wake = self._wake, None
            if wake is not None:
                os.close(wake)
            self._changed.notify_all()


def rebuild(error: dict[str, str]) -> FractileError:
    """An exception out of its description."""
    kind = getattr(errors, error["class"], FractileError)
    return kind(error["message"], error["code"])
