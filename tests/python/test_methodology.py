# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""The table of cases of docs/methodology.md section 2: each row is a run with the stated outcome."""

from __future__ import annotations

import pathlib

import fractile
import numpy as np
import pandas as pd
import pytest

PAGE = pathlib.Path(__file__).resolve().parents[2] / "docs" / "methodology.md"
DATES = {"Mon": "2020-03-02", "Tue": "2020-03-03", "Wed": "2020-03-04"}


def read_cases() -> list[dict[str, str]]:
    lines = iter(PAGE.read_text().splitlines())
    head = next(line for line in lines if line.startswith("| date_sig | date_avail |"))
    names = [cell.strip() for cell in head.strip("|").split("|")]
    next(lines)
    cases = []
    for line in lines:
        if not line.startswith("|"):
            return cases
        cases.append(dict(zip(names, (cell.strip() for cell in line.strip("|").split("|")), strict=True)))
    return cases


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    days = pd.bdate_range("2020-02-24", "2020-03-13")
    panel = pd.MultiIndex.from_product([days, range(1, 7)], names=["date", "security_id"]).to_frame(index=False)
    rng = np.random.default_rng(0)
    panel["ret"], panel["openret"] = rng.normal(0, 0.01, len(panel)), rng.normal(0, 0.01, len(panel))
    root = tmp_path_factory.mktemp("methodology")
    fractile.create_snapshot("week", panel, root=root)
    return fractile.BacktestService.get("week", root=root)


def to_date(text: str) -> pd.Timestamp:
    day, _, time = text.partition(" ")
    return pd.Timestamp(f"{DATES[day]} {time}")


def test_the_page_has_cases():
    assert len(read_cases()) >= 12


@pytest.mark.parametrize("case", read_cases(), ids=lambda case: " ".join(filter(None, list(case.values())[:4])))
@pytest.mark.filterwarnings("ignore")
def test_a_case_is_as_the_page_says(service, case):
    signal = pd.DataFrame({"security_id": range(1, 7), "signal": np.arange(6.0)})
    for column in ("date_sig", "date_avail", "date_ret"):
        if case[column]:
            signal[column] = to_date(case[column])
    options = {"mincos": 1, "fractile": (20, 80), "from_open": case["mode"] == "open"}
    if case["outcome"].startswith("refused"):
        with pytest.raises(fractile.SignalError, match="IMPOSSIBLE_DATES"):
            service.run(signal, **options)
        return
    result = service.run(signal, **options)
    assert list(result.daily["date"]) == [to_date(case["R"])]
    assert result.diagnostics["trade_before_avail"] == (len(signal) if "trade_before_avail" in case["outcome"] else 0)
