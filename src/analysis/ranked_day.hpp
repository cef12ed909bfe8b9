// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "engine/panel/panel_view.hpp"
#include "engine/panel/security_set.hpp"
#include "engine/portfolio/rank.hpp"
#include "stats/ranked_series.hpp"

/// The names of a return day in the order of their signals.
namespace fractile {

/// Names in the order of their signals, as securities or as numbers that a reader gives them.
struct OrderedSignal {
  std::vector<SecurityIndex> security;
  std::vector<TiedPlaces> ties;  ///< ascending
  SecuritySet names;             ///< the same securities
};

/// The signals of one return day: those of its names, and those of the names that have a panel row on later days only.
struct RankedDay {
  OrderedSignal all;
  std::vector<std::int32_t> later_places;  ///< of the latter in `all`, ascending
};

/// Makes a RankedDay of the names of a day. One thread uses one object.
class DayRanker {
 public:
  explicit DayRanker(std::size_t n_securities) : n_securities_(n_securities) {}
  /// `names`: ascending. `later`: read_later_names(), reordered.
  void rank(std::span<const SecurityIndex> names, std::span<const double> values, std::span<NamedSignal> later, RankedDay& out);

 private:
  void find_ties();
  std::size_t n_securities_;
  RankScratch scratch_;
  ValueOrder own_;  // of the names that have a panel row on the day
  std::vector<TiedPlaces> own_ties_;
  std::vector<std::int32_t> equal_to_next_;  // places
};

}  // namespace fractile
