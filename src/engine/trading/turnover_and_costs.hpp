// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include "engine/trading/cost_model.hpp"

namespace fractile {

struct Trades {
  double traded = 0.0;  ///< sum of |change of weight|
  Cost cost;
};

/// The computation of turnover and cost of a portfolio's days: methodology section 7. One thread uses one object.
class TurnoverAndCosts {
 public:
  /// Throws MISSING_PANEL_COLUMN if the cost model needs a column that the snapshot lacks.
  TurnoverAndCosts(const PanelView& panel, const RunConfig& config, const EarnedReturns& ret);
  /// From `before` (the book of n-1) to `now` (that of n).
  Trades compute(const Book& before, const Book& now, DateIndex n);
  /// The trades of the last call.
  const TradeList& last_trades() const noexcept { return builder_.last(); }

 private:
  TradeListBuilder builder_;
  std::unique_ptr<CostModel> cost_model_;
};

}  // namespace fractile
