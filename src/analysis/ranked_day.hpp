// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "engine/panel/panel_view.hpp"

/// The names of a return day in the order of their signals.
namespace fractile {

/// Names in the order of their signals.
struct OrderedSignal {
  /// Places of names with equal signals.
  struct Tie {
    std::int32_t begin, end;
  };
  std::vector<SecurityIndex> security;
  std::vector<Tie> ties;  ///< ascending
};

/// The signals of one return day.
struct RankedDay {
  OrderedSignal own;
  /// The same with the names that have a panel row on later days only; empty if there are none.
  OrderedSignal with_later;

  const OrderedSignal& all() const noexcept { return with_later.security.empty() ? own : with_later; }
};

/// Makes a RankedDay of the names of a day. One thread uses one object.
class DayRanker {
 public:
  /// `ranks`: average ranks. `later`: read_later_names(), reordered.
  void rank(std::span<const SecurityIndex> names, std::span<const double> values, std::span<const double> ranks,
            std::span<NamedSignal> later, RankedDay& out);

 private:
  void rank_own(std::span<const SecurityIndex> names, std::span<const double> values, std::span<const double> ranks,
                OrderedSignal& out);
  void merge(const OrderedSignal& own, std::span<const NamedSignal> later, OrderedSignal& out) const;
  std::vector<double> value_at_;  // by place of a name's own signal
  std::vector<std::int32_t> next_;
};

}  // namespace fractile
