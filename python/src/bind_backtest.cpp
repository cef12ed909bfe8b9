// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include <nanobind/stl/optional.h>
#include <nanobind/stl/shared_ptr.h>
#include <nanobind/stl/string.h>

#include "bind.hpp"
#include "fractile/backtest.hpp"
#include "fractile/error.hpp"
#include "gate.hpp"

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

}  // namespace

void bind_backtest(nb::module_& module) {
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
          "run",
          [](const Backtester& self, const Signal& signal, int column, const RunConfig& config, bool keys_come_again) {
            if (column < 0 || column >= static_cast<int>(signal.values.size())) throw nb::index_error("no such value column");
            auto result = std::make_shared<Result>();
            run_released([&](const Interrupt& interrupt) {
              *result =
                  self.run(signal.keys, signal.values[static_cast<std::size_t>(column)], config, interrupt, keys_come_again);
            });
            return RawResult{std::move(result)};
          },
          nb::arg("signal"), nb::arg("column"), nb::arg("config"), nb::arg("keys_come_again") = false,
          "One backtest. Raises FractileError.");
}

}  // namespace fractile::python
