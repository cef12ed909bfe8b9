// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "fractile/config.hpp"
#include "fractile/result.hpp"
#include "fractile/signal.hpp"

/// The counts of alignment over the rows of a signal: methodology section 2, rules 6 and 7.
namespace fractile {

/// The cause for which a row is dropped: rule 7, in its order.
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
  CauseCount bad_position;        ///< input_type position: refused
  std::int64_t return_day_rolled = 0;
  std::int64_t rows_used = 0;
  void drop(Cause cause, std::int64_t row) noexcept { causes[static_cast<std::size_t>(cause)].add(row); }
  void merge(const AlignCounts& other) noexcept;
};

/// Throws INFINITE_SIGNAL, IMPOSSIBLE_DATES, TRADE_BEFORE_AVAIL or INVALID_POSITION if the counts require it.
void refuse_bad_rows(const AlignCounts& counts, const SignalKeys& keys, IdType type, const RunConfig& config);

/// One signal row as an example for diagnostics and errors. `type`: the kind of the snapshot's ids.
RowExample describe_row(const SignalKeys& keys, IdType type, std::int64_t row);
/// "row 3 (security_id 7, date_sig 2020-01-02)".
std::string format_row(const RowExample& example);

}  // namespace fractile
