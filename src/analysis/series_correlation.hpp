// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "analysis/ranked_day.hpp"
#include "engine/panel/security_set.hpp"
#include "fractile/types.hpp"
#include "stats/ranked_series.hpp"

namespace fractile {

/// A series of one day by name.
template <class Number>
struct NameSeries {
  std::vector<Number> number;  ///< kNoRank: the name is not in the series
  RankedSeries<Number> ranked;
  SecuritySet names;
};

/// Rank correlations of a day's signals with series of other days. One thread uses one object.
template <class Number>
class SeriesCorrelation {
 public:
  /// Over the names that both have; NaN if they are fewer than kMinCorrelatedNames. Both number names in the same way. The sums
  /// are of whole numbers, so that the order of equal signals changes no bit.
  double compute(const OrderedSignal& a, const NameSeries<Number>& b) {
    gone_.clear();
    b.names.list_missing_in(a.names, gone_names_);
    for (const std::uint32_t name : gone_names_) gone_.push_back(b.number[name]);
    const std::int64_t names = b.ranked.names() - static_cast<std::int64_t>(gone_.size());
    if (names < kMinCorrelatedNames) return kNaN;
    const CentredRanks<Number> of_b = b.ranked.without(gone_, part_);
    // The ranks of b sum to zero, so they need no centre in a, and the sum of (place in a) x (rank in b) is that of all ranks in
    // b before a name, over the names, with the opposite sign.
    const Number *const number = b.number.data(), *const ranks = of_b.of_number;
    std::int64_t before = 0, sums = 0, loss = 0;
    for (const SecurityIndex name : a.security) {
      const std::int64_t of_name = number[name];
      const std::int64_t is_there = ~(of_name >> 63);  // all bits, or none for kNoRank
      sums += before & is_there;
      before += ranks[of_name];  // ranks[kNoRank] is 0
    }
    std::int64_t products = -2 * sums;
    for (const TiedPlaces& tie : a.ties) {
      const TieChange change = change_by(a.security.data() + tie.begin, tie.end - tie.begin, number, ranks);
      products += change.products;
      loss += change.loss;
    }
    return correlate_centred(products, (names * names * names - names - loss) / 3, of_b.squares);
  }

 private:
  struct TieChange {
    std::int64_t products, loss;
  };

  /// The change of the products if the `n` names of a tie share the mean of their places. `number` and `ranks`: those of b.
  static TieChange change_by(const SecurityIndex* names, std::int32_t n, const Number* number, const Number* ranks) {
    if (n == 2) {
      const std::ptrdiff_t first = number[names[0]], second = number[names[1]];
      const std::int64_t are_both = (first >= 0) & (second >= 0);
      return {are_both * (ranks[first] - ranks[second]), are_both * tie_loss(2)};
    }
    std::int64_t count = 0, sum = 0, by_place = 0;
    for (std::int32_t i = 0; i < n; ++i) {
      const std::ptrdiff_t of_name = number[names[i]];
      count += of_name >= 0;
      sum += ranks[of_name];
      by_place += count * ranks[of_name];
    }
    return {(count + 1) * sum - 2 * by_place, tie_loss(count)};
  }

  std::vector<std::uint32_t> gone_names_;
  std::vector<Number> gone_, part_;
};

}  // namespace fractile
