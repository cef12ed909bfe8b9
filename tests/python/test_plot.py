# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""The picture of a result: the contents of its panels, and the same picture from the command line."""

from __future__ import annotations

import base64
import os
import re
import subprocess
import sys
import warnings

import fractile
import numpy as np
import pandas as pd
import pytest
from oracle.markets import make_panel, make_signal

pytest.importorskip("matplotlib")
LABELS = ["return", "drawdown", "turnover", "months"]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory):
    folder = tmp_path_factory.mktemp("plot")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the data report
        fractile.create_snapshot("v1", make_panel(6, n_days=300), root=folder)
    return folder


@pytest.fixture(scope="module")
def service(root):
    return fractile.BacktestService.get("v1", root=root)


@pytest.fixture(scope="module")
def rows():
    return make_signal(make_panel(6, n_days=300), 6, messy=False)


@pytest.fixture(scope="module")
def result(service, rows):
    return service.run(rows, mincos=2)


def test_a_notebook_shows_the_figure(result):
    assert result.plot()._repr_png_().startswith(b"\x89PNG")


def test_a_notebook_shows_the_picture_with_the_result(result, service, rows):
    page = result._repr_html_()
    found = re.search(r'<img src="data:image/png;base64,([^"]+)" alt="[^"]+">', page)
    assert base64.b64decode(found[1], validate=True).startswith(b"\x89PNG")
    assert page.index("<table") < found.start() and len(page) < 250_000
    assert "<img" not in service.run(rows.head(1))._repr_html_()


def axes_of(figure) -> dict:
    assert [axes.get_label() for axes in figure.axes] == LABELS
    return dict(zip(LABELS, figure.axes, strict=True))


def lines_of(axes) -> dict:
    return {line.get_label(): line for line in axes.lines if not line.get_label().startswith("_")}


def test_lines_are_the_daily_table(result):
    axes, daily = axes_of(result.plot()), result.daily
    lines = lines_of(axes["return"])
    assert set(lines) == {"gross", "net of costs"}
    np.testing.assert_array_equal(lines["gross"].get_ydata(), daily["cumret"])
    np.testing.assert_array_equal(lines["net of costs"].get_ydata(), daily["cumret_net"])
    np.testing.assert_array_equal(lines["gross"].get_xdata(), daily["date"].to_numpy())
    np.testing.assert_array_equal(axes["drawdown"].lines[-1].get_ydata(), daily["drawdown"])
    assert axes["drawdown"].get_ylim()[1] == 0
    lines = lines_of(axes["turnover"])
    np.testing.assert_array_equal(lines["per day"].get_ydata(), daily["turnover"])
    mean = daily["turnover"].rolling(21).mean()
    np.testing.assert_allclose(lines["mean of 21 days"].get_ydata(), mean, rtol=0, atol=1e-12)


def test_months_sum_to_years(result):
    heat = axes_of(result.plot())["months"]
    daily = result.daily
    want = daily["ret"].groupby([daily["date"].dt.year, daily["date"].dt.month]).sum().unstack()  # noqa: PD010
    drawn = np.ma.filled(heat.images[0].get_array().astype(float), np.nan)
    assert drawn.shape == (len(want), 12)
    np.testing.assert_allclose(drawn, want.reindex(columns=range(1, 13)), rtol=0, atol=1e-12)
    assert [text.get_text() for text in heat.get_yticklabels()] == list(map(str, want.index))
    assert [text.get_text() for text in heat.get_xticklabels()][::6] == ["Jan", "Jul", "year"]
    years = [text.get_text() for text in heat.texts if text.get_position()[0] > 11.5]
    assert years == [f"{100 * total:.1f}" for total in want.sum(axis=1)]
    assert len(heat.texts) == want.notna().sum().sum() + len(want)
    low, high = heat.images[0].get_clim()
    assert low == -high
    np.testing.assert_allclose(high, np.nanmax(np.abs(want.to_numpy())), rtol=1e-12)


