// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include <nanobind/stl/optional.h>
#include <nanobind/stl/shared_ptr.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include "bind.hpp"
#include "fractile/audit.hpp"
#include "fractile/backtest.hpp"
#include "fractile/error.hpp"
#include "fractile/fama_macbeth.hpp"
#include "fractile/similarity.hpp"
#include "gate.hpp"
#include "output/audit.hpp"
#include "output/fama_macbeth.hpp"
#include "service/run_options.hpp"
#include "service/sheet_run.hpp"

namespace nb = nanobind;

namespace fractile::python {
namespace {

std::optional<Day> read_day(const std::optional<std::string>& text, const char* name) {
  if (!text) return std::nullopt;
  Day day = 0;
  if (!parse_day(*text, day))
    throw Error(ErrorCode::INVALID_VALUE,
                std::string("expected ") + name + " as a date such as 2020-01-31, found \"" + *text + "\". Correct it.");
  return day;
}

const double* column_of(const Signal& signal, int column) {
  if (column < 0 || column >= static_cast<int>(signal.values.size())) throw nb::index_error("no such value column");
  return signal.values[static_cast<std::size_t>(column)];
}

}  // namespace

void bind_backtest(nb::module_& module) {
  // A list: one binding after the other.
  nb::class_<Backtester>(module, "Backtester", "Runs backtests on a snapshot between two dates. Thread-safe.")
      .def(
          "__init__",
          [](Backtester* self, const std::shared_ptr<Snapshot>& snapshot, const std::optional<std::string>& start,
             const std::optional<std::string>& end, bool compact, int cache_size) {
            new (self)
                Backtester(make_view(snapshot, read_day(start, "start_date"), read_day(end, "end_date"), compact), cache_size);
          },
          nb::arg("snapshot"), nb::arg("start_date").none(), nb::arg("end_date").none(), nb::arg("compact"),
          nb::arg("cache_size") = kDefaultCacheSize)
      .def_prop_ro(
          "dates_count", [](const Backtester& self) { return self.view().last - self.view().first + 1; }, "Loaded trading days.")
      .def_prop_ro(
          "master_rows",
          [](const Backtester& self) {
            const View& view = self.view();
            std::int64_t rows = 0;
            for (DateIndex n = view.first; n <= view.last; ++n) rows += view.snapshot->row_end(n) - view.snapshot->row_begin(n);
            return rows;
          },
          "Panel rows of the loaded days.")
      .def_prop_ro(
          "storage", [](const Backtester& self) { return self.view().storage == Storage::float32 ? "float32" : "float64"; },
          "Type in which reals are read.")
      .def(
          "has_group", [](const Backtester& self, const std::string& byvar) { return has_group(*self.view().snapshot, byvar); },
          nb::arg("byvar"), "True for overall, year, quarter, month and for columns of the snapshot.")
      .def(
          "run",
          [](const Backtester& self, const Signal& signal, int column, const RunConfig& config) {
            auto result = std::make_shared<Result>();
            const double* const values = column_of(signal, column);
            run_released([&](const Interrupt& interrupt) { *result = self.run(signal.keys, values, config, interrupt); });
            return RawResult{std::move(result)};
          },
          nb::arg("signal"), nb::arg("column"), nb::arg("config"), "One backtest. Raises FractileError.")
      .def(
          "with_sheet_tables",
          [](const Backtester& self, const Signal& signal, int column, const RunConfig& config, const RawResult& raw) {
            auto result = std::make_shared<Result>();
            const double* const values = column_of(signal, column);
            run_released([&](const Interrupt& interrupt) {
              *result = with_sheet_tables(self, signal.keys, values, config, *raw.result, interrupt);
            });
            return RawResult{std::move(result)};
          },
          nb::arg("signal"), nb::arg("column"), nb::arg("config"), nb::arg("result"),
          "The result with the tables that a tear sheet draws; as it is if the signal has changed.")
      .def(
          "run_many",
          [](const Backtester& self, const Signal& signal, const std::vector<int>& columns, const std::vector<RunConfig>& configs,
             bool stop_on_error, const nb::callable& on_done) {
            if (columns.size() != configs.size()) throw nb::value_error("a column and a configuration a run");
            std::vector<RunCell> cells;
            for (std::size_t i = 0; i < columns.size(); ++i) cells.push_back({column_of(signal, columns[i]), configs[i]});
            std::vector<RunOutcome> outcomes;
            run_released([&](const Interrupt& interrupt) {
              outcomes = self.run_many(signal.keys, cells, stop_on_error, interrupt, [&](std::size_t n_done) {
                const nb::gil_scoped_acquire lock;
                on_done(n_done);
              });
            });
            nb::list out;
            for (RunOutcome& outcome : outcomes) {
              if (outcome.result)
                out.append(RawResult{std::make_shared<Result>(*std::move(outcome.result))});
              else
                out.append(outcome.error ? to_exception(outcome.error) : nb::none());
            }
            return out;
          },
          nb::arg("signal"), nb::arg("columns"), nb::arg("configs"), nb::arg("stop_on_error"), nb::arg("on_done"),
          "Runs on the same keys: by cell a result, the exception that ended it, or None if it was not begun.")
      .def(
          "audit",
          [](const Backtester& self, const Signal& signal, const RunConfig& config, const Signal* previous) {
            const double* const values = column_of(signal, 0);
            std::optional<SignalVintage> older;
            if (previous) older.emplace(SignalVintage{previous->keys, column_of(*previous, 0)});
            std::string json;
            run_released([&](const Interrupt& interrupt) {
              json = audit_to_json(audit_signal(self, signal.keys, values, config, older ? &*older : nullptr, interrupt),
                                   Orient::split);
            });
            return json;
          },
          nb::arg("signal"), nb::arg("config"), nb::arg("previous").none(),
          "Examines the first value column for look-ahead: the answer of POST /audit?orient=split.")
      .def(
          "fama_macbeth",
          [](const Backtester& self, const Signal& signal, const std::vector<std::string>& names, const RunConfig& config,
             const std::vector<std::string>& controls, bool standardize, double winsorize, std::int64_t lags,
             std::int64_t min_names) {
            std::vector<NamedValues> signals;
            for (std::size_t k = 0; k < names.size(); ++k) signals.push_back({names[k], column_of(signal, static_cast<int>(k))});
            const FamaMacBethOptions options{controls, standardize, winsorize, lags, min_names};
            std::string json;
            run_released([&](const Interrupt& interrupt) {
              json = fama_macbeth_to_json(fama_macbeth(self, signal.keys, signals, config, options, interrupt), Orient::split);
            });
            return json;
          },
          nb::arg("signal"), nb::arg("names"), nb::arg("config"), nb::arg("controls"), nb::arg("standardize"),
          nb::arg("winsorize"), nb::arg("lags"), nb::arg("min_names"),
          "Regresses returns on the value columns, day by day: the answer of POST /fama_macbeth?orient=split.")
      .def(
          "compare_signals",
          [](const Backtester& self, const Signal& signal, const Signal& other, const RunConfig& config) {
            const SignalColumn a{signal.keys, column_of(signal, 0)}, b{other.keys, column_of(other, 0)};
            Similarity found{};
            run_released([&](const Interrupt& interrupt) { found = compare_signals(self, a, b, config, interrupt); });
            return nb::make_tuple(found.rank_correlation, found.days, found.common);
          },
          nb::arg("signal"), nb::arg("other"), nb::arg("config"), "Mean rank correlation, its days, share of common rows.");
}

}  // namespace fractile::python
