// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <cstdint>
#include <functional>

#include "engine/align_counts.hpp"
#include "engine/huge_array.hpp"
#include "engine/key_resolver.hpp"
#include "engine/market.hpp"
#include "fractile/config.hpp"
#include "fractile/signal.hpp"

/// Stage 1, methodology section 2: from signal rows to one slot a panel row.
namespace fractile {

/// The signal by panel row: slot[row] is its value, or NaN. Kept between runs.
struct Slots {
  HugeArray<double> value;
  /// Residualized runs only: the row whose exposures belong to the signal row in this slot.
  HugeArray<RowIndex> exposure_row;
};

/// Memory for every panel row of the snapshot.
void reserve_slots(const Market& market, bool with_exposures, Slots& slots);
/// Empties the slots of the view's days.
void clear_slots(const Market& market, int threads, Slots& slots, const std::function<void()>& between);

struct AlignRequest {
  const SignalKeys* keys = nullptr;
  const double* values = nullptr;
  const RunConfig* config = nullptr;
  int threads = 1;
  std::function<void()> between;
};

struct Alignment {
  AlignCounts counts;
  /// Hash of the rows as the run reads them: ids, dates and times, values, in input order.
  Hash128 rows_hash{};
};

/// Fills `slots` for the rows of the view's days. The last of several rows on one (security, R)
/// wins. Cost: O(rows + panel rows of the view). Throws INFINITE_SIGNAL, IMPOSSIBLE_DATES,
/// TRADE_BEFORE_AVAIL, INVALID_POSITION.
Alignment align(const Market& market, const AlignRequest& request, Slots& slots);

/// hold_days: copies each used row onto the following days (methodology section 2, rule 9).
/// Returns the number of copies.
std::int64_t carry(const Market& market, int hold_days, int threads, bool with_exposures, Slots& slots,
                   const std::function<void()>& between);

}  // namespace fractile
