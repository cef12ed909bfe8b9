// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "engine/trading/power_law_cost.hpp"

#include <algorithm>
#include <cmath>
#include <span>

#include "engine/trading/last_known.hpp"

namespace fractile {

PowerLawCost::PowerLawCost(const PanelView& panel, const RunConfig& config, const char* option)
    : panel_(panel), beta_(config.tc_value[0]), alpha_(config.tc_value[1]), capital_(config.gmv_musd * 1e6) {
  for (const char* name : {"vol", "adv", "close_adj"}) panel.require(name, option);
  vol_column_ = panel.reals("vol");
  adv_column_ = panel.reals("adv");
  close_column_ = panel.reals("close_adj");
}

/// Lists the trades whose change is not 0: a name that stays in an equally weighted book often trades nothing. Asks for the first
/// input of each.
void PowerLawCost::take_changes(const TradeList& trades) {
  at_.resize(trades.size() + 1);
  change_.resize(trades.size() + 1);
  newest_.resize(trades.size() + 1);
  std::size_t n = 0;
  for (std::size_t i = 0; i < trades.size(); ++i) {
    at_[n] = i;
    change_[n] = trades.change[i];
    newest_[n] = trades.newest[i];
    n += trades.change[i] != 0.0;
    adv_column_.prefetch(std::max(trades.newest[i], 0));
  }
  at_.resize(n);
  change_.resize(n);
  newest_.resize(n);
}

/// Reads an input of each change. Nearly all are known at the newest row: a loop without branches reads them there, so that the
/// processor fetches many rows at a time.
void PowerLawCost::read_input(const Reals& column, bool must_be_positive, std::vector<double>& out) {
  const std::size_t n = newest_.size();
  out.resize(n);
  unknown_.resize(n + 1);
  std::size_t n_unknown = 0;
  column.visit([&, to = out.data(), unknown = unknown_.data()](auto value_of) {
    for (std::size_t i = 0; i < n; ++i) {
      const double value = value_of(std::max(newest_[i], 0));
      to[i] = value;
      unknown[n_unknown] = i;
      n_unknown += !((newest_[i] >= 0) & (must_be_positive ? value > 0.0 : value == value));
    }
  });
  for (const std::size_t i : std::span(unknown_).first(n_unknown))
    out[i] = last_known(panel_, column, newest_[i], must_be_positive);
}

void PowerLawCost::find_rates(const TradeList& trades) {
  take_changes(trades);
  read_input(adv_column_, true, adv_);
  rate_.resize(change_.size());
  for (std::size_t i = 0; i < rate_.size(); ++i) rate_[i] = capital_ * change_[i] / adv_[i];
  for (std::size_t i = 0; i < rate_.size(); ++i) {
    // The other inputs come from memory while powers are computed.
    vol_column_.prefetch(std::max(newest_[i], 0));
    close_column_.prefetch(std::max(newest_[i], 0));
    if (rate_[i] == rate_[i]) rate_[i] = std::pow(rate_[i], alpha_);  // the power 0 of an unknown share is 1
  }
  read_input(vol_column_, false, vol_);
  read_input(close_column_, true, close_);
  for (std::size_t i = 0; i < rate_.size(); ++i) rate_[i] = beta_ * vol_[i] * rate_[i] / close_[i];
}

Cost PowerLawCost::price(const TradeList& trades) {
  find_rates(trades);
  Cost cost;
  double largest = 0.0, unknown = 0.0;
  for (std::size_t i = 0; i < rate_.size(); ++i) {
    const double rate = rate_[i];
    if (rate == rate) {
      largest = std::max(largest, rate);
      cost.tc += rate * change_[i];
    } else {
      unknown += change_[i];
      ++cost.unknown;
    }
  }
  if (unknown > 0.0) cost.tc += largest * unknown;  // 0 times an infinite rate would be NaN
  return cost;
}

void PowerLawCost::price_each(const TradeList& trades, std::vector<double>& out) {
  find_rates(trades);
  double largest = 0.0;
  for (const double rate : rate_)
    if (rate == rate) largest = std::max(largest, rate);
  out.assign(trades.size(), 0.0);
  for (std::size_t i = 0; i < rate_.size(); ++i) out[at_[i]] = (rate_[i] == rate_[i] ? rate_[i] : largest) * change_[i];
}

std::unique_ptr<CostModel> make_power_law_cost(const PanelView& panel, const RunConfig& config) {
  return std::make_unique<PowerLawCost>(panel, config, "tc_model=\"power_law\"");
}

}  // namespace fractile
