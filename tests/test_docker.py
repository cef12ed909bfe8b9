# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""The container image: its contents, its start, and the printed commands of README and the published API page.

Needs a docker client that reaches an engine; checks that need no engine run everywhere.
"""

from __future__ import annotations

import json
import os
import pathlib
import re
import shutil
import subprocess
import time
import urllib.request
from collections.abc import Iterator

import pandas as pd
import pytest
import yaml

from api import BacktestClient, BacktestService

pytestmark = pytest.mark.alone

ROOT = pathlib.Path(__file__).resolve().parent.parent
PAGES = [ROOT / "README.md", ROOT.parent / "shared" / "spec" / "seed_README_API.md"]
URL = "http://localhost:8000"
DOCKERFILE = (ROOT / "docker" / "Dockerfile").read_text()


def has_engine() -> bool:
    if shutil.which("docker") is None:
        return False
    return subprocess.run(["docker", "info"], capture_output=True, timeout=30).returncode == 0


needs_engine = pytest.mark.skipif(not has_engine(), reason="no docker engine is here: set $DOCKER_HOST to one")


def docker(*arguments: str, check: bool = True) -> str:
    done = subprocess.run(["docker", *arguments], capture_output=True, text=True, timeout=600)
    assert not check or done.returncode == 0, done.stderr
    return done.stdout.strip()


def wait_until_healthy(seconds: float = 20) -> float:
    """Seconds until /health says that the snapshot is loaded."""
    began = time.monotonic()
    while time.monotonic() < began + seconds:
        try:
            with urllib.request.urlopen(URL + "/health", timeout=2) as answer:
                if json.load(answer)["is_ready"]:
                    return time.monotonic() - began
        except OSError:
            pass
        time.sleep(0.01)
    raise AssertionError(f"expected a healthy server within {seconds} s, found none")


@pytest.fixture(scope="session")
def image() -> str:
    docker("build", "-f", str(ROOT / "docker" / "Dockerfile"), "-t", "backtest-server", str(ROOT))
    return "backtest-server"


@pytest.fixture
def container(image: str, demo_folder: pathlib.Path) -> Iterator[str]:
    """The server in a container with the strictest limits."""
    name = docker(
        *("run", "-d", "-p", "8000:8000", "-v", f"{demo_folder}/snapshots:/app/snapshots:ro"),
        *("--read-only", "--cap-drop", "all", "--memory", "512m", image),
    )
    yield name
    docker("rm", "-f", name)


def docker_lines(page: pathlib.Path) -> list[str]:
    """The commands of the page's section on Docker."""
    block = next(code for code in re.findall(r"```bash\n(.*?)```", page.read_text(), flags=re.DOTALL) if "docker build" in code)
    return [line for line in block.splitlines() if line and not line.startswith("#")]


def test_what_is_copied_is_there() -> None:
    """Every path that the build is given exists, and the build sees nothing else."""
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    given = [line[1:] for line in ignored if line.startswith("!")]
    assert "*" in ignored
    assert all((ROOT / path).exists() for path in given)
    for line in re.findall(r"^COPY (?!--from)(.*)$", DOCKERFILE, flags=re.M):
        assert all((ROOT / path).exists() for path in line.split()[:-1])


def test_compose_says_what_the_image_needs() -> None:
    service = yaml.safe_load((ROOT / "docker" / "docker-compose.yml").read_text())["services"]["backtest-server"]
    assert service["ports"] == ["8000:8000"]
    assert service["volumes"] == ["../snapshots:/app/snapshots:ro"]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert (ROOT / "docker" / service["build"]["context"] / service["build"]["dockerfile"]).exists()


def test_pages_agree() -> None:
    pages = [docker_lines(page) for page in PAGES if page.exists()]
    assert all(lines == pages[0] for lines in pages)


@needs_engine
def test_the_image_is_small_and_holds_no_tools(image: str) -> None:
    size = int(docker("image", "inspect", "-f", "{{.Size}}", image))
    base = int(docker("image", "inspect", "-f", "{{.Size}}", "debian:bookworm-slim"))
    assert size - base < 80e6, f"expected under 80 MB over the base, found {(size - base) / 1e6:.0f}"
    found = docker(
        "run", "--rm", "--entrypoint", "sh", image, "-c", "command -v python python3 gcc g++ cc c++ cmake make; id -u; true"
    )
    assert found.split() == ["10001"]


@needs_engine
def test_locked_up_it_answers_as_in_process(container: str, demo_folder, monkeypatch) -> None:
    seconds = wait_until_healthy()
    assert json.loads(docker("exec", container, "fractile", "health"))["is_ready"]
    monkeypatch.chdir(demo_folder)
    signal = pd.read_parquet(demo_folder / "snapshots/2026-02-10-v1-signal.parquet")
    there = BacktestClient(server_url=URL).run(signal, resid="all")
    here = BacktestService.get("2026-02-10-v1").run(signal, resid="all")
    assert there.run_id == here.run_id
    assert there.daily.equals(here.daily)
    docker("stop", "-t", "10", container)
    assert docker("inspect", "-f", "{{.State.ExitCode}}", container) == "0"
    assert seconds < 15


@needs_engine
@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_commands_run_as_printed(page: pathlib.Path, image: str, executable: str) -> None:
    """The commands run in the project's folder, one after the other, because both take the same port."""
    if not page.exists():
        pytest.skip(f"{page.name} is not here")
    if not (ROOT / "snapshots").exists():
        subprocess.run([executable, "demo"], cwd=ROOT, check=True, capture_output=True)
    up, build, run, ask = docker_lines(page)

    def shell(command: str) -> str:
        done = subprocess.run(["bash", "-c", command], cwd=ROOT, capture_output=True, text=True, timeout=900, env=os.environ)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    try:
        shell(up)
        wait_until_healthy()
        assert json.loads(shell(ask))["status"] == "ok"
    finally:
        shell("docker-compose -f docker/docker-compose.yml down -v")
    shell(build)
    name = shell(run)
    try:
        wait_until_healthy()
        assert json.loads(shell(ask))["status"] == "ok"
    finally:
        docker("rm", "-f", name)
