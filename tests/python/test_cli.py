# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""The command line, run as users run it."""

from __future__ import annotations

import io
import json
import pathlib
import subprocess

import fractile
import numpy as np
import pandas as pd
import pytest
import yaml
from oracle.markets import make_panel, make_signal


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("cli")
    panel = make_panel(4)
    panel.to_csv(path / "panel.csv", index=False)
    panel.to_parquet(path / "panel.parquet", index=False)
    rows = make_signal(panel, 4, messy=False)
    rows.to_parquet(path / "signal.parquet", index=False)
    rows.rename(columns={"signal": "alpha"}).to_csv(path / "alpha.csv", index=False)
    return path


@pytest.fixture(scope="module")
def run(executable, folder):
    def call(*arguments: str, status: int = 0, env: dict | None = None) -> subprocess.CompletedProcess:
        done = subprocess.run(
            [executable, *map(str, arguments)],
            cwd=folder,
            capture_output=True,
            text=True,
            env={"PATH": "/usr/bin", **(env or {})},
        )
        assert done.returncode == status, done.stderr
        return done

    return call


@pytest.fixture(scope="module")
def snapshot(run):
    made = run("snapshot", "create", "v1", "--panel", "panel.parquet", "--dtype", "both")
    names = (
        "A signal has the columns security_id, date_sig and signal; give other names by --map date_sig=NAME and --sigvar NAME."
    )
    assert made.stdout.splitlines()[-2:] == [names, "Next: fractile run SIGNAL --snapshot v1"]
    return "v1"


def test_version_and_help(run):
    assert run("--version").stdout.startswith("fractile 0.")
    assert "snapshot" in run("--help").stdout
    help_text = run("run", "--help").stdout
    for line in ("Further tables. Any of ic, fractile, coverage, quantiles,", "One of off, industry, factor, all, true, false."):
        assert line in help_text
    for flag in ("--byvar-list", "--from-open", "--no-from-open", "--tc-level", "--universe", "--threads"):
        assert flag in help_text


def test_snapshot_commands(run, snapshot):
    assert "every hash fits" in run("snapshot", "verify", "v1").stdout
    assert "v1" in run("snapshot", "list").stdout
    assert json.loads(run("snapshot", "show", "v1").stdout)["id"] == "v1"
    made = run("snapshot", "create", "v0", "--panel", "panel.csv", "--root", "other")
    assert made.stdout.splitlines()[-1] == "Next: fractile run SIGNAL --snapshot v0 --root other"
    assert "removed" in run("snapshot", "remove", "v0", "--root", "other").stdout
    assert "No snapshots found in other/" in run("snapshot", "list", "--root", "other", status=1).stderr
    assert "SNAPSHOT_EXISTS" in run("snapshot", "create", "v1", "--panel", "panel.csv", status=1).stderr
    assert "SNAPSHOT_NOT_FOUND" in run("snapshot", "verify", "v9", status=1).stderr
    assert "nothing.parquet" in run("snapshot", "create", "v2", "--panel", "nothing.parquet", status=1).stderr


def test_csv_of_groups_with_commas_and_quotes_reads_back(run, folder):
    """A table written as CSV reads back as the table, for any names of groups."""
    panel = pd.read_parquet(folder / "panel.parquet")
    names = np.array(["Food, Beverage", 'the "best"', "two\nlines", "plain"])
    panel["group"] = names[panel["security_id"] % 4]
    fractile.create_snapshot("names", panel, root=folder / "snapshots", dtype="both")
    service = fractile.BacktestService.get("names", root=folder / "snapshots")
    want = service.run(folder / "signal.parquet", byvar_list=["group"], mincos=1, analysis=["coverage"])
    arguments = [
        "run",
        "signal.parquet",
        "--snapshot",
        "names",
        "--byvar-list",
        "group",
        "--mincos",
        "1",
        "--analysis",
        "coverage",
    ]
    shown = run(*arguments, "--format", "csv", "--out", "names").stdout
    assert set(names) <= set(want.summary["group"])
    for text in (io.StringIO(shown, newline=""), folder / "names" / "summary.csv"):
        pd.testing.assert_frame_equal(
            pd.read_csv(text, float_precision="round_trip"), want.summary, check_exact=True, check_dtype=False
        )
    unique = pd.read_csv(folder / "names" / "coverage_unique.csv")
    assert unique.to_numpy().tolist() == [[want.coverage_unique]]


