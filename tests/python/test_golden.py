# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""The hand-computed cases of tests/cases: the oracle, and the engine through Python, the command line and HTTP, on 1 and 2 threads.

A case is a text file: `#` lines are its calculation; `[name]` begins a table, whose columns are separated by spaces. In the wide
tables a column is a security; `-` means that the row is absent, `nan` that its value is missing. Expected numbers may be formulas.
"""

from __future__ import annotations

import ast
import json
import operator
import pathlib
import re
import subprocess
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import fractile
import numpy as np
import pandas as pd
import pytest
import yaml
from oracle import OracleRefused, run
from support.server_process import serving

FOLDER = pathlib.Path(__file__).resolve().parents[1] / "cases"
CASES = sorted(path.stem for path in FOLDER.glob("*.txt"))
OPERATORS = {ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv}
DATES = ["date_sig", "date_avail", "date_ret", "date_openret"]


def number(text: str) -> float:
    """The value of e.g. `252*3/200`, `-1/3`, `1-12/990` or `nan`."""

    def value(node: ast.expr) -> float:
        if isinstance(node, ast.BinOp):
            return OPERATORS[type(node.op)](value(node.left), value(node.right))
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
            return -value(node.operand)
        assert isinstance(node, ast.Constant), f"expected a number, found {text}"
        return float(node.value)

    return float("nan") if text == "nan" else value(ast.parse(text, mode="eval").body)


def read_case(name: str) -> dict[str, list[str]]:
    sections: dict[str, list[str]] = {}
    lines: list[str] = []
    for line in (FOLDER / f"{name}.txt").read_text().splitlines():
        if line.startswith("["):
            lines = sections.setdefault(line.strip("[]"), [])
        elif line.strip() and not line.startswith("#"):
            lines.append(line)
    return sections


def table(lines: list[str]) -> pd.DataFrame:
    rows = [line.split() for line in lines]
    assert all(len(row) == len(rows[0]) for row in rows), rows
    return pd.DataFrame(rows[1:], columns=rows[0])


def melt(lines: list[str], name: str) -> pd.DataFrame:
    """A wide table as rows (date, security_id, name), without the cells that are `-`."""
    long = table(lines).melt("date", var_name="security_id", value_name=name)
    long = long[long[name] != "-"]
    long[name] = long[name].map(number)
    return long.assign(date=pd.to_datetime(long["date"]), security_id=long["security_id"].astype("int64"))


def make_panel(sections: dict[str, list[str]]) -> pd.DataFrame:
    panel = melt(sections["ret_pct"], "ret")
    panel["ret"] /= 100
    for section, lines in sections.items():
        if section.startswith("panel."):
            column = melt(lines, section.removeprefix("panel."))
            assert len(column) == len(panel), f"{section}: expected a cell for each row of ret_pct"
            panel = panel.merge(column, on=["date", "security_id"], validate="one_to_one")
    return panel


def make_signal(sections: dict[str, list[str]]) -> pd.DataFrame:
    if "signal" in sections:
        return melt(sections["signal"], "signal").rename(columns={"date": "date_sig"})
    rows = table(sections["signal_rows"]).replace("-", None)
    for column in rows.columns.intersection(DATES):
        rows[column] = pd.to_datetime(rows[column], format="ISO8601")
    return rows.assign(
        security_id=pd.to_numeric(rows["security_id"]).astype("Int64"), signal=pd.to_numeric(rows["signal"]).astype("float64")
    )


def check_numbers(got: pd.DataFrame, want: pd.DataFrame, keys: list[str], what: str) -> None:
    got = got.reset_index(drop=True)
    for key in keys:
        texts = got[key].dt.strftime("%Y-%m-%d") if key == "date" else got[key].astype(str)
        assert list(texts) == list(want[key]), f"{what}.{key}"
    for column in want.columns.drop(keys):
        wanted = want[column].map(number).to_numpy()
        np.testing.assert_allclose(got[column].to_numpy(float), wanted, rtol=1e-12, atol=1e-14, err_msg=f"{what}.{column}")


def check(result, sections: dict[str, list[str]]) -> None:
    """Checks every number that the case names; `result` is the engine's or the oracle's."""
    check_numbers(result.daily, table(sections["daily"]), ["date"], "daily") if "daily" in sections else None
    for name, keys in (("ic", ["date"]), ("fractile", ["bin"]), ("coverage", ["date"])):
        if name in sections:
            check_numbers(getattr(result, name), table(sections[name]), keys, name)
    if "by_group" in sections:
        check_numbers(result.summary, table(sections["by_group"]), ["byvar", "group"], "summary")
    for line in sections.get("summary", []):
        column, text = line.split()
        np.testing.assert_allclose(result.summary[column].iloc[0], number(text), rtol=1e-12, atol=1e-14, err_msg=column)
    if "weights" in sections:
        want = melt(sections["weights"], "weight").sort_values(["date", "security_id"], ignore_index=True)
        got = result.weights[["date", "security_id", "weight"]].reset_index(drop=True)
        pd.testing.assert_frame_equal(got.astype(want.dtypes.to_dict()), want, rtol=1e-12, atol=1e-14)
    for line in sections.get("counts", []):
        name, text = line.split()
        cause, _, byvar = name.partition(".")
        count = result.diagnostics[cause][byvar] if byvar else result.diagnostics[cause]
        assert count == int(text), f"{name}: expected {text}, found {count}"


def engine_view(result) -> SimpleNamespace:
    """The engine's tables, with `traded` added to the daily columns, as the cases have it."""
    daily = result.daily.assign(traded=result.turnover["traded"].to_numpy())
    names = ("summary", "weights", "ic", "fractile", "coverage", "diagnostics")
    return SimpleNamespace(daily=daily, **{name: getattr(result, name) for name in names})


