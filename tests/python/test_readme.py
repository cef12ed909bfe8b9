# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""Snippets of the documentation, taken from the text itself and run as printed."""

from __future__ import annotations

import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import time

import fractile
import numpy as np
import pandas as pd
import pytest

from api import BacktestService

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", ROOT.parent / "shared" / "spec" / "seed_README_API.md"]
# Words that identify the snippets to run.
SUPPORTED = [
    "Initialize (loads data once",
    'snapshot="2026-02-10-v1",  # Data snapshot',
    'sigvar="signal",            # Signal column name',
    "service.stats()\n",
    "BacktestService.reset()\n",
    "summary, daily, turnover, tc = service.run(signal_df)",
    "signal_df = pd.DataFrame({",
    "Worker function - uses shared service",
    "See tests/test_server_parallel.py for full implementation",
    "Fast screening pass",
    "client = BacktestClient('2026-02-10-v1')",
]


def snippets(page: pathlib.Path) -> list[str]:
    return re.findall(r"```python\n(.*?)```", page.read_text(), flags=re.DOTALL)


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_python_snippets_run_as_printed(page, demo_folder, monkeypatch, capsys):
    if not page.exists():
        pytest.skip(f"{page.name} is not here")
    monkeypatch.chdir(demo_folder)
    monkeypatch.syspath_prepend(ROOT)
    monkeypatch.delenv("FRACTILE_SNAPSHOTS", raising=False)
    demo = pd.read_parquet("snapshots/2026-02-10-v1-signal.parquet")
    demo["date_sig"] = pd.to_datetime(demo["date_sig"])
    some = demo[demo["date_sig"] < "2020-06-30"]
    signals = [some.assign(signal=some["signal"] * k) for k in (1.0, -1.0, 2.0, 3.0)]
    names = {"signal_df": demo, "pd": pd, "np": np, "signals": signals}
    names.update({f"signal{i + 1}": s for i, s in enumerate(signals)})
    names["service"] = BacktestService.get("2026-02-10-v1", start_date="2020-01-01", end_date="2021-12-31")
    ran = 0
    for code in snippets(page):
        if not any(words in code for words in SUPPORTED):
            continue
        if "BacktestService.reset()" in code:
            exec(code, {**names, "BacktestService": BacktestService})
        else:
            scope = dict(names)
            exec(code, scope)
            for name in ("service", "result", "summary", "daily"):
                if name in scope:
                    names.setdefault(name, scope[name])
        ran += 1
    assert ran >= (4 if page.name == "README.md" else 8)
    assert re.search(r"Sharpe: -?\d+\.\d\d", capsys.readouterr().out)
    result = names["result"]
    for column in ("sharpe_ret", "ret_ann", "ret_std", "maxdd", "turnover"):
        assert np.isfinite(result[0].iloc[0][column])
    for column in ("date", "ret", "ret_net"):
        assert len(result[1][column]) > 100


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_server_snippets_run_as_printed(page, demo_folder, tmp_path, monkeypatch):
    """The server is started as printed; then /health, the curl example and the client's snippet."""
    if not page.exists():
        pytest.skip(f"{page.name} is not here")
    folder = tmp_path
    shutil.copytree(demo_folder / "snapshots", folder / "snapshots", copy_function=os.link)
    if page.name == "README.md":
        # README makes a snapshot of the reader's own data before it starts the server: here one of tickers.
        own = pd.MultiIndex.from_product([["A", "B"], pd.bdate_range("2024-01-02", periods=5)], names=["security_id", "date"])
        fractile.create_snapshot("my-data", own.to_frame(index=False).assign(ret=0.01), root=folder / "snapshots")
    text = page.read_text()
    shell = re.findall(r"```bash\n(.*?)```", text, flags=re.DOTALL)
    start = next(code for code in shell if "python -m api.server --port 8000" in code)
    post = next(code for code in shell if "curl -X POST http://localhost:8000/run" in code)
    client = next(code for code in snippets(page) if 'server_url="http://localhost:8000"' in code)
    monkeypatch.delenv("FRACTILE_SNAPSHOTS", raising=False)
    monkeypatch.delenv("FRACTILE_CONFIG", raising=False)
    path = f"{pathlib.Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path}
    log = folder / "server.log"
    with open(log, "w") as output:
        # `exec`, so that the signal below reaches the server and not the shell.
        server = subprocess.Popen(
            ["bash", "-c", start.replace("python -m", "exec python -m")], cwd=folder, env=environment, stderr=output
        )
    try:
        for _ in range(300):
            if (
                server.poll() is not None
                or subprocess.run(["curl", "-sf", "http://localhost:8000/health"], capture_output=True).returncode == 0
            ):
                break
            time.sleep(0.1)
        health = subprocess.run(["curl", "-s", "http://localhost:8000/health"], capture_output=True, text=True).stdout
        assert json.loads(health)["is_ready"], log.read_text()
        answer = subprocess.run(["bash", "-c", post], cwd=folder, capture_output=True, text=True)
        body = json.loads(answer.stdout)
        assert {"summary", "daily", "turnover", "tc"} <= body.keys()
        assert body["diagnostics"]["rows_given"] == 1
        demo = pd.read_parquet(folder / "snapshots/2026-02-10-v1-signal.parquet")
        scope = {"signal_df": demo}
        exec(client, scope)
        monkeypatch.chdir(folder)
        here = BacktestService.get("2026-02-10-v1").run(demo, byvar_list=["overall", "year", "cap"])
        assert scope["result"].run_id == here.run_id
        assert scope["result"].daily.equals(here.daily)
    finally:
        server.terminate()
    assert server.wait(20) == 0


def test_demo_signal_sample_of_the_seed_runs(demo_folder, monkeypatch):
    """Three rows of one day trade nothing at mincos=10; the run ends without an error."""
    monkeypatch.chdir(demo_folder)
    rows = pd.DataFrame({"security_id": [1, 2, 3], "date_sig": pd.to_datetime(["2020-01-02"] * 3), "signal": [0.5, -0.3, 0.1]})
    result = BacktestService.get("2026-02-10-v1").run(rows)
    assert result.diagnostics["rows_used"] == 3
    assert result.summary.iloc[0]["num_date"] == 0
    assert len(result.daily) == 0
