// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "engine/trading/turnover_and_costs.hpp"

#include "engine/kernels/kernels.hpp"

namespace fractile {

TurnoverAndCosts::TurnoverAndCosts(const PanelView& panel, const RunConfig& config, const EarnedReturns& ret)
    : builder_(panel, config, ret), cost_model_(make_cost_model(panel, config)) {}

Trades TurnoverAndCosts::compute(const Book& before, const Book& now, DateIndex n) {
  const TradeList& trades = builder_.build(before, now, n);
  return {sum(trades.change.data(), trades.size()), cost_model_->price(trades)};
}

}  // namespace fractile