Runner = Callable[[pathlib.Path, pd.DataFrame, dict[str, Any]], SimpleNamespace]


class Refused(Exception):
    """The code of an error that a surface reports."""


def through_python(folder: pathlib.Path, signal: pd.DataFrame, config: dict[str, Any]) -> SimpleNamespace:
    service = fractile.BacktestService.get("case", root=folder, compact=False)
    try:
        return engine_view(service.run(signal, **config))
    except fractile.FractileError as error:
        raise Refused(error.code) from error


def through_http(folder: pathlib.Path, signal: pd.DataFrame, config: dict[str, Any]) -> SimpleNamespace:
    configuration = {"memory": {"compact": False}, "defaults": {"byvar_list": ["overall"]}}
    with serving(folder, folder, configuration) as server, fractile.BacktestClient(server_url=server.url) as client:
        try:
            return engine_view(client.run(signal, **config))
        except fractile.FractileError as error:
            raise Refused(error.code) from error


def through_command_line(folder: pathlib.Path, signal: pd.DataFrame, config: dict[str, Any]) -> SimpleNamespace:
    """The numbers of the Parquet files that `fractile run --out` writes, and the counts that it prints as JSON."""
    (folder / "options.yaml").write_text(yaml.safe_dump({"defaults": config}))
    signal.to_parquet(folder / "signal.parquet", index=False)
    executable = pathlib.Path(fractile.__file__).parent / "_bin" / "fractile"
    where = ["--root", ".", "--snapshot", "case", "--no-compact", "--config", "options.yaml"]
    command = [executable, "run", "signal.parquet", *where, "--format", "json", "--out", "tables"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    if done.returncode:
        raise Refused(re.findall(r"\b([A-Z_]{6,}): ", done.stderr)[0])
    tables = {path.stem: pd.read_parquet(path) for path in (folder / "tables").glob("*.parquet")}
    for table in tables.values():
        if "date" in table:
            table["date"] = pd.to_datetime(table["date"])
    tables["daily"] = tables["daily"].assign(traded=tables["turnover"]["traded"].to_numpy())
    return SimpleNamespace(**tables, diagnostics=json.loads(done.stdout)["diagnostics"])


SURFACES: dict[str, Runner] = {"python": through_python, "command line": through_command_line, "http": through_http}


@pytest.fixture
def config_of(name: str) -> dict[str, Any]:
    return dict(yaml.safe_load("\n".join(read_case(name)["config"])))


@pytest.mark.parametrize("name", CASES)
def test_oracle(name: str, config_of: dict[str, Any]) -> None:
    sections = read_case(name)
    config = {key: value for key, value in config_of.items() if key != "keep_weights"}
    panel, signal = make_panel(sections), make_signal(sections)
    if "refused" in sections:
        with pytest.raises(OracleRefused) as refusal:
            run(panel, signal, **config)
        assert refusal.value.code == sections["refused"][0].split()[1]
    else:
        check(run(panel, signal, **config), sections)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("surface", SURFACES)
@pytest.mark.parametrize("name", CASES)
@pytest.mark.filterwarnings("ignore:trade_before_avail")
def test_case(name: str, surface: str, threads: int, config_of: dict[str, Any], tmp_path: pathlib.Path) -> None:
    sections = read_case(name)
    fractile.create_snapshot("case", make_panel(sections), root=tmp_path, dtype="float64")
    config = {**config_of, "threads": threads}
    if "refused" in sections:
        with pytest.raises(Refused, match=f"^{sections['refused'][0].split()[1]}$"):
            SURFACES[surface](tmp_path, make_signal(sections), config)
    else:
        check(SURFACES[surface](tmp_path, make_signal(sections), config), sections)
