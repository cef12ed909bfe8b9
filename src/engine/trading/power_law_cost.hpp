// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <vector>

#include "engine/panel/panel_view.hpp"
#include "engine/trading/cost_model.hpp"
#include "fractile/config.hpp"

namespace fractile {

/// A trade of `change` capitals costs beta * vol / close_adj * (change * capital / adv)^alpha, the rate, times `change`:
/// `tc_model="power_law"`. Analysis "capacity" uses it whatever the option says, and
/// multiplies its costs by a power of the capital.
class PowerLawCost final : public CostModel {
 public:
  /// Throws MISSING_PANEL_COLUMN if the snapshot lacks vol, adv or close_adj; `option` is the one that needs them.
  PowerLawCost(const PanelView& panel, const RunConfig& config, const char* option);
  /// A trade of unknown cost takes the day's largest rate.
  Cost price(const TradeList& trades) override;
  void price_each(const TradeList& trades, std::vector<double>& out) override;

  /// The changes other than 0 of the last call, and their daily volumes in dollars (adv): NaN if never known.
  const std::vector<double>& changes() const noexcept { return change_; }
  const std::vector<double>& volumes() const noexcept { return adv_; }

 private:
  void take_changes(const TradeList& trades);
  void read_input(const Reals& column, bool must_be_positive, std::vector<double>& out);
  void find_rates(const TradeList& trades);

  const PanelView& panel_;
  double beta_, alpha_, capital_;
  Reals vol_column_, adv_column_, close_column_;
  // By change other than 0.
  std::vector<std::size_t> at_;  // its place in the trade list
  std::vector<RowIndex> newest_;
  std::vector<double> change_, vol_, adv_, close_;
  std::vector<double> rate_;          // NaN: unknown
  std::vector<std::size_t> unknown_;  // changes whose input is not known at the newest row
};

}  // namespace fractile