def test_the_title_says_what_was_earned(result):
    title = result.plot().get_suptitle()
    for words in (f"Sharpe {result.sharpe:.2f}", "net of costs", f"{result.annual_return:.1%} a year", "v1, 2020-01-"):
        assert words in title


def test_a_monthly_book_has_monthly_words(tmp_path):
    panel = make_panel(6, n_days=60)
    months = dict(zip(sorted(panel["date"].unique()), pd.date_range("2018-01-31", periods=60, freq="BME"), strict=True))
    panel = panel.assign(date=panel["date"].map(months))
    rows = panel[["security_id", "date", "ret"]].rename(columns={"date": "date_sig", "ret": "signal"})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the data report and of the book
        fractile.create_snapshot("monthly", panel, root=tmp_path)
        figure = fractile.BacktestService.get("monthly", root=tmp_path).run(rows, mincos=2).plot()
    assert "% a month" in figure.get_suptitle()
    assert set(lines_of(axes_of(figure)["turnover"])) == {"per month", "mean of 12 months"}


def test_panels_share_their_dates(result):
    top, middle, bottom, _ = result.plot().axes
    assert top.get_xlim() == middle.get_xlim() == bottom.get_xlim()
    assert not any(label.get_visible() and label.get_text() for label in top.get_xticklabels())


def test_without_costs_there_is_no_net_line(service, rows):
    axes = axes_of(service.run(rows, mincos=2, calc_turnover=False).plot())
    assert set(lines_of(axes["return"])) == {"gross"}
    assert not axes["turnover"].lines
    assert axes["turnover"].texts[0].get_text() == "not computed"


@pytest.mark.filterwarnings("error", "ignore:NO_BOOK")
def test_a_result_without_a_position_is_an_empty_page(service, rows, tmp_path):
    result = service.run(rows, mincos=1000)
    figure = result.plot(str(tmp_path / "empty.png"))
    assert not axes_of(figure)["months"].images
    assert figure.get_suptitle() == "No position on any day\nv1"


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(("ending", "head"), [(".png", b"\x89PNG"), (".pdf", b"%PDF"), (".svg", b"<?xml")])
def test_files_of_every_kind(result, tmp_path, ending, head):
    path = tmp_path / f"result{ending}"
    result.plot(str(path))
    assert path.read_bytes().startswith(head)
    assert path.stat().st_size > 10_000


def test_another_ending_is_refused(result):
    with pytest.raises(fractile.ConfigError, match=r'\.png, \.pdf, \.svg, found "a/result.jpeg". Write "result.png"'):
        result.plot("a/result.jpeg")


@pytest.fixture(scope="module")
def signal_file(rows, tmp_path_factory):
    path = tmp_path_factory.mktemp("signal") / "signal.parquet"
    rows.astype({"date_sig": "datetime64[us]"}).to_parquet(path)
    return path


def run(command, signal_file, root, path, **environment) -> subprocess.CompletedProcess:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("FRACTILE_")}
    arguments = ["run", signal_file, "--root", root, "--mincos", "2", "--plot", path]
    return subprocess.run([*command, *arguments], env={**kept, **environment}, capture_output=True, text=True)


def test_the_command_line_draws_what_python_draws(executable, signal_file, root, service, tmp_path):
    launcher = [sys.executable, "-c", "from fractile._launcher import main; main()"]
    done = run(launcher, signal_file, root, tmp_path / "launched.svg")
    assert done.returncode == 0 and "Warning" not in done.stderr, done.stderr
    done = run([executable], signal_file, root, tmp_path / "named.svg", FRACTILE_PYTHON=sys.executable)
    assert done.returncode == 0, done.stderr
    service.run(signal_file, mincos=2).plot(str(tmp_path / "python.svg"))
    shapes = [(tmp_path / f"{name}.svg").read_text().count("<path") for name in ("launched", "named", "python")]
    assert shapes[0] == shapes[1] == shapes[2] > 50


