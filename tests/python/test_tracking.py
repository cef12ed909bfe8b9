# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""Results as MLflow runs, in a store of SQLite that MLflow itself reads back."""

from __future__ import annotations

import json
import math
import pathlib
import sqlite3
import subprocess
import sys
import warnings
from typing import Any

import fractile
import pandas as pd
import pytest
from fractile.errors import ConfigError
from oracle.markets import make_panel, make_signal
from support.sweeps import make_folder, run_sweep

mlflow = pytest.importorskip("mlflow")
pytest.importorskip("alembic")
ODD, ODD_AS_METRIC = "β (1y) 50%", "β _1y_ 50_"


@pytest.fixture(scope="module")
def store(tmp_path_factory) -> Any:
    """A folder with an MLflow store, in which this module works: artifacts go below the working folder."""
    folder = tmp_path_factory.mktemp("mlflow")
    before = mlflow.get_tracking_uri()
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        mlflow.set_tracking_uri(f"sqlite:///{folder}/mlflow.db")
        yield folder
        mlflow.set_tracking_uri(before)


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    root = tmp_path_factory.mktemp("tracking")
    panel = make_panel(6)
    panel[ODD] = panel["size"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fractile.create_snapshot("v1", panel, root=root)
    return fractile.BacktestService.get("v1", root=root)


@pytest.fixture(scope="module")
def rows():
    return make_signal(make_panel(6), 6, messy=False)


@pytest.fixture
def result(service, rows, own_ledger):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return service.run(rows, mincos=2, lag=1, byvar_list=["month"], factors=[ODD], study="ideas")


def read(run_id: str) -> Any:
    return mlflow.MlflowClient().get_run(run_id)


def artifacts(run_id: str) -> dict[str, pathlib.Path]:
    names = [entry.path for entry in mlflow.MlflowClient().list_artifacts(run_id)]
    return {name: pathlib.Path(mlflow.artifacts.download_artifacts(run_id=run_id, artifact_path=name)) for name in names}


def test_a_result_is_a_run_with_parameters_metrics_tags_and_a_report(store, result):
    run_id = fractile.log_run(result, tags={"desk": "momentum"})
    run = read(run_id)
    assert run.info.status == "FINISHED" and run.info.run_name == result.run_id[:12]
    shown = {name: value if isinstance(value, str) else json.dumps(value) for name, value in result.config.items()}
    assert run.data.params == shown and run.data.params["lag"] == "1" and run.data.params["weight"] == "equal"
    overall = result.summary.iloc[0]
    for name in ("num_date", "sharpe_ret", "sharpe_ret_net", "ret_ann", "maxdd", "turnover", "tc_ann"):
        assert run.data.metrics[name] == overall[name], name
    assert all(math.isfinite(value) for value in run.data.metrics.values())
    assert (run.data.metrics["sharpe_low"], run.data.metrics["sharpe_high"]) == result.sharpe_interval
    assert run.data.metrics[ODD_AS_METRIC] == overall[ODD]
    tags = run.data.tags
    assert tags["desk"] == "momentum" and tags["fractile.run_id"] == result.run_id and tags["fractile.snapshot"] == "v1"
    assert [tags[f"fractile.warning.{i}"] for i, _ in enumerate(result.diagnostics["warnings"])] == result.diagnostics["warnings"]
    assert result.diagnostics["warnings"]
    found = artifacts(run_id)
    assert set(found) == {"report.html", "config.json"}
    assert result.run_id in found["report.html"].read_text()
    assert json.loads(found["config.json"].read_text()) == result.config
    with sqlite3.connect(store / "mlflow.db") as database:
        assert database.execute("select count(*) from params where run_uuid = ?", [run_id]).fetchone() == (len(shown),)


def test_a_run_of_a_study_carries_its_trials(store, service, rows, result):
    with_more = service.run(rows, mincos=2, lag=2, study="ideas")
    run = read(fractile.log_run(with_more, report=False))
    found = with_more.deflation()
    assert run.data.metrics["trials"] == found["trials"] == 2 and run.data.metrics["dsr"] == found["dsr"]
    assert run.data.tags["fractile.study"] == "ideas" and run.data.tags["fractile.trials"] == found["text"]
    assert set(artifacts(run.info.run_id)) == {"config.json"}
    alone = read(fractile.log_run(service.run(rows, mincos=2), report=False))
    assert "trials" not in alone.data.metrics and "fractile.study" not in alone.data.tags


def test_an_experiment_is_found_or_made_and_the_active_one_stays(store, result):
    fractile.log_run(result, name="first", experiment="desk", report=False)
    fractile.log_run(result, name="second", experiment="desk", report=False)
    frame = mlflow.search_runs(experiment_names=["desk"], output_format="list")
    assert sorted(run.info.run_name for run in frame) == ["first", "second"]
    with mlflow.start_run() as mine:
        assert mine.info.experiment_id == "0"


def test_a_run_is_nested_in_the_active_one(store, service, rows):
    place = mlflow.create_experiment("suites")
    suite = service.run_suite(rows, lags=[0, 1], mincos=2)
    with mlflow.start_run(experiment_id=place) as parent:
        children = [fractile.log_run(result, name=name, report=False) for name, result in suite.items()]
        assert mlflow.active_run().info.run_id == parent.info.run_id
    assert mlflow.active_run() is None
    for name, child in zip(suite, children):
        run = read(child)
        assert run.data.tags["mlflow.parentRunId"] == parent.info.run_id
        assert run.info.run_name == name and run.info.experiment_id == place
    assert "lag" not in read(parent.info.run_id).data.params


def test_a_sweep_is_one_run_with_its_table(store, tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        sweep = run_sweep(make_folder(tmp_path, 2))
    before = len(mlflow.search_runs(experiment_ids=["0"], output_format="list"))
    run = read(fractile.log_run(sweep))
    assert len(mlflow.search_runs(experiment_ids=["0"], output_format="list")) == before + 1
    assert run.info.run_name == "sweep"
    assert run.data.metrics == {"runs": len(sweep.table), "errors": len(sweep.errors)} and len(sweep.errors) == 8
    found = artifacts(run.info.run_id)
    assert set(found) == {"sweep.parquet"}
    pd.testing.assert_frame_equal(pd.read_parquet(found["sweep.parquet"]), sweep.table)


def test_long_values_are_cut(store, service, rows):
    names = [str(number) * 20 for number in range(1000)]
    result = service.run(rows, mincos=2)
    result.config["universe"] = {"sector": names}  # `config` is the user's to change, as the tables are
    run_id = fractile.log_run(result, report=False)
    assert len(read(run_id).data.params["universe"]) == 6000
    assert json.loads(artifacts(run_id)["config.json"].read_text())["universe"] == {"sector": names}


def test_a_failure_ends_the_run_as_failed(store, result, monkeypatch):
    def fail(*arguments: Any) -> None:
        raise OSError("no space")

    monkeypatch.setattr(fractile.BacktestResult, "report", fail)
    with pytest.raises(OSError, match="no space"):
        fractile.log_run(result, name="fails")
    assert mlflow.active_run() is None
    failed = mlflow.search_runs(experiment_ids=["0"], filter_string="run_name = 'fails'", output_format="list")
    assert [run.info.status for run in failed] == ["FAILED"]


def test_a_suite_is_refused_before_a_run_is_made(store, service, rows):
    before = len(mlflow.search_runs(experiment_ids=["0"], output_format="list"))
    with pytest.raises(ConfigError, match=r"expected a BacktestResult or a SweepResult, found dict\. Log each"):
        fractile.log_run(service.run_suite(rows, lags=[0], mincos=2))
    assert len(mlflow.search_runs(experiment_ids=["0"], output_format="list")) == before


def test_without_mlflow_the_error_names_the_package(result, monkeypatch):
    monkeypatch.setitem(sys.modules, "mlflow", None)
    with pytest.raises(ConfigError, match=r"pip install 'fractile\[mlflow\]'"):
        fractile.log_run(result)


def test_importing_fractile_does_not_import_mlflow():
    code = "import sys, fractile; sys.exit('mlflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
