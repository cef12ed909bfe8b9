# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""Shows that the tests of the laws can fail: breaks one line at a time in a copy, and sees the named test fail.

make mutations                     all of them (about twenty minutes on two cores)
python tests/mutations.py NAME ... only those
python tests/mutations.py --table  the table of tests/README.md
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]


@dataclasses.dataclass(frozen=True)
class Mutation:
    """A mutation: one wrong line.

    Attributes:
        name: The fault, in a few words.
        law: The law that the fault breaks.
        file: The source that is changed.
        old: Text that occurs once in it.
        new: The text that replaces it.
        test: The test that notices: a pytest id below tests/python, or `cpp:` and a GoogleTest name.
    """

    name: str
    law: str
    file: str
    old: str
    new: str
    test: str


ASOF = "as_of.find_row(row, n)"
MUTATIONS = [
    Mutation(
        "missing values are forgotten",
        "rows given are rows used and rows dropped by cause",
        "src/engine/align/alignment.cpp",
        "counts.causes[static_cast<std::size_t>(Cause::null_signal)].merge(missing.rows);",
        "",
        "test_laws.py::test_rows_given_are_used_or_dropped",
    ),
    Mutation(
        "an alignment is cached for any lag",
        "a cached alignment changes nothing",
        "src/engine/align/alignment_cache.cpp",
        "  alone.lag = config.lag;\n",
        "",
        "test_laws.py::test_a_kept_alignment_changes_nothing",
    ),
    Mutation(
        "exposures of three days later",
        "nothing dated after t changes a result up to t",
        "src/engine/residual/exposures.cpp",
        "panel_.after(sig) - 1;",
        "std::min(panel_.n_dates() - 1, panel_.after(sig) + 2);",
        "test_laws.py::test_the_future_changes_nothing_before_it",
    ),
    Mutation(
        "weights by the size of the return day",
        "numbers that decide a weight were known at the trade",
        "src/engine/portfolio/weigher.cpp",
        ASOF,
        "row",
        "test_oracle.py::test_option[value-1]",
    ),
    Mutation(
        "universe of the return day",
        "numbers that decide the universe were known at the trade",
        "src/engine/align/eligibility_mask.cpp",
        "filters.empty() || keeps_all(filters, as_of.find_row(row, n))",
        "filters.empty() || keeps_all(filters, row)",
        "test_oracle.py::test_option[universe-1]",
    ),
    Mutation(
        "trade one day too early",
        "a signal that knows the return of its own return day earns a huge Sharpe at lag 0 and none at lag 1",
        "src/engine/align/return_day.cpp",
        "+ (from_open ? 0 : 1) + lag;",
        "+ lag;",
        "test_laws.py::test_perfect_foresight_pays_at_its_lag_only[False]",
    ),
    Mutation(
        "the open is at ten",
        "a time of day after the open is too late for the open",
        "src/engine/align/return_day.cpp",
        "kOpenTime = 9 * kMicrosPerHour",
        "kOpenTime = 10 * kMicrosPerHour",
        "test_oracle.py::test_dates[True-True-1]",
    ),
    Mutation(
        "a chunk forgets the day before it",
        "threads and chunks change no bit",
        "src/engine/day.cpp",
        "  build_books(n, false);\n",
        "  (void)n;\n",
        "test_oracle.py::test_option[plain-1]",
    ),
    Mutation(
        "tied names keep their highest rank",
        "tied names share their mean rank",
        "src/engine/portfolio/rank.cpp",
        "static_cast<double>(equal + 1) / 2.0; }",
        "static_cast<double>(equal); }",
        "test_golden.py::test_case[ranks_and_ties-python-1]",
    ),
    Mutation(
        "cuts a little below the rank",
        "an increasing transform of the signal keeps the book",
        "src/engine/portfolio/rank.cpp",
        "> limits.bm ? high.value :",
        "> limits.bm ? high.value - 10.0 :",
        "cpp:Rank.IncreasingTransformKeepsTheBook",
    ),
    Mutation(
        "no projection",
        "residuals are orthogonal to every regressor",
        "src/engine/residual/residualize.cpp",
        "for (int step = 0; step < kMostSteps; ++step) {",
        "if (length >= 0.0) return true;\n  for (int step = 0; step < kMostSteps; ++step) {",
        "test_laws.py::test_a_factor_in_the_signal_changes_no_position[factor]",
    ),
    Mutation(
        "residuals are not rounded",
        "names that are equal in exact arithmetic tie",
        "src/engine/residual/residualize.cpp",
        "const double rounded = std::nearbyint(y[i] / unit) * unit + 0.0;",
        "const double rounded = y[i] + 0.0 * unit;",
        "test_laws.py::test_a_signal_of_factors_alone_holds_nothing",
    ),
    Mutation(
        "neighbouring industries are merged",
        "renaming industries changes no bit",
        "src/engine/residual/regressors.cpp",
        "static_cast<std::uint16_t>(std::max(exposures.industry(rows[i]), 0));",
        "static_cast<std::uint16_t>(std::max(exposures.industry(rows[i]), 0) / 2);",
        "test_laws.py::test_renaming_industries_changes_no_bit",
    ),
    Mutation(
        "ids are cut to sixteen bits",
        "renaming securities in order changes no bit",
        "src/engine/panel/panel_view.hpp",
        "static_cast<std::uint64_t>(id) - static_cast<std::uint64_t>(lowest_id_);",
        "(static_cast<std::uint64_t>(id) & 0xFFFF) - (static_cast<std::uint64_t>(lowest_id_) & 0xFFFF);",
        "test_laws.py::test_renaming_securities_in_order_changes_no_bit",
    ),
    Mutation(
        "both sides are divided by one sum",
        "each side sums to one",
        "src/engine/portfolio/weigher.cpp",
        "w /= std::signbit(w) ? sum_short : sum_long;",
        "w *= 2.0 / (sum_long + sum_short);",
        "test_laws.py::test_sides_sum_to_one_and_net_is_gross_less_cost",
    ),
    Mutation(
        "a side with one name too few is held",
        "a side with fewer names than mincos is flat",
        "src/engine/portfolio/weigher.cpp",
        "book.n_long < config_.mincos",
        "book.n_long + 1 < config_.mincos",
        "test_oracle.py::test_option[mincos_uneven-1]",
    ),
    Mutation(
        "cost is subtracted twice",
        "net is gross less cost, to the last bit",
        "src/report/series.cpp",
        "out.ret_net[t] = out.ret[t] - cost;",
        "out.ret_net[t] = out.ret[t] - 2.0 * cost;",
        "test_laws.py::test_sides_sum_to_one_and_net_is_gross_less_cost",
    ),
    Mutation(
        "every trade has a cost above zero",
        "without costs net is gross",
        "src/engine/trading/naive_cost.cpp",
        "rate_of_class_[cap_classes_->of(trades.newest[i])];",
        "rate_of_class_[cap_classes_->of(trades.newest[i])] + 1e-9;",
        "test_laws.py::test_zero_cost_leaves_gross",
    ),
    Mutation(
        "a name in both books is traded twice",
        "trades are the change of the weights",
        "src/engine/trading/trade_list.cpp",
        "std::fabs(now.weight[i] - w);\n    w = 0.0;",
        "std::fabs(now.weight[i] - w);",
        "test_worked_example.py",
    ),
    Mutation(
        "the first day pays for its trades",
        "a group's first day is not charged",
        "src/report/series.cpp",
        "t == 0 && !shape.charges_entry",
        "false",
        "test_worked_example.py",
    ),
    Mutation(
        "months lose their first day",
        "slices by date concatenate to overall",
        "src/report/series.cpp",
        "    first = last;\n",
        "    first = last + 1;\n",
        "test_laws.py::test_years_concatenate_to_overall",
    ),
    Mutation(
        "a missing return stays NaN",
        "a held name without a return adds nothing",
        "src/engine/portfolio/portfolio_return.cpp",
        "returns_[i] = value == value ? value : 0.0;",
        "returns_[i] = value;",
        "test_oracle.py::test_option[plain-1]",
    ),
    Mutation(
        "copies are counted as rows",
        "rows given are rows used and rows dropped by cause",
        "src/report/diagnostics.cpp",
        'add("rows_used", align.rows_used);',
        'add("rows_used", align.rows_used + carried);',
        "test_laws.py::test_rows_given_are_used_or_dropped",
    ),
    Mutation(
        "the first of several rows wins",
        "of several rows for one name and day the last wins, with any number of threads",
        "src/engine/align/alignment.cpp",
        "slots[one.slot] = is_number ? value : before;",
        "slots[one.slot] = before == before ? before : value;",
        "test_laws.py::test_duplicates_take_the_last_row_whatever_the_threads",
    ),
    Mutation(
        "a row is held a day too long",
        "a row holds for hold_days days",
        "src/engine/align/extend_holding.cpp",
        "std::int64_t{n} + hold_days - 1;",
        "std::int64_t{n} + hold_days;",
        "test_golden.py::test_case[hold_days-python-1]",
    ),
    Mutation(
        "a column without dates counts as given",
        "an optional column of missing dates changes nothing",
        "src/engine/align/signal_dates.cpp",
        "ticks + n_rows, [](std::int64_t t) { return t == kMissingTime; });",
        "ticks + n_rows, [](std::int64_t) { return false; });",
        "test_laws.py::test_an_optional_column_of_missing_dates_changes_nothing",
    ),
    Mutation(
        "seconds are read as milliseconds",
        "every form of a signal gives the same bits and the same run_id",
        "src/engine/align/signal_dates.cpp",
        "days_of_ticks<ticks_per_day(DateUnit::second)>",
        "days_of_ticks<ticks_per_day(DateUnit::millisecond)>",
        "test_inputs.py::test_every_form_is_the_same_run[pandas_s]",
    ),
    Mutation(
        "bins weighted by the size of the return day",
        "numbers that decide a weight were known at the trade",
        "src/analysis/cells.cpp",
        "as_of_.find_rows(rows_, [previous = previous_rows_.data()](std::size_t i) { return previous[i]; }, n_, known_rows_.data());",
        "std::copy(rows_.begin(), rows_.end(), known_rows_.begin());",
        "test_oracle.py::test_option[quantiles_value-1]",
    ),
    Mutation(
        "a name that leaves a bin is not sold",
        "a bin trades as a book of its names",
        "src/analysis/cells.cpp",
        "(n_now - stayed) * weight + (n_before - stayed) * old;",
        "(n_now - stayed) * weight;",
        "test_analysis_tables.py::test_a_bin_trades_as_a_book_of_its_names",
    ),
    Mutation(
        "a chunk of days begins without the bins of the day before",
        "threads, row order and chunks change no bit",
        "src/analysis/quantiles.cpp",
        "if (before) take(*before);",
        "static_cast<void>(before);",
        "test_oracle.py::test_option[quantiles-1]",
    ),
    Mutation(
        "net weights by the category of the return day",
        "numbers that decide a group were known at the trade",
        "src/analysis/exposures.cpp",
        "as_of.find_row(day.book.row[i], day.book.previous[i], day.n)",
        "day.book.row[i]",
        "test_oracle.py::test_option[exposure_groups-1]",
    ),
    Mutation(
        "drilldown forgets the closing trade",
        "contributions and costs add up to the day",
        "src/analysis/drilldown.cpp",
        "pays_closing = row + 1 == n_rows && is_charged",
        "pays_closing = false",
        "test_analysis_tables.py::test_costs_and_capacity_include_a_charged_entry_and_exit",
    ),
    Mutation(
        "capacity charges the first day",
        "a row of capacity is a run of that size",
        "src/analysis/capacity.cpp",
        "i > 0 || is_charged_ ? unit_[days.places()[i]] : 0.0",
        "unit_[days.places()[i]]",
        "test_analysis_tables.py::test_a_row_of_capacity_is_a_run_of_that_size",
    ),
    Mutation(
        "a power beyond the range is taken as it is",
        "costs scale with a power of the capital",
        "src/engine/trading/unit_rates.cpp",
        "return std::isnormal(value) ? value : kNaN;",
        "return value;",
        "test_laws.py::test_power_law_costs_scale_with_a_power_of_the_capital[50.0]",
    ),
    Mutation(
        "the first run of an alpha has other rates",
        "a run has the same bits whatever is cached",
        "src/engine/trading/unit_rates.hpp",
        "if (row < first_ || row - first_ >= n_rows_) return rates_->compute(row);",
        "if (row < first_ || row - first_ >= n_rows_) return kNaN;",
        "test_laws.py::test_power_law_costs_have_the_same_bits_in_every_run",
    ),
    Mutation(
        "the sample of participations is trusted",
        "a quantile is that of the sorted numbers",
        "src/analysis/participations.cpp",
        "if (total - upper.size() > below) list_from(kMinusInfinity);",
        "",
        "cpp:Participations.ASampleThatMisleadsChangesNoQuantile",
    ),
    Mutation(
        "horizons are a day late",
        "a row of decay is the run at that lag",
        "src/analysis/decay.cpp",
        "return static_cast<std::size_t>(h) - 1;",
        "return static_cast<std::size_t>(h);",
        "test_analysis_tables.py::test_a_row_of_decay_is_the_run_at_that_lag",
    ),
    Mutation(
        "names that come back are forgotten",
        "a row of decay is the run at that lag",
        "src/analysis/later_days.cpp",
        "return days_[t].later_places.empty() ? signal_of(t) : signals_of(t, {}, all_names_);",
        "return signal_of(t);",
        "test_analysis_tables.py::test_horizons_are_the_runs_at_their_lags[{}-date_sig]",
    ),
    Mutation(
        "names that left stay ranked",
        "the names of a later run are those that are in the panel on its return day",
        "src/analysis/later_days.cpp",
        "for (const std::uint32_t name : missing_names_) missing_.push_back(signals.series.number[name]);",
        "",
        "test_analysis_tables.py::test_horizons_are_the_runs_at_their_lags[{}-date_sig]",
    ),
    Mutation(
        "a name that changes sides is bought and not sold",
        "a row of decay is the run at that lag",
        "src/analysis/equal_book.cpp",
        "times(to_long, long_now + short_before)",
        "times(to_long, long_now)",
        "test_analysis_tables.py::test_horizons_are_the_runs_at_their_lags[{}-date_sig]",
    ),
    Mutation(
        "a dependent double sort ranks over all names",
        "the second sort is within the bins of the first",
        "src/analysis/double_sort.cpp",
        "if (config_.double_style == DoubleStyle::dependent)",
        "if (config_.double_style != DoubleStyle::dependent)",
        "test_oracle.py::test_option[double_sort-1]",
    ),
    Mutation(
        "references of the return day",
        "what sets the breakpoints was known at the trade",
        "src/engine/align/eligibility_mask.cpp",
        "if (keeps_all(filters, as_of.find_row(row, n)))",
        "if (keeps_all(filters, row))",
        "test_oracle.py::test_option[breakpoints-1]",
    ),
    Mutation(
        "a name that was held stays on any side",
        "a held name stays on the side on which it was held",
        "src/engine/book_former.cpp",
        "held * (side == kStays * held)",
        "side / kStays * (held != kFlat)",
        "test_oracle.py::test_option[exit_groups-1]",
    ),
    Mutation(
        "the table of an overlap loses its first day",
        "an overlap is the mean of the formed books of the last days",
        "src/engine/held_books.cpp",
        "table.first = n + config_.overlap - 1;",
        "table.first = n + config_.overlap;",
        "test_oracle.py::test_option[overlap_long-1]",
    ),
    Mutation(
        "a fee for longs",
        "short positions pay a fee, long positions none",
        "src/engine/trading/borrow_fee.cpp",
        "if (!(book.weight[i] < 0.0)) continue;",
        "",
        "test_oracle.py::test_option[borrow-1]",
    ),
    Mutation(
        "a name that lives leaves",
        "a delisting return follows the last row of a name that leaves",
        "src/engine/panel/earned_returns.cpp",
        "if (last + 1 >= panel.n_dates()) continue;",
        "",
        "test_oracle.py::test_option[delisting-1]",
    ),
    Mutation(
        "the excess over a cap is not taken",
        "no weight is above the cap, and the sides sum to one",
        "src/engine/portfolio/weigher.cpp",
        "(1.0 - cap * static_cast<double>(n_capped)) / rest",
        "1.0 / rest",
        "test_construction.py::test_no_weight_is_above_the_cap_and_sides_sum_to_one",
    ),
]  # fmt: skip