def test_the_command_line_says_why_it_cannot_draw(executable, signal_file, root, tmp_path):
    alone = run([executable], signal_file, root, tmp_path / "a.png")
    assert alone.returncode == 2 and "found the executable alone" in alone.stderr and not alone.stdout
    ending = run([executable], signal_file, root, tmp_path / "a.jpg", FRACTILE_PYTHON=sys.executable)
    assert ending.returncode == 2 and "ends in .png" in ending.stderr and not ending.stdout
    no_folder = run([executable], signal_file, root, tmp_path / "none" / "a.png", FRACTILE_PYTHON=sys.executable)
    assert no_folder.returncode == 1 and "IO_FAILURE" in no_folder.stderr and "No such file" in no_folder.stderr
    no_python = run([executable], signal_file, root, tmp_path / "a.png", FRACTILE_PYTHON="/nowhere/python")
    assert no_python.returncode == 1 and "IO_FAILURE" in no_python.stderr


def test_a_page_from_json(result, tmp_path):
    code = [sys.executable, "-m", "fractile.plot", str(tmp_path / "a.png")]
    assert subprocess.run(code, input=result.to_json("split"), text=True).returncode == 0
    usage = subprocess.run(code[:3], input="", text=True, capture_output=True)
    assert usage.returncode == 2 and "usage" in usage.stderr


@pytest.fixture(scope="module")
def analysed(service, rows):
    asked = ["quantiles", "decay", "capacity", "double_sort"]
    return service.run(rows, mincos=2, analysis=asked, double_var="score", n_fractile=4, horizons=[5, 1, 2])


def test_a_bar_for_each_quantile_and_the_line_of_their_spread(analysed):
    bars, line = analysed.plot(table="quantiles").axes
    np.testing.assert_array_equal([bar.get_height() for bar in bars.patches], analysed.quantiles["ret_ann"].iloc[:4])
    spread = analysed.quantile_daily.query("bin == 'top-bottom'")["ret"].cumsum()
    np.testing.assert_array_equal(line.lines[-1].get_ydata(), spread)


def test_decay_is_drawn_by_horizon(analysed):
    bars, line = analysed.plot(table="decay").axes
    table = analysed.decay.sort_values("horizon")
    np.testing.assert_array_equal([bar.get_height() for bar in bars.patches], table["ic"])
    assert [text.get_text() for text in bars.get_xticklabels()] == ["1", "2", "5"]
    np.testing.assert_array_equal(line.lines[-1].get_ydata(), table["rank_autocorrelation"])


def test_capacity_is_drawn_by_size(analysed):
    for axes, column in zip(analysed.plot(table="capacity").axes, ("sharpe_ret_net", "ret_net_ann"), strict=True):
        line = next(line for line in axes.lines if len(line.get_xdata()) == 8)
        np.testing.assert_array_equal(line.get_xdata(), analysed.capacity["gmv_musd"])
        np.testing.assert_array_equal(line.get_ydata(), analysed.capacity[column])


def test_a_double_sort_is_a_grid_of_its_cells(analysed, tmp_path):
    axes = analysed.plot(tmp_path / "grid.svg", table="double_sort").axes[0]
    np.testing.assert_array_equal(axes.images[0].get_array().ravel(), analysed.double_sort["ret_ann"])
    assert [text.get_text() for text in axes.get_yticklabels()] == ["1", "2", "3", "average"]
    assert (tmp_path / "grid.svg").read_text().startswith("<?xml")


@pytest.mark.parametrize(
    ("table", "words"), [("daily", "expected a table among quantiles"), ("decay", 'Pass analysis=\\["decay"\\]')]
)
def test_a_picture_that_is_not_there_is_refused(result, table, words):
    with pytest.raises(fractile.ConfigError, match=words):
        result.plot(table=table)
