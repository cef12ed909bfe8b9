// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "fractile/panel.hpp"
#include "fractile/types.hpp"

namespace fractile::synthetic {

/// The panel's reals, in the order of `kRealNames`. The exposures are last, in the order of kExposures.
enum Real : std::size_t {
  kRet,
  kResret,
  kOpenret,
  kResopenret,
  kMcap,
  kAdv,
  kVol,
  kCloseAdj,
  kSize,
  kValue,
  kGrowth,
  kLeverage,
  kVolatility,
  kMomentum,
  kYield,
  kNReals
};
inline constexpr std::array<const char*, kNReals> kRealNames{"ret",    "resret",   "openret",    "resopenret", "mcap",
                                                             "adv",    "vol",      "close_adj",  "size",       "value",
                                                             "growth", "leverage", "volatility", "momentum",   "yield"};

enum Category : std::size_t { kCap, kIndustry, kSector, kNCategories };
inline constexpr std::array<const char*, kNCategories> kCategoryNames{"cap", "industry_id", "sector_id"};

/// All columns of a synthetic panel, allocated once at their capacity: 84 bytes per row and three bitmaps.
struct PanelColumns {
  explicit PanelColumns(std::int64_t capacity);

  std::int64_t n_rows = 0;
  std::unique_ptr<std::int64_t[]> security_id;
  std::unique_ptr<Day[]> date;
  std::array<std::unique_ptr<float[]>, kNReals> reals;  ///< NaN is missing
  std::array<std::unique_ptr<std::int32_t[]>, kNCategories> categories;
  std::array<std::vector<std::uint8_t>, kNCategories> present;  ///< one bit per row; 0 is missing

  void set_missing(Category category, std::int64_t row) {
    auto& byte = present[category][static_cast<std::size_t>(row / 8)];
    byte = static_cast<std::uint8_t>(byte & ~(1U << (row % 8)));
  }
};

/// Exports the columns as Arrow arrays without a copy; streams share their ownership.
std::unique_ptr<PanelSource> panel_of_columns(std::shared_ptr<PanelColumns> columns);

}  // namespace fractile::synthetic
