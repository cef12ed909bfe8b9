# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""The hand-computed cases of tests/cases, each against the engine and against the oracle.

A case is a text file: `#` lines are its calculation, `[name]` opens a table of columns parted by spaces. In the wide tables a
column is a security; `-` is no row, `nan` a row whose value is missing. Expected numbers may be written as sums of products.
"""

from __future__ import annotations

import ast
import operator
import pathlib
from types import SimpleNamespace

import fractile
import numpy as np
import pandas as pd
import pytest
import yaml
from oracle import OracleRefused, run

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
    """Every number that the case names; `result` is the engine's or the oracle's."""
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
    """The engine's tables, with `traded` beside the daily columns as the cases write it."""
    daily = result.daily.assign(traded=result.turnover["traded"].to_numpy())
    names = ("summary", "weights", "ic", "fractile", "coverage", "diagnostics")
    return SimpleNamespace(daily=daily, **{name: getattr(result, name) for name in names})


@pytest.mark.parametrize("name", CASES)
@pytest.mark.filterwarnings("ignore:trade_before_avail")
def test_case(name: str, tmp_path: pathlib.Path) -> None:
    sections = read_case(name)
    config = yaml.safe_load("\n".join(sections["config"]))
    panel, signal = make_panel(sections), make_signal(sections)
    fractile.create_snapshot("case", panel, root=tmp_path, dtype="float64")
    service = fractile.BacktestService.get("case", root=tmp_path, compact=False)
    oracle_config = {k: v for k, v in config.items() if k != "keep_weights"}
    if "refused" in sections:
        code = sections["refused"][0].split()[1]
        with pytest.raises(fractile.FractileError) as engine:
            service.run(signal, **config)
        with pytest.raises(OracleRefused) as oracle:
            run(panel, signal, **oracle_config)
        assert engine.value.code == oracle.value.code == code
        return
    check(run(panel, signal, **oracle_config), sections)
    check(engine_view(service.run(signal, **config)), sections)
