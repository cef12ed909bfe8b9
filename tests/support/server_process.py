# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""A real `fractile serve` for tests and benchmarks, which start it, watch it from outside and stop it with SIGTERM.

The executable is $FRACTILE_BIN, else the installed one.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import pathlib
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import yaml

START_SECONDS = 60
STOP_SECONDS = 60


def find_executable() -> str:
    """Returns $FRACTILE_BIN, else the executable beside the imported package."""
    package = importlib.util.find_spec("fractile")
    assert package and package.origin, "expected the package fractile, found none: run make build"
    installed = pathlib.Path(package.origin).parent / "_bin" / "fractile"
    path = pathlib.Path(os.environ.get("FRACTILE_BIN") or installed)
    assert path.exists(), f"expected the fractile executable at {path}: run make build, or set $FRACTILE_BIN"
    return str(path)


def has_serve() -> bool:
    """True if the executable has the command `serve`."""
    done = subprocess.run([find_executable(), "serve", "--help"], capture_output=True, check=False)
    return done.returncode == 0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def eventually(check: Callable[[], Any], seconds: float = 10, pause: float = 0.02) -> Any:
    """Calls `check` until it is true or `seconds` have passed; returns its last value."""
    deadline = time.monotonic() + seconds
    while True:
        value = check()
        if value or time.monotonic() > deadline:
            return value
        time.sleep(pause)


class ServerProcess:
    """One running server.

    Attributes:
        url: Address, such as "http://127.0.0.1:40123".
        log_path: File with the stderr of the server.
        start_seconds: Time from the start of the process to the first 200 of /health.
    """

    def __init__(self, folder: pathlib.Path, command: list[str], port: int, environment: Mapping[str, str]) -> None:
        self.port = port
        self.url = f"http://127.0.0.1:{port}"
        self.folder = folder
        self.log_path = folder / "stderr.log"
        self._began = time.monotonic()
        with open(self.log_path, "ab") as log:
            self._process = subprocess.Popen(
                command, cwd=folder, stdout=subprocess.DEVNULL, stderr=log, env={"PATH": "/usr/bin:/bin", **environment}
            )
        self.pid = self._process.pid
        self.start_seconds = float("nan")

    def wait_until_ready(self, seconds: float = START_SECONDS) -> None:
        while time.monotonic() - self._began < seconds:
            code = self._process.poll()
            assert code is None, f"expected a server, found exit status {code}:\n{self.log()[-4000:]}"
            if self.is_healthy(1):
                self.start_seconds = time.monotonic() - self._began
                return
            time.sleep(0.005)
        raise AssertionError(f"expected 200 of /health within {seconds} s, found none:\n{self.log()[-4000:]}")

    def is_healthy(self, timeout: float = 10) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/health", timeout=timeout) as answer:
                return answer.status == 200 and json.load(answer)["is_ready"] is True
        except OSError:
            return False

    def get(self, path: str, headers: Mapping[str, str] | None = None) -> Any:
        """The JSON that GET `path` answers."""
        request = urllib.request.Request(self.url + path, headers=dict(headers or {}))
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)

    @property
    def is_running(self) -> bool:
        return self._process.poll() is None

    def memory_mb(self, kind: str = "RssAnon") -> float:
        """Resident memory: RssAnon leaves the mapped snapshot out, VmHWM is the peak since `forget_peak`."""
        for line in pathlib.Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith(f"{kind}:"):
                return int(line.split()[1]) / 1024
        raise AssertionError(f"expected {kind} in /proc/{self.pid}/status, found none")

    def forget_peak(self) -> None:
        pathlib.Path(f"/proc/{self.pid}/clear_refs").write_text("5")

    def fds(self) -> int:
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def threads(self) -> int:
        return len(os.listdir(f"/proc/{self.pid}/task"))

    def maps(self) -> str:
        """The files that the server has mapped, as the system lists them."""
        return pathlib.Path(f"/proc/{self.pid}/maps").read_text()

    def cpu_seconds(self) -> float:
        fields = pathlib.Path(f"/proc/{self.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def log(self) -> str:
        return self.log_path.read_text(errors="replace")

    def log_records(self) -> list[dict[str, Any]]:
        """Every line of the log, parsed as JSON; any other line fails."""
        return [json.loads(line) for line in self.log().splitlines() if line.strip()]

    def send_signal(self, number: int) -> None:
        self._process.send_signal(number)

    def wait(self, seconds: float = STOP_SECONDS) -> int:
        return self._process.wait(seconds)

    def kill(self) -> None:
        if self.is_running:
            self._process.kill()
        self._process.wait()

    def stop(self) -> None:
        """Sends SIGTERM; asserts exit status 0 and the absence of sanitizer reports."""
        if self.is_running:
            self._process.send_signal(signal.SIGTERM)
        try:
            code = self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"expected an end within {STOP_SECONDS} s of SIGTERM:\n{self.log()[-4000:]}") from None
        text = self.log()
        assert code == 0, f"expected exit status 0, found {code}:\n{text[-4000:]}"
        for word in ("Sanitizer", "runtime error:"):
            assert word not in text, text[-8000:]


def write_configuration(folder: pathlib.Path, configuration: Mapping[str, Any]) -> pathlib.Path:
    path = folder / "backtest_config.yaml"
    path.write_text(yaml.safe_dump({k: dict(v) if isinstance(v, Mapping) else v for k, v in configuration.items()}))
    return path


def start_server(
    folder: pathlib.Path,
    root: pathlib.Path,
    configuration: Mapping[str, Any] | None = None,
    port: int | None = None,
    arguments: tuple[str, ...] = (),
    environment: Mapping[str, str] | None = None,
) -> ServerProcess:
    """Starts a server on the snapshots in `root` and waits until it is ready.

    Args:
        folder: Its working folder, which gets the configuration and the log.
        configuration: Contents of the YAML file; a key "server" replaces the defaults.
        port: Port; default: a free one.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = write_configuration(folder, configuration or {})
    port = port or free_port()
    command = [find_executable(), "serve", "--host", "127.0.0.1", "--port", str(port), "--config", str(path), *arguments]
    server = ServerProcess(folder, command, port, {"FRACTILE_SNAPSHOTS": str(root), **(environment or {})})
    try:
        server.wait_until_ready()
    except BaseException:
        server.kill()
        raise
    return server


@contextlib.contextmanager
def serving(*arguments: Any, **named: Any) -> Iterator[ServerProcess]:
    """`start_server` as a context, which ends with SIGTERM and exit status 0."""
    server = start_server(*arguments, **named)
    try:
        yield server
    except BaseException:
        server.kill()
        raise
    server.stop()
