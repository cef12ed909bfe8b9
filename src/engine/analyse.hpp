// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <span>
#include <vector>

#include "engine/portfolio/portfolio_return.hpp"
#include "engine/portfolio/rank.hpp"
#include "fractile/config.hpp"

/// The daily numbers behind `analysis`, methodology section 8: rank correlation and bins.
namespace fractile {

/// One entry a loaded day (and a bin); days write their own entries only.
struct DailyAnalysis {
  int n_bins = 0;
  std::vector<double> ic;  ///< NaN where the day has none
  std::vector<std::int32_t> ic_names;
  std::vector<std::int32_t> names_used;  ///< names in the overall book's cross-section
  std::vector<std::int32_t> bin_names;   ///< by day * n_bins + bin
  std::vector<double> bin_ret;           ///< equal-weighted mean of the bin; NaN where it is empty
  std::vector<double> bin_exposure;      ///< by (day * n_bins + bin) * kNExposures + k

  void resize(const RunConfig& config, int n_days);
};

class Analyst {
 public:
  Analyst(const PanelView& panel, const RunConfig& config, const PortfolioReturn& performer)
      : panel_(panel), config_(config), performer_(performer) {}
  bool is_needed() const noexcept { return config_.ic || config_.fractile_table; }
  /// The cross-section of day n (rows and values after residualization) into entry `at` of out.
  void analyse(std::span<const RowIndex> rows, std::span<const double> s, DateIndex n, std::size_t at, DailyAnalysis& out);

 private:
  void correlate(std::span<const RowIndex> rows, std::span<const double> s, std::size_t at, DailyAnalysis& out);
  void bin(std::span<const RowIndex> rows, std::span<const double> s, DateIndex n, std::size_t at, DailyAnalysis& out);

  const PanelView& panel_;
  const RunConfig& config_;
  const PortfolioReturn& performer_;
  RankScratch scratch_;
  std::vector<double> s_, r_, s_ranks_, r_ranks_;
};

/// Correlations over fewer names than this are not computed.
inline constexpr std::size_t kMinIcNames = 10;

}  // namespace fractile
