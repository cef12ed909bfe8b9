// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <memory>

#include "engine/trading/trade_list.hpp"

namespace fractile {

/// The cost of one day's trades, as a fraction of one side's capital.
struct Cost {
  double tc = 0.0;
  int unknown = 0;  ///< trades that took the day's largest rate
};

/// A cost model, which prices a day's trades. One thread uses one model.
///
/// A rule for every model, such as a minimum per trade, belongs in make_cost_model(), around the model that it returns. Analysis
/// "capacity" makes a PowerLawCost of its own.
class CostModel {
 public:
  virtual ~CostModel() = default;
  virtual Cost price(const TradeList& trades) = 0;
  /// The cost of each trade, which price() adds up.
  virtual void price_each(const TradeList& trades, std::vector<double>& out) = 0;
};

/// c basis points by size class: `tc_model="naive"`.
std::unique_ptr<CostModel> make_naive_cost(const PanelView& panel, const RunConfig& config);
/// A PowerLawCost. Throws MISSING_PANEL_COLUMN.
std::unique_ptr<CostModel> make_power_law_cost(const PanelView& panel, const RunConfig& config);
/// The model that tc_model names.
std::unique_ptr<CostModel> make_cost_model(const PanelView& panel, const RunConfig& config);

}  // namespace fractile
