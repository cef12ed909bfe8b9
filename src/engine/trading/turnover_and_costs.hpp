// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "engine/panel/panel_view.hpp"
#include "engine/portfolio/book.hpp"
#include "fractile/config.hpp"

/// Stage 7, methodology section 7: what changes from one day's book to the next, and its cost.
namespace fractile {

struct Trades {
  double traded = 0.0;
  double tc = 0.0;
  int unknown_cost = 0;  ///< power_law: trades that took the day's largest cost
};

class TurnoverAndCosts {
 public:
  /// Throws MISSING_PANEL_COLUMN where power_law needs a column that the snapshot lacks.
  TurnoverAndCosts(const PanelView& panel, const RunConfig& config, const Reals& ret);
  /// From `before` (the book of n-1) to `now` (that of n). Sums run over the names held now,
  /// securities ascending, then over those that left.
  Trades compute(const Book& before, const Book& now, DateIndex n);

 private:
  void spread_before(const Book& before);
  void drift_weights(const Book& before);
  void collect_changes(const Book& before, const Book& now, DateIndex n);
  void price_by_power_law(Trades& trades);
  /// The newest known positive value of a column at or before a row; NaN where there is none.
  double last_known(const Reals& column, RowIndex newest, bool positive) const noexcept;
  double power_law_rate(double change, RowIndex newest) const noexcept;

  const PanelView& panel_;
  const RunConfig& config_;
  Reals ret_;
  bool on_return_day_;
  std::shared_ptr<const CapClasses> cap_classes_;  // naive only
  Reals vol_, adv_, close_;
  std::vector<double> weight_before_;  // by security; all 0 between calls
  std::vector<double> drifted_;
  // What is traded: how much, and the row that its cost is read from.
  std::vector<double> change_;
  std::vector<RowIndex> newest_;
  std::vector<double> rate_;
};

}  // namespace fractile
