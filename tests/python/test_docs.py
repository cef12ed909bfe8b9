# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""The documentation works: every snippet runs, the tutorial executes, the site builds without a warning."""

from __future__ import annotations

import os
import pathlib
import re
import shutil
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from api import BacktestService

ROOT = pathlib.Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
# These pages have their own tests, because they need a container engine (Docker) or processes (the pool).
# test_mcp.py, the tests of the image and of the pool run these.
ELSEWHERE = {"how_to_agents.md", "how_to_docker.md", "how_to_pool.md"}
PAGES = sorted(page.name for page in DOCS.glob("*.md") if re.search(r"^```(python|bash)$", page.read_text(), re.MULTILINE))


def read_snippets(page: pathlib.Path) -> list[tuple[str, str]]:
    """(language, code) of a page, in order."""
    return re.findall(r"^```(python|bash)\n(.*?)^```$", page.read_text(), flags=re.MULTILINE | re.DOTALL)


@pytest.fixture
def folder(demo_folder, tmp_path, monkeypatch):
    """A working folder with its own demo, as readers of the pages have it. Hard links suffice: no one writes to a snapshot."""
    shutil.copytree(demo_folder / "snapshots", tmp_path / "snapshots", copy_function=os.link)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("FRACTILE_SNAPSHOTS", raising=False)
    monkeypatch.setenv("PATH", f"{pathlib.Path(sys.executable).parent}:{os.environ['PATH']}")
    BacktestService.reset()
    yield tmp_path
    BacktestService.reset()


def run_snippets(page: pathlib.Path) -> int:
    scope: dict = {}
    snippets = read_snippets(page)
    for number, (language, code) in enumerate(snippets, 1):
        if language == "python":
            exec(compile(code, f"{page.name}, snippet {number}", "exec"), scope)
        else:
            done = subprocess.run(["bash", "-euo", "pipefail", "-c", code], capture_output=True, text=True)
            assert done.returncode == 0, f"{page.name}, snippet {number}:\n{done.stdout}{done.stderr}"
    return len(snippets)


@pytest.mark.parametrize("name", [page for page in PAGES if page not in ELSEWHERE])
def test_the_snippets_of_a_page_run_in_order(name, folder, capsys):
    assert run_snippets(DOCS / name) >= 1
    assert "Traceback" not in capsys.readouterr().out


def test_a_file_of_crsp_in_the_commands_of_the_readme(folder):
    months = pd.date_range("2015-01-31", periods=40, freq="ME").strftime("%Y-%m-%d")
    frame = pd.MultiIndex.from_product([months, [f"T{i:03d}" for i in range(120)]], names=["date", "TICKER"]).to_frame(
        index=False
    )
    values = np.random.default_rng(3).normal(0.01, 0.06, len(frame))
    returns = pd.Series(values).map("{:.6f}".format)
    returns.iloc[[5, 700]] = ["B", "C"]
    frame.assign(PRC=-20.0, RET=returns).to_csv("msf.csv", index=False)
    frame.assign(mom=values).to_csv("mom.csv", index=False)
    block = next(code for language, code in read_snippets(ROOT / "README.md") if language == "bash" and "msf.csv" in code)
    for command in block.strip().splitlines():
        done = subprocess.run(["bash", "-c", command.replace(".venv/bin/", "")], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
    assert re.search(r"overall +overall +39 ", done.stdout)


def test_own_data_in_the_commands_of_the_readme(folder):
    """README's commands for a newcomer's own data, on the files that the how-to page writes."""
    exec(read_snippets(DOCS / "how_to_own_data.md")[0][1], {})
    block = next(code for language, code in read_snippets(ROOT / "README.md") if language == "bash" and "git clone" in code)
    commands = [line.split("  #")[0].strip() for line in block.strip().splitlines()]
    assert len(commands) <= 5
    own = [command.replace(".venv/bin/", "") for command in commands if command.startswith(".venv/bin/fractile")]
    assert len(own) == 2
    for command in own:
        done = subprocess.run(["bash", "-c", command], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
    assert re.search(r"sharpe", done.stdout, re.IGNORECASE)


def test_the_tutorial_executes(folder):
    nbclient = pytest.importorskip("nbclient")
    import nbformat

    notebook = nbformat.read(DOCS / "tutorial.ipynb", as_version=4)
    assert not any(cell.get("outputs") for cell in notebook.cells), "expected the tutorial without outputs: they are made anew"
    environment = {"metadata": {"path": str(folder)}}
    done = nbclient.NotebookClient(notebook, timeout=300, resources=environment).execute()
    shown = [kind for cell in done.cells for output in cell.get("outputs", []) for kind in output.get("data", {})]
    assert shown.count("image/png") == 2 and shown.count("text/html") >= 4


def test_the_site_builds_offline_without_a_warning(demo_folder, tmp_path):
    """The tutorial has its own test, so it is not executed again. The pages of the headers need doxygen."""
    pytest.importorskip("sphinx")
    leave_out = ["-D", "nb_execution_mode=off"]
    if shutil.which("doxygen"):
        (ROOT / "build" / "docs").mkdir(parents=True, exist_ok=True)  # doxygen makes one folder, not two
        made = subprocess.run(["doxygen", "docs/Doxyfile"], cwd=ROOT, capture_output=True, text=True)
        assert made.returncode == 0, made.stderr
    else:
        leave_out += [
            "-D",
            "exclude_patterns=api_cpp.*",
            "-D",
            "suppress_warnings=toc.excluded,myst.xref_missing,duplicate_declaration.cpp",
        ]
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-d", str(tmp_path / "trees"), *leave_out]
    done = subprocess.run([*command, str(DOCS), str(tmp_path / "html")], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    for page in (tmp_path / "html").glob("*.html"):
        text = page.read_text()
        assert not re.search(r'(?:<script|<img)[^>]*src="(?:https?:)?//|<link rel="stylesheet"[^>]*href="(?:https?:)?//', text), (
            page.name
        )
    index = (tmp_path / "html" / "api_python.html").read_text()
    for name in ("run_suite", "run_batch", "quick_backtest", "BacktestWorkerPool", "SnapshotNotFoundError"):
        assert name in index


def test_every_page_is_in_the_site():
    """Each page of docs/ is in a table of contents."""
    listed = set(re.findall(r"^([a-z_]+)$", (DOCS / "index.md").read_text(), flags=re.MULTILINE))
    assert {page.stem for page in [*DOCS.glob("*.md"), *DOCS.glob("*.ipynb")]} - {"index"} <= listed
