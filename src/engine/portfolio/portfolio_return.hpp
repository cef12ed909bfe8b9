// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <array>

#include "engine/panel/as_of.hpp"
#include "engine/portfolio/book.hpp"
#include "fractile/config.hpp"

/// The returns of a book on its return day: methodology section 8.
namespace fractile {

/// The numbers of one portfolio on one day.
struct DayOutcome {
  bool is_held = false;
  int n_long = 0;
  int n_short = 0;
  double ret_l = 0.0;
  double ret_s = 0.0;
  double resret = 0.0;
  double traded = 0.0;  ///< sum of |change of weight| since the day before
  double tc = 0.0;
  int unknown_cost = 0;  ///< power_law: trades that took the day's largest cost
  std::array<double, kNExposures> exposure{};
};

class PortfolioReturn {
 public:
  /// Throws MISSING_PANEL_COLUMN where from_open needs openret and the snapshot lacks it.
  PortfolioReturn(const PanelView& panel, const RunConfig& config);
  bool has_resret() const noexcept { return static_cast<bool>(resret_); }
  bool has_exposure(int k) const noexcept { return has_exposure_[static_cast<std::size_t>(k)]; }
  /// The return that trades earn: ret, or openret with from_open.
  const Reals& ret() const noexcept { return ret_; }
  DayOutcome compute(const Book& book, DateIndex n);
  /// Number of held names whose last row is on n although the calendar goes on.
  int count_leavers(const Book& book, DateIndex n) const;
  /// Adds the exposures of the asof row, missing as 0.
  void add_exposures(RowIndex asof, double* sums) const noexcept;

 private:
  void sum_block(const Book& book, DateIndex n, double* out);
  const double* read_returns(const Reals& returns, const Book& book);

  const PanelView& panel_;
  Reals ret_;
  Reals resret_;
  std::array<bool, kNExposures> has_exposure_{};
  ExposureBlock block_;
  AsOf as_of_;
  std::vector<double> returns_;
  std::vector<RowIndex> asof_rows_;
  std::vector<double> asof_weights_;
};

}  // namespace fractile