def render_table() -> str:
    lines = ["| law | fault | file | test that fails |", "|---|---|---|---|"]
    for m in sorted(MUTATIONS, key=lambda m: m.law):
        lines.append(f"| {m.law} | {m.name} | `{m.file.removeprefix('src/')}` | `{m.test}` |")
    return "\n".join(lines) + "\n"


class Copy:
    """The sources in a folder of their own, with a build of the extension and the C++ tests."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.folder = folder
        self.build_folder = folder / "build"
        names = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
        for name in filter(None, names.split("\0")):
            if (ROOT / name).exists():
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, folder / name)
        # Paths relative to the copy, so that ccache finds earlier compilations for any place of the copy.
        self.environment = {
            **os.environ,
            "CCACHE_BASEDIR": str(folder),
            "CCACHE_NOHASHDIR": "1",
            "PYTHONPATH": f"{folder / 'python'}{os.pathsep}{folder}",
            "PYTHONDONTWRITEBYTECODE": "1",
        }

    def configure(self) -> None:
        options = ["FRACTILE_TESTS=ON", "FRACTILE_PYTHON=ON", "FRACTILE_FORMATS=OFF", "CMAKE_BUILD_TYPE=RelWithDebInfo"]
        # CMakeLists.txt sets the flags of Release itself.
        options += [f"Python_EXECUTABLE={sys.executable}", "CMAKE_CXX_FLAGS_RELWITHDEBINFO=-O1 -DNDEBUG"]
        command = ["cmake", "-G", "Ninja", "-S", str(self.folder), "-B", str(self.build_folder), *(f"-D{o}" for o in options)]
        self._run(command).check_returncode()

    def build(self, test: str) -> subprocess.CompletedProcess:
        """Builds what a test needs."""
        target = "fractile_tests" if test.startswith("cpp:") else "_core"
        done = self._run(["cmake", "--build", str(self.build_folder), "--target", target])
        for library in self.build_folder.glob("_core*.so"):
            link = self.folder / "python" / "fractile" / library.name
            link.unlink(missing_ok=True)
            link.symlink_to(library)
        return done

    def run_tests(self, tests: list[str]) -> subprocess.CompletedProcess:
        """Runs tests of one kind."""
        if tests[0].startswith("cpp:"):
            names = ":".join(test.removeprefix("cpp:") for test in tests)
            return self._run([str(self.build_folder / "tests" / "cpp" / "fractile_tests"), f"--gtest_filter={names}"])
        ids = [f"tests/python/{test}" for test in tests]
        return self._run([sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "--hypothesis-seed=0", *ids])

    def check_own(self) -> None:
        """Refuses to go on if the extension under test is not that of the copy."""
        found = self._run([sys.executable, "-c", "import fractile; print(fractile._core.__file__)"]).stdout.strip()
        if not found.startswith(str(self.folder)):
            raise SystemExit(f"expected the extension of the copy {self.folder}, found {found}. Check PYTHONPATH.")

    def _run(self, command: list[str]) -> subprocess.CompletedProcess:
        return subprocess.run(
            command, cwd=self.folder, env=self.environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )


def try_mutation(copy: Copy, mutation: Mutation) -> str:
    """Returns what went wrong; "" if the test noticed the mutation."""
    path = copy.folder / mutation.file
    text = path.read_text()
    if (count := text.count(mutation.old)) != 1:
        return f"expected the text once in {mutation.file}, found it {count} times: {mutation.old!r}. Correct `old` in tests/mutations.py."
    path.write_text(text.replace(mutation.old, mutation.new))
    try:
        built = copy.build(mutation.test)
        if built.returncode != 0:
            return f"expected the mutation to compile, found:\n{built.stdout[-2000:]}"
        code = copy.run_tests([mutation.test]).returncode
        if code == 1:
            return ""
        return "expected the test to fail, found that it passes" if code == 0 else f"expected a failing test, found status {code}"
    finally:
        path.write_text(text)


def check_unmutated(copy: Copy, mutations: list[Mutation]) -> None:
    for is_cpp in (False, True):
        tests = sorted({m.test for m in mutations if m.test.startswith("cpp:") == is_cpp})
        if not tests:
            continue
        if (built := copy.build(tests[0])).returncode != 0:
            raise SystemExit(f"expected the copy to build, found:\n{built.stdout[-3000:]}")
        if not is_cpp:
            copy.check_own()
        if (done := copy.run_tests(tests)).returncode != 0:
            raise SystemExit(f"expected the tests to pass without a mutation, found:\n{done.stdout[-3000:]}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help="parts of names of mutations; none: all")
    parser.add_argument("--table", action="store_true", help="print the table of tests/README.md")
    arguments = parser.parse_args()
    if arguments.table:
        print(render_table(), end="")
        return
    chosen = [m for m in MUTATIONS if not arguments.names or any(part in m.name for part in arguments.names)]
    if not chosen:
        raise SystemExit("expected the name of a mutation, found none of: " + "; ".join(m.name for m in MUTATIONS))
    missed = []
    with tempfile.TemporaryDirectory(prefix="fractile-mutations-") as folder:
        copy = Copy(pathlib.Path(folder))
        started = time.monotonic()
        copy.configure()
        check_unmutated(copy, chosen)
        print(f"without a mutation all named tests pass ({time.monotonic() - started:.0f} s)", flush=True)
        for mutation in chosen:
            started = time.monotonic()
            problem = try_mutation(copy, mutation)
            verdict = f"MISSED: {problem}" if problem else f"caught by {mutation.test}"
            print(f"{mutation.name}: {verdict} ({time.monotonic() - started:.0f} s)", flush=True)
            if problem:
                missed.append(mutation.name)
    print(f"{len(chosen) - len(missed)} of {len(chosen)} mutations caught")
    sys.exit(1 if missed else 0)


if __name__ == "__main__":
    main()
