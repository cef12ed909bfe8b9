# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""The way from a vendor's file to the first backtest, by nothing but the printed messages."""

from __future__ import annotations

import re
import shlex
import subprocess

import numpy as np
import pandas as pd
import pytest

FLAG = re.compile(r"--(map|null|date-format|decimal|delimiter|encoding|sigvar) ('[^']*'|\S+)|(--abs-price)")


def make_crsp(has_classes: bool = False) -> pd.DataFrame:
    """A monthly file as CRSP writes it. `has_classes`: two securities share a ticker, and one has none at first."""
    rng = np.random.default_rng(5)
    months = pd.date_range("2018-01-31", periods=30, freq="BME")
    crsp = pd.MultiIndex.from_product([np.arange(10001, 10061), months], names=["PERMNO", "date"]).to_frame(index=False)
    n = len(crsp)
    crsp["TICKER"] = crsp["PERMNO"].map("T{:05d}".format)
    crsp["date"] = crsp["date"].dt.strftime("%Y%m%d")
    crsp["PRC"] = rng.lognormal(3, 0.5, n).round(2) * np.where(np.arange(n) % 9, 1, -1)
    crsp["RET"] = rng.normal(0.01, 0.08, n).round(6).astype(object)
    crsp.loc[::211, "RET"] = "C"
    crsp.loc[5::503, "RET"] = "B"
    crsp["SHROUT"] = rng.integers(1000, 900000, n)
    if has_classes:
        crsp.loc[crsp["PERMNO"] == 10007, "TICKER"] = "T10008"
        crsp.loc[(crsp["PERMNO"] == 10009) & (crsp["date"] < "2018-06"), "TICKER"] = None
    return crsp


def with_commas(crsp: pd.DataFrame) -> pd.DataFrame:
    """pandas writes no decimal comma into a column of mixed types."""
    return crsp.assign(RET=crsp["RET"].astype(str).str.replace(".", ","))


def score(rows: pd.DataFrame, keys: list[str], name: str = "value") -> pd.DataFrame:
    return rows[keys].assign(**{name: np.random.default_rng(6).normal(size=len(rows)).round(4)})


class Newcomer:
    """Types commands, and does what their messages say."""

    def __init__(self, executable: str, folder):
        self.executable, self.folder = executable, folder

    def type(self, command: str, status: int = 0) -> subprocess.CompletedProcess:
        words = shlex.split(command)
        assert words.pop(0) == "fractile"
        environment = {"PATH": "/usr/bin", "FRACTILE_COMMAND": "fractile"}
        done = subprocess.run([self.executable, *words], cwd=self.folder, capture_output=True, text=True, env=environment)
        assert done.returncode == status, f"{command}\n{done.stdout}{done.stderr}"
        return done

    def refused(self, command: str) -> str:
        return self.type(command, status=1).stderr

    def next_of(self, created: subprocess.CompletedProcess, signal: str) -> str:
        """The line that `create` prints last, on this signal."""
        line = created.stdout.splitlines()[-1]
        assert line.startswith("Next: fractile run SIGNAL ")
        return line.removeprefix("Next: ").replace("SIGNAL", signal)


def mend(command: str, message: str) -> str:
    """The command as its refusal or warning says to type it."""
    if leave_out := re.search(r"Leave out((?: --map (?:'[^']*'|[^\s.]+))+)", message):
        for flag in re.findall(r"--map (?:'[^']*'|\S+)", leave_out[1]):
            assert f" {flag}" in command
            command = command.replace(f" {flag}", "")
        message = message.replace(leave_out[0], "")
    for name, value, alone in FLAG.findall(message.split(", or make it missing")[0]):
        # A mark ends like the sentence that follows it.
        is_mark = name in ("decimal", "delimiter") and not value.startswith(("'", "tab"))
        command += f" {alone}" if alone else f" --{name} {value[0] if is_mark else value.rstrip('.,)')}"
    return command


def test_tickers_and_a_file_of_crsp(executable, tmp_path):
    someone = Newcomer(executable, tmp_path)
    crsp = make_crsp()
    crsp.to_csv(tmp_path / "panel.csv", index=False)
    score(crsp, ["TICKER", "date"]).to_csv(tmp_path / "signal.csv", index=False)
    create = "fractile snapshot create my-data --panel panel.csv"
    names = someone.refused(create)
    assert "security_id can also be TICKER." in names
    create = mend(create, names)
    create = mend(create, someone.refused(create))  # the letters
    made = someone.type(create)
    assert "not_positive" in made.stderr and '"PRC" are negative' in made.stderr
    run = someone.next_of(made, "signal.csv")
    run = mend(run, someone.refused(run))  # the names, every one
    by_ticker = someone.refused(run)
    create = mend(mend(create, made.stderr), by_ticker)  # midpoints without their sign, and the ids of the signal
    removal = re.search(r"\((fractile snapshot remove .*)\)", someone.refused(create))
    someone.type(removal[1])
    made = someone.type(create)
    assert "not_positive" not in made.stderr
    run = someone.next_of(made, "signal.csv")
    assert run.endswith(" --map security_id=TICKER")
    run = mend(run, someone.refused(run))
    assert re.search(
        r"1740 of 1800 rows used \(60 outside_dates\), load", someone.type(run).stderr
    )  # the last month has no return after it


