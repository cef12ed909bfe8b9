// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "engine/panel/panel_view.hpp"

namespace fractile {

/// A cache of the order of the returns of each return day, from which the ranks of any part of the names follow without a sort.
/// All signals share it. A day is made when it is asked for again, because all its rows are ranked, and a single run has a use
/// for its own names alone. It is cached, in 4 bytes per row. Thread-safe.
class ReturnOrder {
 public:
  /// Whole numbers from 0 in the order of the returns, by panel row of the day: equal for equal returns.
  using Day = std::vector<std::int32_t>;
  /// The number of a missing return.
  static constexpr std::int32_t kMissing = -1;

  /// The order that the panel caches; `name`: ret or openret.
  static std::shared_ptr<const ReturnOrder> of(const PanelView& panel, const std::string& name);
  ReturnOrder(const PanelView& panel, Reals column);
  ~ReturnOrder();
  ReturnOrder(const ReturnOrder&) = delete;
  ReturnOrder& operator=(const ReturnOrder&) = delete;
  /// Null if to rank the returns of `n_names` names costs less: they are a small part of the rows, or nothing asked for the day
  /// before.
  const Day* find_or_make(DateIndex n, std::size_t n_names) const;
  /// The order of a day that several correlations use: made if it is not cached.
  const Day& get(DateIndex n) const;

 private:
  Day make(DateIndex n) const;

  const PanelView& panel_;
  Reals column_;
  // By loaded day.
  mutable std::vector<std::atomic<const Day*>> days_;  // owned
  mutable std::vector<std::atomic<bool>> is_asked_;
};

}  // namespace fractile
