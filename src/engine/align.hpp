// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "engine/huge_array.hpp"
#include "engine/market.hpp"
#include "fractile/config.hpp"
#include "fractile/result.hpp"
#include "fractile/signal.hpp"

/// Stage 1, methodology section 2: from signal rows to one slot a panel row.
namespace fractile {

/// Why a row is not used: rule 7, in its order.
enum class Cause : std::uint8_t {
  null_key,
  null_signal,
  unknown_security,
  outside_dates,
  no_return,
  outside_universe,
  no_exposure,
  duplicate,
  bad_open_print,
};
inline constexpr int kNCauses = 9;
inline constexpr const char* kCauseNames[kNCauses] = {"null_key",      "null_signal", "unknown_security",
                                                      "outside_dates", "no_return",   "outside_universe",
                                                      "no_exposure",   "duplicate",   "bad_open_print"};
inline constexpr int kMaxExamples = 3;

struct CauseCount {
  std::int64_t count = 0;
  std::array<std::int64_t, kMaxExamples> rows{-1, -1, -1};  ///< first rows in input order
  void add(std::int64_t row) noexcept;
  void merge(const CauseCount& other) noexcept;
};

struct AlignCounts {
  std::array<CauseCount, kNCauses> causes;
  CauseCount impossible;          ///< rule 6: refused
  CauseCount infinite;            ///< refused
  CauseCount trade_before_avail;  ///< rule 6: warned about, or refused
  std::int64_t return_day_rolled = 0;
  std::int64_t rows_used = 0;
  std::int64_t rows_carried = 0;
  void merge(const AlignCounts& other) noexcept;
};

/// The signal by panel row: slot[row] is its value, or NaN. Kept between runs.
struct Slots {
  HugeArray<double> value;
  /// Residualized runs only: the row whose exposures belong to the signal row in this slot.
  HugeArray<RowIndex> exposure_row;
};

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
  std::array<std::uint64_t, 2> rows_hash{};
};

/// Fills `slots` for the rows of the view's days. The last of several rows on one (security, R)
/// wins. Cost: O(rows + panel rows of the view). Throws INFINITE_SIGNAL, IMPOSSIBLE_DATES,
/// TRADE_BEFORE_AVAIL, INVALID_POSITION.
Alignment align(const Market& market, const AlignRequest& request, Slots& slots);

/// hold_days: copies each used row onto the following days (methodology section 2, rule 9).
/// Returns the number of copies.
std::int64_t carry(const Market& market, int hold_days, int threads, bool with_exposures, Slots& slots);

/// One signal row as an example for diagnostics and errors.
RowExample describe_row(const SignalKeys& keys, std::int64_t row);

}  // namespace fractile
