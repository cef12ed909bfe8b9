// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "analysis/ranked_day.hpp"
#include "engine/panel/security_set.hpp"

/// Equally weighted books of the names at both ends of an order, for many days on which some of the names are there.
namespace fractile {

/// A book whose names have the weight 1/n_long or -1/n_short.
struct EqualBook {
  SecuritySet long_names, short_names;
  std::size_t n_long = 0, n_short = 0;
  double long_weight() const noexcept { return n_long > 0 ? 1.0 / static_cast<double>(n_long) : 0.0; }
  double short_weight() const noexcept { return n_short > 0 ? 1.0 / static_cast<double>(n_short) : 0.0; }
};

/// The sum over names of |weight in `now` - weight in `before`|. Their sets number names in the same way.
double sum_trades(const EqualBook& before, const EqualBook& now);

/// The places of an order at which its sides end: short are [0, short_end), long are those from long_begin on.
struct OrderCuts {
  std::size_t short_end, long_begin;
  std::size_t n_short, n_long;  ///< of names that are there
};

/// The cuts at percent a and b among the names that are there (methodology section 5). `missing`: the numbers of the others in
/// the order, ascending; a name of a tie has the number of the tie's first place. O(log n) steps.
OrderCuts find_order_cuts(const OrderedSignal& order, std::span<const std::int32_t> missing, double a, double b);

/// The names of both sides of one order, for one pair of cuts after another: near cuts cost little.
class OrderSides {
 public:
  void set(const OrderedSignal& order, std::size_t n_securities);
  void move_to(const OrderCuts& cuts);
  const SecuritySet& long_names() const noexcept { return long_; }
  const SecuritySet& short_names() const noexcept { return short_; }

 private:
  void flip(SecuritySet& side, std::size_t& cut, std::size_t to);
  const OrderedSignal* order_ = nullptr;
  SecuritySet long_, short_;
  std::size_t short_end_ = 0, long_begin_ = 0;
};

}  // namespace fractile
