// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "engine/trading/turnover_and_costs.hpp"

#include <algorithm>
#include <cmath>

#include "engine/kernels/kernels.hpp"

namespace fractile {

TurnoverAndCosts::TurnoverAndCosts(const PanelView& panel, const RunConfig& config, const Reals& ret)
    : panel_(panel),
      config_(config),
      ret_(ret),
      on_return_day_(config.characteristics_asof == CharacteristicsAsof::return_day),
      weight_before_(panel.ranges().size(), 0.0) {
  if (config.tc_model == TcModel::power_law) {
    for (const char* name : {"vol", "adv", "close_adj"}) panel.require(name, "tc_model=\"power_law\"");
    vol_ = panel.reals("vol");
    adv_ = panel.reals("adv");
    close_ = panel.reals("close_adj");
  } else if (config.calc_turnover) {
    cap_classes_ = panel.cap_classes();
  }
}

void TurnoverAndCosts::drift_weights(const Book& before) {
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

void TurnoverAndCosts::spread_before(const Book& before) {
  if (config_.drift) drift_weights(before);
  const std::vector<double>& weights = config_.drift ? drifted_ : before.weight;
  for (std::size_t i = 0; i < weights.size(); ++i) weight_before_[static_cast<std::size_t>(before.security[i])] = weights[i];
}

/// Names held now, securities ascending, then those that were held before only.
void TurnoverAndCosts::collect_changes(const Book& before, const Book& now, DateIndex n) {
  spread_before(before);
  change_.resize(now.row.size() + before.row.size());
  newest_.resize(change_.size());
  for (std::size_t i = 0; i < now.row.size(); ++i) {
    double& w = weight_before_[static_cast<std::size_t>(now.security[i])];
    change_[i] = std::fabs(now.weight[i] - w);
    w = 0.0;
    newest_[i] = on_return_day_ ? now.row[i] : now.previous[i];
  }
  std::size_t count = now.row.size();
  for (std::size_t i = 0; i < before.row.size(); ++i) {
    double& w = weight_before_[static_cast<std::size_t>(before.security[i])];
    change_[count] = std::fabs(w);
    // The newest row before n is that of n-1, on which the name was held.
    newest_[count] = before.row[i];
    count += w != 0.0;
    w = 0.0;
  }
  if (on_return_day_)
    for (std::size_t i = now.row.size(); i < count; ++i) {
      const RowIndex row = panel_.find_row(panel_.security_of_row(newest_[i]), n);
      if (row != kNoRow) newest_[i] = row;
    }
  change_.resize(count);
  newest_.resize(count);
}

Trades TurnoverAndCosts::compute(const Book& before, const Book& now, DateIndex n) {
  Trades trades;
  collect_changes(before, now, n);
  trades.traded = sum(change_.data(), change_.size());
  if (config_.tc_model == TcModel::power_law) {
    price_by_power_law(trades);
    return trades;
  }
  constexpr double kBps = 1e-4;
  const auto& level = config_.tc_level_bps;
  const double rates[kNCapClasses] = {level[0] * kBps, level[1] * kBps, level[2] * kBps};
  rate_.resize(change_.size());
  for (std::size_t i = 0; i < rate_.size(); ++i) rate_[i] = rates[cap_classes_->of(newest_[i])];
  trades.tc = sum_products(change_.data(), rate_.data(), rate_.size());
  return trades;
}

/// A trade of unknown cost takes the day's largest rate.
void TurnoverAndCosts::price_by_power_law(Trades& trades) {
  double largest = 0.0, unknown = 0.0;
  for (std::size_t i = 0; i < change_.size(); ++i) {
    if (change_[i] == 0.0) continue;
    const double rate = power_law_rate(change_[i], newest_[i]);
    if (rate == rate) {
      largest = std::max(largest, rate);
      trades.tc += rate * change_[i];
    } else {
      unknown += change_[i];
      ++trades.unknown_cost;
    }
  }
  if (unknown > 0.0) trades.tc += largest * unknown;  // nothing at an infinite rate is nothing
}

double TurnoverAndCosts::last_known(const Reals& column, RowIndex newest, bool positive) const noexcept {
  for (RowIndex row = newest; row >= 0; row = panel_.previous_row(row)) {
    const double value = column[row];
    if (positive ? value > 0.0 : value == value) return value;
  }
  return __builtin_nan("");
}

double TurnoverAndCosts::power_law_rate(double change, RowIndex newest) const noexcept {
  const double vol = last_known(vol_, newest, false);
  const double adv = last_known(adv_, newest, true);
  const double close = last_known(close_, newest, true);
  const auto [beta, alpha] = config_.tc_value;
  return beta * vol * std::pow(config_.gmv_musd * 1e6 * change / adv, alpha) / close;
}

}  // namespace fractile
