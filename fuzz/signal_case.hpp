// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "bytes.hpp"
#include "fractile/config.hpp"
#include "fractile/signal.hpp"
#include "markets.hpp"

namespace fractile::fuzz {

/// One row of a signal in the units of the methodology: days, microseconds.
struct SignalRow {
  std::int64_t id = kMissingId;
  std::int64_t sig = 0;  ///< days; kMissingTime if missing
  std::int64_t avail = kMissingTime;
  std::int64_t given = kMissingTime;  ///< days: date_ret, with from_open date_openret
  double value = 0.0;
};

/// A run to try: a market, options, and rows with the types of their date columns.
struct SignalCase {
  const FuzzMarket* market = nullptr;
  RunConfig config;
  DateUnit sig_unit = DateUnit::day, avail_unit = DateUnit::day, given_unit = DateUnit::day;
  std::vector<SignalRow> rows;
};

/// Makes a case from any bytes; nearly all cases run.
SignalCase decode_case(Bytes bytes);
/// Describes a case for messages.
std::string describe_case(const SignalCase& made);

/// The rows of a case as the columns that a run reads.
class SignalColumns {
 public:
  SignalColumns(const std::vector<SignalRow>& rows, const SignalCase& made);
  /// Valid while this lives.
  const SignalKeys& keys() const noexcept { return keys_; }
  const std::vector<double>& values() const noexcept { return values_; }

 private:
  struct Dates {
    std::vector<Day> days;
    std::vector<std::int64_t> ticks;
  };
  static DateColumn fill(Dates& dates, DateUnit unit, const std::vector<std::int64_t>& ticks);

  std::vector<std::int64_t> ids_;
  std::vector<std::uint8_t> valid_;  // a bit per row
  std::vector<double> values_;
  Dates sig_, avail_, given_;
  SignalKeys keys_;
};

}  // namespace fractile::fuzz
