# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""The same run many times, on every surface: one run_id and one hash of all tables.

$FRACTILE_DETERMINISM_RUNS sets the number of runs (default 64); `make determinism` makes 1,000.
"""

from __future__ import annotations

import hashlib
import itertools
import os
import struct

import numpy as np
import pandas as pd
import pytest
from fractile import BacktestClient, BacktestService, _core
from fractile.pool import BacktestWorkerPool, serialize_signal_arrow
from support.changed_markets import ALL_ANALYSES
from support.server_process import serving

N_RUNS = int(os.environ.get("FRACTILE_DETERMINISM_RUNS", "64"))
OPTIONS = {
    "resid": "all",
    "weight": "value",
    "byvar_list": ["overall", "year", "cap"],
    "analysis": ALL_ANALYSES,
    "horizons": [1, 3],
    "exposure_groups": ["industry_id"],
    "double_var": "size",
    "n_fractile": 5,
    "keep_weights": True,
}
TABLES = (
    "summary", "daily", "turnover", "tc", "daily_by_group", "ic", "ic_summary", "fractile", "coverage", "weights",
    "quantiles", "quantile_daily", "monotonicity", "exposures", "drilldown", "capacity", "capacity_musd", "decay", "decay_half_life",
    "double_sort",
)  # fmt: skip


def hash_of(result) -> str:
    """A hash of the run_id and of every table's names and bits."""
    state = hashlib.sha256(result.run_id.encode())
    for name in TABLES:
        table = result._table(name)
        state.update(f"{name} {list(table.columns)} {len(table)}".encode())
        for column in table:
            values = table[column]
            if pd.api.types.is_datetime64_any_dtype(values):
                values = values.astype("datetime64[ns]").astype("int64")
            if pd.api.types.is_numeric_dtype(values):
                state.update(np.ascontiguousarray(values.to_numpy(np.float64)).tobytes())
            else:
                state.update("\0".join(map(str, values)).encode())
    return state.hexdigest()


@pytest.fixture(scope="module")
def signal(demo_folder):
    return pd.read_parquet(demo_folder / "snapshots" / "2026-02-10-v1-signal.parquet").query("security_id % 10 == 0")


@pytest.fixture(scope="module")
def expected(demo_folder, signal) -> str:
    return hash_of(BacktestService.get(root=demo_folder / "snapshots", cache_size=0).run(signal, threads=1, **OPTIONS))


def test_threads_kernels_and_kept_alignments(demo_folder, signal, expected):
    root = demo_folder / "snapshots"
    services = [BacktestService.get(root=root), BacktestService.get(root=root, cache_size=0)]
    ways = itertools.cycle(itertools.product(_core.kernel_targets(), (1, 2, 4, 8), services))
    try:
        found = set()
        for kernels, threads, service in itertools.islice(ways, N_RUNS):
            assert _core.use_kernels(kernels)
            found.add(hash_of(service.run(signal, threads=threads, **OPTIONS)))
    finally:
        _core.use_kernels("")
    assert found == {expected}


def test_batches_and_suites(demo_folder, signal, expected):
    service = BacktestService.get(root=demo_folder / "snapshots")
    options = {name: value for name, value in OPTIONS.items() if name != "resid"}
    wide = signal.assign(a=signal["signal"], b=-signal["signal"], c=signal["signal"])
    for _ in range(max(1, N_RUNS // 64)):
        suite = service.run_suite(signal, lags=[1, 0, 2], resid_modes=["off", "all"], **options)
        batch = service.run_batch([signal] * 3, **OPTIONS)
        columns = service.run_batch(wide, sigvars=["a", "b", "c"], **OPTIONS)
        same = [suite["lag0_residall"], *batch, columns["a"], columns["c"]]
        assert {hash_of(result) for result in same} == {expected}


def test_http(demo_folder, signal, expected, tmp_path):
    with serving(tmp_path, demo_folder / "snapshots") as server:
        client = BacktestClient(server_url=server.url)
        # The server shares one answer between equal requests in flight, so the requests are sent one after the other.
        found = {
            hash_of(client.run(signal, threads=threads, **OPTIONS))
            for threads in itertools.islice(itertools.cycle((1, 2, 4, 8)), max(4, N_RUNS // 8))
        }
    assert found == {expected}


def test_pool(demo_folder, signal, monkeypatch):
    monkeypatch.setenv("FRACTILE_SNAPSHOTS", str(demo_folder / "snapshots"))
    want = BacktestService.get(root=demo_folder / "snapshots").run(signal, resid="all", weight="value").sharpe
    with BacktestWorkerPool(n_workers=2, resid="all", weight="value") as pool:
        pool.start()
        for _ in range(max(8, N_RUNS // 8)):
            pool.submit(serialize_signal_arrow(signal))
        found = {struct.pack("<d", sharpe) for _, _, sharpe, _, _ in pool.collect_all()}
    assert found == {struct.pack("<d", want)}