def test_a_ticker_that_is_not_unique_is_not_proposed_as_id(executable, tmp_path):
    someone = Newcomer(executable, tmp_path)
    crsp = make_crsp(has_classes=True)
    crsp.to_csv(tmp_path / "panel.csv", index=False)
    score(crsp, ["TICKER", "date"]).dropna().to_csv(tmp_path / "signal.csv", index=False)
    names = "--map security_id=PERMNO --map ret=RET --null ret=C,B"
    someone.type(f"fractile snapshot create my-data --panel panel.csv {names}")
    flags = "--map security_id=TICKER --map date_sig=date --sigvar value"
    message = someone.refused(f"fractile run signal.csv --snapshot my-data {flags}")
    assert "--map" not in message
    assert 'look them up in the panel by "TICKER" and date' in message
    keys = crsp[["TICKER", "date", "PERMNO"]].drop_duplicates(["TICKER", "date"])
    pd.read_csv(tmp_path / "signal.csv").astype({"date": str}).merge(keys).to_csv(tmp_path / "signal.csv", index=False)
    someone.type(f"fractile run signal.csv --snapshot my-data {flags.replace('TICKER', 'PERMNO')}")


def test_the_next_line_has_the_names_and_forms_of_the_panel(executable, tmp_path):
    someone = Newcomer(executable, tmp_path)
    crsp = make_crsp().assign(date=lambda f: pd.to_datetime(f["date"]).dt.strftime("%d.%m.%Y"))
    crsp = crsp.rename(columns={"date": "Month, end", "PERMNO": "Stück"})
    form = {"index": False, "sep": "^", "decimal": ",", "encoding": "latin-1"}
    with_commas(crsp).to_csv(tmp_path / "panel.csv", **form)
    score(crsp, ["Stück", "Month, end"], "signal").to_csv(tmp_path / "signal.csv", **form)
    maps = r"--map security_id=Stück --map 'date=Month\, end' --map ret=RET --null ret=C,B --map prc=PRC --abs-price"
    forms = "--date-format %d.%m.%Y --delimiter '^' --decimal , --encoding latin-1"
    made = someone.type(f"fractile snapshot create my-data --panel panel.csv {maps} {forms}")
    assert "1740 of 1800 rows used" in someone.type(someone.next_of(made, "signal.csv")).stderr


SIGNALS = {
    "our names": (["security_id", "date_sig"], "signal", {}),
    "other names": (["asset", "month_end"], "score", {}),
    "our names and other ones": (["security_id", "day"], "signal", {}),
    "points": (["PERMNO", "MthCalDt"], "signal", {"sep": ";"}),
    "commas between": (["PERMNO", "MthCalDt"], "signal", {"sep": ","}),
    "tabs between": (["PERMNO", "MthCalDt"], "signal", {"sep": "\t"}),
}


@pytest.mark.parametrize("kind", SIGNALS)
def test_a_signal_unlike_its_panel_is_refused_and_the_remedy_works(executable, tmp_path, kind):
    """A line that repeats the panel's names must not lead astray."""
    someone = Newcomer(executable, tmp_path)
    crsp = make_crsp().rename(columns={"date": "MthCalDt"})
    with_commas(crsp).to_csv(tmp_path / "panel.csv", index=False, sep="^", decimal=",")
    names = "--map security_id=PERMNO --map date=MthCalDt --map ret=RET --null ret=C,B --map prc=PRC --abs-price"
    made = someone.type(f"fractile snapshot create my-data --panel panel.csv {names} --delimiter '^' --decimal ,")
    keys, value, form = SIGNALS[kind]
    rows = crsp.rename(columns={"PERMNO": keys[0], "MthCalDt": keys[1]})
    score(rows, keys, value).to_csv(tmp_path / "signal.csv", index=False, **form)
    run = someone.next_of(made, "signal.csv")
    n_refused = 0
    while True:
        words = shlex.split(run)[1:]
        done = subprocess.run([executable, *words], cwd=tmp_path, capture_output=True, text=True)
        if done.returncode == 0:
            break
        n_refused += 1
        assert n_refused <= 3, done.stderr
        run = mend(run, done.stderr)
    assert "1740 of 1800 rows used" in done.stderr
    assert n_refused > 0
