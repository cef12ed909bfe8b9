// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "engine/trading/trade_list.hpp"

#include <cmath>

namespace fractile {

void set_closing_trades(const Book& book, const TradeList& into, TradeList& closing) {
  closing.change.resize(book.weight.size());
  for (std::size_t i = 0; i < book.weight.size(); ++i) closing.change[i] = std::fabs(book.weight[i]);
  closing.known_day = into.known_day;
  closing.newest.assign(into.newest.begin(), into.newest.begin() + static_cast<std::ptrdiff_t>(book.weight.size()));
}

TradeListBuilder::TradeListBuilder(const PanelView& panel, const RunConfig& config, const EarnedReturns& ret)
    : as_of_(panel, config), drift_(config.drift), ret_(ret), weight_before_(panel.ranges().size(), 0.0) {}

/// Each side by itself: its weights sum to 1 or -1 again.
void TradeListBuilder::drift_sides(const Book& before) {
  drifted_ = before.weight;
  double sum_long = 0.0, sum_short = 0.0;
  for (std::size_t i = 0; i < drifted_.size(); ++i) {
    const double r = ret_[before.row[i]];
    const double grown = before.weight[i] * (1.0 + (r == r ? r : 0.0));
    drifted_[i] = grown;
    // The side is that of the target, even if a return below -100 % changes the sign of the grown weight.
    (before.weight[i] > 0.0 ? sum_long : sum_short) += grown;
  }
  for (std::size_t i = 0; i < drifted_.size(); ++i) {
    const bool is_long = before.weight[i] > 0.0;
    const double side = is_long ? sum_long : -sum_short;
    drifted_[i] = side > 0.0 ? drifted_[i] / side : before.weight[i];
  }
}

/// All names by their returns, as shares of the book's new value.
void TradeListBuilder::drift_book(const Book& before) {
  drifted_ = before.weight;
  double earned = 0.0;
  for (std::size_t i = 0; i < drifted_.size(); ++i) {
    const double r = ret_[before.row[i]];
    if (r != r) continue;
    drifted_[i] *= 1.0 + r;
    earned += before.weight[i] * r;
  }
  if (!(1.0 + earned > 0.0)) {
    drifted_ = before.weight;
    return;
  }
  for (double& w : drifted_) w /= 1.0 + earned;
}

void TradeListBuilder::spread_before(const Book& before) {
  if (drift_ == Drift::true_) drift_sides(before);
  if (drift_ == Drift::book) drift_book(before);
  const std::vector<double>& weights = drift_ != Drift::false_ ? drifted_ : before.weight;
  for (std::size_t i = 0; i < weights.size(); ++i) weight_before_[static_cast<std::size_t>(before.security[i])] = weights[i];
}

const TradeList& TradeListBuilder::build(const Book& before, const Book& now, DateIndex n) {
  spread_before(before);
  trades_.change.resize(now.row.size() + before.row.size());
  trades_.newest.resize(trades_.change.size());
  double* const change = trades_.change.data();
  RowIndex* const newest = trades_.newest.data();
  for (std::size_t i = 0; i < now.row.size(); ++i) {
    double& w = weight_before_[static_cast<std::size_t>(now.security[i])];
    change[i] = std::fabs(now.weight[i] - w);
    w = 0.0;
    newest[i] = as_of_.newest_row(now.row[i], now.previous[i]);
  }
  std::size_t count = now.row.size();
  for (std::size_t i = 0; i < before.row.size(); ++i) {
    double& w = weight_before_[static_cast<std::size_t>(before.security[i])];
    change[count] = std::fabs(w);
    // The newest row before n is that of n-1, because the name was held on n-1.
    newest[count] = before.row[i];
    count += w != 0.0;
    w = 0.0;
  }
  if (as_of_.on_return_day())
    for (std::size_t i = now.row.size(); i < count; ++i) newest[i] = as_of_.newest_row_of_leaver(newest[i], n);
  trades_.known_day = as_of_.on_return_day() ? n : n - 1;
  trades_.change.resize(count);
  trades_.newest.resize(count);
  return trades_;
}

}  // namespace fractile
