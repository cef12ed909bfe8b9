// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include <algorithm>
#include <cmath>

#include "engine/trading/cost_model.hpp"
#include "engine/trading/last_known.hpp"

namespace fractile {
namespace {

class PowerLawCost final : public CostModel {
 public:
  PowerLawCost(const PanelView& panel, const RunConfig& config)
      : panel_(panel), beta_(config.tc_value[0]), alpha_(config.tc_value[1]), capital_(config.gmv_musd * 1e6) {
    for (const char* name : {"vol", "adv", "close_adj"}) panel.require(name, "tc_model=\"power_law\"");
    vol_ = panel.reals("vol");
    adv_ = panel.reals("adv");
    close_ = panel.reals("close_adj");
  }

  /// A trade of unknown cost takes the day's largest rate.
  Cost price(const TradeList& trades) override {
    Cost cost;
    double largest = 0.0, unknown = 0.0;
    for (std::size_t i = 0; i < trades.size(); ++i) {
      const double change = trades.change[i];
      if (change == 0.0) continue;
      const double rate = find_rate(change, trades.newest[i]);
      if (rate == rate) {
        largest = std::max(largest, rate);
        cost.tc += rate * change;
      } else {
        unknown += change;
        ++cost.unknown;
      }
    }
    if (unknown > 0.0) cost.tc += largest * unknown;  // 0 times an infinite rate would be NaN
    return cost;
  }

  void price_each(const TradeList& trades, std::vector<double>& out) override {
    out.resize(trades.size());
    double largest = 0.0;
    for (std::size_t i = 0; i < trades.size(); ++i) {
      const double change = trades.change[i];
      const double rate = change == 0.0 ? 0.0 : find_rate(change, trades.newest[i]);
      if (rate == rate) largest = std::max(largest, rate);
      out[i] = change == 0.0 ? 0.0 : rate * change;
    }
    for (std::size_t i = 0; i < trades.size(); ++i)
      if (out[i] != out[i]) out[i] = largest * trades.change[i];
  }

 private:
  double find_rate(double change, RowIndex newest) const noexcept {
    const double vol = last_known(panel_, vol_, newest, false);
    const double adv = last_known(panel_, adv_, newest, true);
    const double close = last_known(panel_, close_, newest, true);
    const double share = capital_ * change / adv;
    if (share != share) return share;  // the power 0 of an unknown share is 1
    return beta_ * vol * std::pow(share, alpha_) / close;
  }

  const PanelView& panel_;
  double beta_, alpha_, capital_;
  Reals vol_, adv_, close_;
};

}  // namespace

std::unique_ptr<CostModel> make_power_law_cost(const PanelView& panel, const RunConfig& config) {
  return std::make_unique<PowerLawCost>(panel, config);
}

}  // namespace fractile
