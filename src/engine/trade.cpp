// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "engine/trade.hpp"

#include <algorithm>
#include <cmath>

namespace fractile {

Trader::Trader(const Market& market, const RunConfig& config, const Reals& ret)
    : market_(market),
      config_(config),
      ret_(ret),
      on_return_day_(config.characteristics_asof == CharacteristicsAsof::return_day),
      weight_before_(market.ranges().size(), 0.0) {
  if (config.tc_model == TcModel::power_law) {
    for (const char* name : {"vol", "adv", "close_adj"}) market.require(name, "tc_model=\"power_law\"");
    vol_ = market.reals("vol");
    adv_ = market.reals("adv");
    close_ = market.reals("close_adj");
  } else if (market.snapshot().find_column("cap")) {
    cap_ = market.characteristic("cap");
    has_cap_ = true;
  }
}

void Trader::drift_weights(const Book& before) {
  drifted_ = before.weight;
  double sum_long = 0.0, sum_short = 0.0;
  for (std::size_t i = 0; i < drifted_.size(); ++i) {
    const double r = ret_[before.row[i]];
    const double grown = before.weight[i] * (1.0 + (r == r ? r : 0.0));
    drifted_[i] = grown;
    // The side is that of the target, whatever a return below -100% makes of the number.
    (before.weight[i] > 0.0 ? sum_long : sum_short) += grown;
  }
  for (std::size_t i = 0; i < drifted_.size(); ++i) {
    const bool is_long = before.weight[i] > 0.0;
    const double side = is_long ? sum_long : -sum_short;
    drifted_[i] = side > 0.0 ? drifted_[i] / side : before.weight[i];
  }
}

void Trader::spread_before(const Book& before) {
  if (config_.drift) drift_weights(before);
  const std::vector<double>& weights = config_.drift ? drifted_ : before.weight;
  for (std::size_t i = 0; i < weights.size(); ++i) weight_before_[static_cast<std::size_t>(before.security[i])] = weights[i];
}

Trades Trader::trade(const Book& before, const Book& now, DateIndex n) {
  Trades trades;
  unknown_.clear();
  largest_rate_ = 0.0;
  spread_before(before);
  for (std::size_t i = 0; i < now.row.size(); ++i) {
    double& w = weight_before_[static_cast<std::size_t>(now.security[i])];
    const double change = std::fabs(now.weight[i] - w);
    w = 0.0;
    if (change == 0.0) continue;
    const RowIndex row = now.row[i];
    add_trade(change, on_return_day_ ? row : now.previous[i], trades);
  }
  for (std::size_t i = 0; i < before.row.size(); ++i) {
    double& w = weight_before_[static_cast<std::size_t>(before.security[i])];
    const double change = std::fabs(w);
    w = 0.0;
    if (change == 0.0) continue;
    // The newest row before n is that of n-1, on which the name was held.
    RowIndex newest = before.row[i];
    if (on_return_day_) {
      const RowIndex row = market_.find_row(before.security[i], n);
      if (row != kNoRow) newest = row;
    }
    add_trade(change, newest, trades);
  }
  for (const double change : unknown_) trades.tc += largest_rate_ * change;
  trades.unknown_cost = static_cast<int>(unknown_.size());
  return trades;
}

void Trader::add_trade(double change, RowIndex newest, Trades& trades) {
  trades.traded += change;
  if (config_.tc_model == TcModel::naive) {
    trades.tc += naive_rate(newest) * change;
    return;
  }
  const double rate = power_law_rate(change, newest);
  if (rate == rate) {
    largest_rate_ = std::max(largest_rate_, rate);
    trades.tc += rate * change;
  } else {
    unknown_.push_back(change);
  }
}

double Trader::naive_rate(RowIndex newest) const noexcept {
  constexpr double kBps = 1e-4;
  double cap = 3.0;
  if (has_cap_)
    for (RowIndex row = newest; row >= 0; row = market_.previous_row()[row]) {
      const double value = cap_[row];
      if (value == value) {
        cap = value;
        break;
      }
    }
  return (cap == 1.0 ? config_.tc_level_bps[0] : cap == 2.0 ? config_.tc_level_bps[1] : config_.tc_level_bps[2]) * kBps;
}

double Trader::last_known(const Reals& column, RowIndex newest, bool positive) const noexcept {
  for (RowIndex row = newest; row >= 0; row = market_.previous_row()[row]) {
    const double value = column[row];
    if (positive ? value > 0.0 : value == value) return value;
  }
  return __builtin_nan("");
}

double Trader::power_law_rate(double change, RowIndex newest) const noexcept {
  const double vol = last_known(vol_, newest, false);
  const double adv = last_known(adv_, newest, true);
  const double close = last_known(close_, newest, true);
  const auto [beta, alpha] = config_.tc_value;
  return beta * vol * std::pow(config_.gmv_musd * 1e6 * change / adv, alpha) / close;
}

}  // namespace fractile