def test_run_gives_the_bits_of_python(run, snapshot, folder):
    options = {
        "byvar_list": ["overall", "month", "cap"],
        "fractile": (20, 80),
        "weight": "value",
        "mincos": 2,
        "tc_level": {"big": 1, "median": 3, "small": 7},
        "universe": {"cap": [1, 2, 3]},
        "analysis": ["ic"],
    }
    service = fractile.BacktestService.get("v1", root=folder / "snapshots", compact=False)
    want = service.run(folder / "alpha.csv", sigvar="alpha", **options)
    arguments = [
        "run",
        "alpha.csv",
        "--snapshot",
        snapshot,  # another test may have made a newer one
        "--sigvar",
        "alpha",
        "--no-compact",
        "--byvar-list",
        "overall,month,cap",
        "--fractile",
        "20,80",
    ]
    arguments += ["--weight", "value", "--mincos", "2", "--tc-level", "big=1,median=3,small=7", "--analysis", "ic"]
    arguments += ["--universe", '{"cap": [1, 2, 3]}']
    body = json.loads(run(*arguments, "--format", "json").stdout)
    assert body["config"] == want.config
    assert body["run_id"] == want.run_id
    assert [row["ret"] for row in body["daily"]] == list(want.daily["ret"])
    assert body["summary"][0]["sharpe_ret"] == want.sharpe
    assert "Tables written to tables\n" in run(*arguments, "--out", "tables").stderr
    for extension, read in (("parquet", pd.read_parquet), ("csv", pd.read_csv)):
        daily = read(folder / "tables" / f"daily.{extension}")
        assert list(daily["ret"]) == list(want.daily["ret"])
        summary = read(folder / "tables" / f"summary.{extension}")
        assert list(summary.columns) == list(want.summary.columns)
    assert json.loads((folder / "tables" / "manifest.json").read_text())["run_id"] == want.run_id
    assert (folder / "tables" / "ic.csv").exists()
    assert run(*arguments, "--format", "csv").stdout.splitlines()[0] == ",".join(want.summary.columns)
    table = run(*arguments)
    assert "sharpe_ret" in table.stdout
    assert want.run_id in table.stderr
    low, high = want.sharpe_interval
    assert f"Sharpe ratio before costs {want.sharpe:.2f}, 95 % interval {low:.2f} to {high:.2f}\n" in table.stderr


def test_suite_and_batch(run, snapshot, folder):
    suite = run("suite", "signal.parquet", "--lags", "0,1", "--resid-modes", "off,industry", "--mincos", "2").stdout
    assert [line for line in suite.splitlines() if line.startswith("lag")] == [
        "lag0_residoff",
        "lag0_residindustry",
        "lag1_residoff",
        "lag1_residindustry",
    ]
    (folder / "many").mkdir()
    for name in ("a", "b"):
        pd.read_parquet(folder / "signal.parquet").to_csv(folder / "many" / f"{name}.csv", index=False)
    assert "a\n" in run("batch", "many", "--mincos", "2").stdout
    (folder / "many" / "c.csv").write_text("nothing\n1\n")
    assert "c.csv: UNKNOWN_COLUMN" in run("batch", "many", "--mincos", "2", status=1).stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["run"], "SIGNAL"),
        (["run", "signal.parquet", "--wieght", "value"], 'found "--wieght". Did you mean "--weight"?'),
        (["run", "signal.parquet", "--min-cos", "3"], 'found "--min-cos". Did you mean "--mincos"?'),
        (["run", "--min-cos=3"], 'found "--min-cos". Did you mean "--mincos"?'),
        (["snapshot", "list", "--rot", "x"], 'found "--rot". Did you mean "--root"?'),
        (["run", "signal.parquet", "--tc-level", "big=1,big=2"], '"big" twice'),
        (["run", "signal.parquet", "--tc-level", "bag=1"], 'Did you mean "big"'),
        (["run", "signal.parquet", "--weight", "vlaue"], 'Did you mean "value"'),
        (["run", "signal.parquet", "--lag", "x"], "whole number"),
        (["run", "signal.parquet", "--universe", "cap"], "universe"),
        (["run", "signal.parquet", "--start-date", "soon"], "start_date"),
        (["nothing"], "nothing"),
        ([], "subcommand"),
    ],
)
def test_wrong_usage_is_status_2(run, snapshot, arguments, words):
    assert words in run(*arguments, status=2).stderr


