// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "engine/trading/power_law_cost.hpp"

#include <algorithm>
#include <bit>
#include <cmath>

namespace fractile {
namespace {

const PanelView& with_inputs(const PanelView& panel, const char* option) {
  for (const char* name : {"vol", "adv", "close_adj"}) panel.require(name, option);
  return panel;
}

}  // namespace

double PowerLawCost::Powers::of(double change) noexcept {
  // The bits of a fraction such as 1/n differ in all places; the product spreads them over the first six.
  Entry& entry = entries_[std::bit_cast<std::uint64_t>(change) * 0x9E3779B97F4A7C15u >> 58];
  if (entry.change != change) {
    const double power = std::pow(capital_ * change, alpha_);
    entry = {change, std::isnormal(power) ? power : kNaN};
  }
  return entry.power;
}

PowerLawCost::PowerLawCost(const PanelView& panel, const RunConfig& config, const char* option, Reals read_next)
    : beta_(config.tc_value[0]),
      alpha_(config.tc_value[1]),
      capital_(config.gmv_musd * 1e6),
      read_next_(read_next),
      unit_rates_(UnitRates::of(with_inputs(panel, option), alpha_)),
      cached_(*unit_rates_),
      powers_(capital_, alpha_) {}

/// Lists the trades whose change is not 0: a name that stays in an equally weighted book often trades nothing.
void PowerLawCost::take_changes(const TradeList& trades) {
  cached_ = unit_rates_->ask_for(trades.known_day);
  at_.resize(trades.size());
  newest_.resize(trades.size());
  change_.resize(trades.size());
  std::size_t n = 0;
  for (std::size_t i = 0; i < trades.size(); ++i) {
    const double change = trades.change[i];
    if (change == 0.0) continue;
    cached_.prefetch(trades.newest[i]);
    at_[n] = static_cast<std::uint32_t>(i);
    newest_[n] = trades.newest[i];
    change_[n++] = change;
  }
  at_.resize(n);
  newest_.resize(n);
  change_.resize(n);
}

/// The rate of a change; NaN if it is unknown.
double PowerLawCost::find_rate(std::size_t i) noexcept {
  const double rate = beta_ * cached_[newest_[i]] * powers_.of(change_[i]);
  return rate == rate ? rate : compute_rate(change_[i], newest_[i]);
}

/// The rate from all inputs at once: it may be unknown or 0, or the power of a part alone may be beyond the range.
double PowerLawCost::compute_rate(double change, RowIndex newest) const noexcept {
  const CostInputs in = unit_rates_->inputs(newest);
  const double share = capital_ * change / in.adv;
  if (share != share) return kNaN;  // the power 0 of an unknown share is 1
  return beta_ * in.vol * std::pow(share, alpha_) / in.close_adj;
}

Cost PowerLawCost::price(const TradeList& trades) {
  take_changes(trades);
  Cost cost;
  double largest = 0.0, unknown = 0.0;
  for (std::size_t i = 0; i < change_.size(); ++i) {
    if (read_next_) read_next_.prefetch(std::max(newest_[i], 0));
    const double rate = find_rate(i);
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
  take_changes(trades);
  rate_.resize(change_.size());
  double largest = 0.0;
  for (std::size_t i = 0; i < rate_.size(); ++i) {
    rate_[i] = find_rate(i);
    if (rate_[i] == rate_[i]) largest = std::max(largest, rate_[i]);
  }
  out.assign(trades.size(), 0.0);
  for (std::size_t i = 0; i < rate_.size(); ++i) out[at_[i]] = (rate_[i] == rate_[i] ? rate_[i] : largest) * change_[i];
}

std::unique_ptr<CostModel> make_power_law_cost(const PanelView& panel, const RunConfig& config) {
  return std::make_unique<PowerLawCost>(panel, config, "tc_model=\"power_law\"");
}

}  // namespace fractile
