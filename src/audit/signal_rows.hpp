// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "engine/align/align_counts.hpp"
#include "engine/panel/panel_view.hpp"
#include "fractile/config.hpp"
#include "fractile/signal.hpp"
#include "parallel/huge_array.hpp"

namespace fractile::audit {

/// The rows of a signal by the day on which it is made: the trading day of date_sig, the newest on or before it.
struct SignalRows {
  CauseCount impossible, before_avail;  ///< methodology section 2, rule 6
  CauseCount on_closed_days;            ///< date_sig between two trading days
  CauseCount before_first_row;          ///< date_sig before the name's first panel row
  std::int64_t names_before_first_row = 0;
  std::int64_t rows = 0;  ///< with a key and a number
  std::int64_t rows_with_return_day = 0;
  /// The rows of these whose day before the return day is after date_sig: its return is not known when the signal is made.
  std::int64_t rows_with_unknown_eve = 0;
  int first_k = 2;  ///< the number of the return day in the profile

  /// The signal's keys without impossible rows, which have no date_sig here: a run refuses them even if they have no value. The
  /// keys as given if there are none.
  SignalKeys possible(const SignalKeys& keys) const;
  std::vector<Day> possible_date_sig;  ///< by signal row; empty if no row is impossible
  /// By panel row: the value that the last signal row of that day has; NaN if there is none.
  HugeArray<double> by_panel_row;
  /// By panel row: the signal row of the value. Only if asked for.
  HugeArray<std::uint32_t> signal_row;
};

/// Throws INFINITE_SIGNAL, COLUMN_TYPE. `with_rows`: fill SignalRows::signal_row.
SignalRows read_signal_rows(const PanelView& panel, const SignalKeys& keys, const double* values, const RunConfig& config,
                            bool with_rows, int threads, const std::function<void()>& poll);

}  // namespace fractile::audit
