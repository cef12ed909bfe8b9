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

/// Small markets that runs under a fuzzer go through, and their rows as plain numbers for whoever checks them.
namespace fractile::fuzz {

/// A panel row as it went into the snapshot; NaN and kMissingCode and "" are missing.
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
  bool has_all_columns = true;    ///< else ret alone
  View view;
  std::unique_ptr<Backtester> fresh;  ///< keeps no alignment
  std::unique_ptr<Backtester> kept;   ///< keeps a few

  /// Null where the security has no row on that trading day.
  const PanelRow* find(std::int64_t id, DateIndex n) const {
    const auto found = places.find({id, n});
    return found == places.end() ? nullptr : &rows[found->second];
  }
  /// A value as runs read it.
  double stored(double x) const { return view.storage == Storage::float32 ? static_cast<double>(static_cast<float>(x)) : x; }

  std::map<std::pair<std::int64_t, DateIndex>, std::size_t> places;
};

/// Dense ids in float32; sparse ids with gaps of days in float64, cut at both ends; two segments; a market of returns alone.
/// Made once and kept.
inline constexpr int kNMarkets = 4;
const FuzzMarket& market(int number);

/// What a market's snapshot was made of.
std::unique_ptr<PanelSource> market_panel(int number);

/// The folder that holds their snapshots, "market0" to "market3"; it goes when the process ends.
const std::string& market_folder();

}  // namespace fractile::fuzz
