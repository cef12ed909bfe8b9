// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "fractile/backtest.hpp"
#include "fractile/panel.hpp"
#include "fractile/snapshot.hpp"

/// Small markets for runs under a fuzzer, and their rows as plain numbers for checks.
namespace fractile::fuzz {

/// A panel row as the snapshot got it; NaN, kMissingCode and "" are missing values.
struct PanelRow {
  std::int64_t id = 0;
  Day day = 0;
  double ret = 0, openret = 0, resret = 0, mcap = 0, adv = 0, vol = 0, close_adj = 0;
  std::array<double, kNExposures> exposures{};
  std::int32_t cap = kMissingCode, industry = kMissingCode;
  std::string country;
};

struct FuzzMarket {
  std::vector<PanelRow> rows;
  std::vector<Day> dates;         ///< ascending
  std::vector<std::int64_t> ids;  ///< ascending
  bool has_all_columns = true;    ///< false: only ret
  View view;
  std::unique_ptr<Backtester> fresh;  ///< caches no alignment
  std::unique_ptr<Backtester> kept;   ///< caches a few alignments

  /// Null if the security has no row on that trading day.
  const PanelRow* find(std::int64_t id, DateIndex n) const {
    const auto found = places.find({id, n});
    return found == places.end() ? nullptr : &rows[found->second];
  }
  /// A value after rounding to the storage type, as runs read it.
  double stored(double x) const { return view.storage == Storage::float32 ? static_cast<double>(static_cast<float>(x)) : x; }

  std::map<std::pair<std::int64_t, DateIndex>, std::size_t> places;
};

/// Dense ids in float32; sparse ids with gaps of days in float64, cut at both ends; two segments; a market of returns alone.
/// Each market is made once per process.
inline constexpr int kNMarkets = 4;
const FuzzMarket& market(int number);

/// The panel of a market's snapshot.
std::unique_ptr<PanelSource> market_panel(int number);

/// The folder of the snapshots "market0" to "market3"; it is removed when the process ends.
const std::string& market_folder();

}  // namespace fractile::fuzz