def test_lists_and_maps_may_have_spaces_or_be_json(run, snapshot):
    plain = ["--tc-level", "big=1,median=20", "--fractile", "20,80", "--byvar-list", "overall,year"]
    spaced = ["--tc-level", " big = 1, median=20 ", "--fractile", "20, 80", "--byvar-list", "overall, year"]
    as_json = ["--tc-level", '{ "big": 1, "median": 20 }', "--fractile", "[20, 80]", "--byvar-list", ' ["overall", "year"]']
    run_ids = set()
    for options in (plain, spaced, as_json):
        body = json.loads(run("run", "signal.parquet", "--mincos", "2", "--format", "json", *options).stdout)
        assert body["config"]["tc_level"] == {"big": 1, "median": 20, "small": 10}
        run_ids.add(body["run_id"])
    assert len(run_ids) == 1


def test_configuration_precedence(run, snapshot, folder):
    path = folder / "config.yaml"
    path.write_text("snapshot: v1\ndefaults:\n  mincos: 2\n  lag: 1\n  resid: off\n  byvar_list: [overall, year]\n")

    def config(*arguments: str, env: dict | None = None) -> dict:
        return json.loads(run("run", "signal.parquet", "--format", "json", *arguments, env=env).stdout)["config"]

    assert config("--config", path)["lag"] == 1
    assert config("--config", path)["byvar_list"] == ["overall", "year"]
    assert config(env={"FRACTILE_CONFIG": str(path), "FRACTILE_DEFAULTS_LAG": "2"})["lag"] == 2
    assert config("--lag", "3", env={"FRACTILE_CONFIG": str(path), "FRACTILE_DEFAULTS_LAG": "2"})["lag"] == 3
    path.write_text("snapshot: v1\ndefaults:\n  mincoss: 2\n")
    error = run("run", "signal.parquet", "--config", path, status=2).stderr
    assert "line 3" in error
    assert 'did you mean "mincos"' in error
    assert "nowhere.yaml" in run("run", "signal.parquet", "--config", "nowhere.yaml", status=2).stderr


def test_the_packaged_file_is_the_last_resort(executable, run, snapshot, folder):
    def config(**environment: str) -> dict:
        return json.loads(run("run", "signal.parquet", "--format", "json", env=environment).stdout)["config"]

    packaged = pathlib.Path(executable).parents[2] / "api" / "backtest_config.yaml"
    defaults = yaml.safe_load(packaged.read_text())["defaults"]
    assert config()["byvar_list"] == defaults["byvar_list"] == ["overall", "year", "cap"]
    local = folder / "api" / "backtest_config.yaml"
    local.parent.mkdir()
    try:
        local.write_text("defaults:\n  lag: 3\n")
        assert (config()["lag"], config()["byvar_list"]) == (3, ["overall"])
        other = folder / "other.yaml"
        other.write_text("defaults:\n  lag: 4\n")
        assert config(FRACTILE_CONFIG=str(other))["lag"] == 4
    finally:
        local.unlink()
        local.parent.rmdir()


def test_a_default_group_that_the_snapshot_lacks_is_left_out(run, snapshot, folder):
    make_panel(4).drop(columns="cap").to_parquet(folder / "no_cap.parquet", index=False)
    run("snapshot", "create", "no_cap", "--panel", "no_cap.parquet")
    body = run("run", "signal.parquet", "--snapshot", "no_cap", "--format", "json").stdout
    assert json.loads(body)["config"]["byvar_list"] == ["overall", "year"]
    assert "cap" in run("run", "signal.parquet", "--snapshot", "no_cap", "--byvar-list", "cap", status=2).stderr
    run("snapshot", "remove", "no_cap")


def test_demo_ends_with_a_summary(executable, demo_folder):
    done = subprocess.run([executable, "demo"], cwd=demo_folder, capture_output=True, text=True, check=True)
    assert "overall" in done.stdout
    assert "sharpe_ret" in done.stdout
    assert "Load " in done.stdout
    assert "run " in done.stdout
    assert done.stderr == ""  # the second demo makes nothing again
