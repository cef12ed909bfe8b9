// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "analysis/equal_book.hpp"

#include <algorithm>
#include <cmath>

namespace fractile {

double sum_trades(const EqualBook& before, const EqualBook& now) {
  // A name's trade follows from its side before and now, so numbers of names are enough.
  const std::size_t stay_long = now.long_names.count_common(before.long_names),
                    stay_short = now.short_names.count_common(before.short_names),
                    to_long = now.long_names.count_common(before.short_names),
                    to_short = now.short_names.count_common(before.long_names);
  const double long_before = before.long_weight(), short_before = before.short_weight(), long_now = now.long_weight(),
               short_now = now.short_weight();
  const auto times = [](std::size_t names, double trade) { return static_cast<double>(names) * trade; };
  return times(stay_long, std::fabs(long_now - long_before)) + times(stay_short, std::fabs(short_now - short_before)) +
         times(to_long, long_now + short_before) + times(to_short, short_now + long_before) +
         times(now.n_long - stay_long - to_long, long_now) + times(now.n_short - stay_short - to_short, short_now) +
         times(before.n_long - stay_long - to_short, long_before) + times(before.n_short - stay_short - to_long, short_before);
}

namespace {

/// The names of an order that are there.
class PresentNames {
 public:
  PresentNames(const OrderedSignal& order, std::span<const std::int32_t> missing) : order_(order), missing_(missing) {}

  /// The names before a place at which no tie is cut.
  std::size_t before(std::size_t place) const noexcept {
    const auto end = std::lower_bound(missing_.begin(), missing_.end(), static_cast<std::int32_t>(place));
    return place - static_cast<std::size_t>(end - missing_.begin());
  }

  /// Near the place of a rank: exact unless names are missing close before it.
  std::size_t place_of_rank(std::size_t rank) const noexcept { return rank + (rank - before(rank)); }

  /// The first place whose name's average rank does not hold. `holds`: true up to some rank, then false. `guess`: a place near
  /// it.
  template <class Holds>
  std::size_t find_end(Holds&& holds, std::size_t guess) const {
    std::size_t low = 0, high = order_.security.size();
    const auto halve_at = [&](std::size_t place) {
      const auto [begin, end] = tie_of(place);
      const std::size_t below = before(begin), among = before(end) - below;
      if (holds(static_cast<double>(below) + (static_cast<double>(among) + 1.0) / 2.0))
        low = end;
      else
        high = begin;
    };
    constexpr std::size_t kNear = 8;
    if (const std::size_t place = guess - kNear; place < high) halve_at(place);
    if (const std::size_t place = guess + kNear; low <= place && place < high) halve_at(place);
    while (low < high) halve_at((low + high) / 2);
    return low;
  }

 private:
  struct Places {
    std::size_t begin, end;
  };
  Places tie_of(std::size_t place) const noexcept {
    const auto after = std::upper_bound(order_.ties.begin(), order_.ties.end(), static_cast<std::int32_t>(place),
                                        [](std::int32_t at, const TiedPlaces& tie) { return at < tie.begin; });
    if (after != order_.ties.begin() && static_cast<std::size_t>((after - 1)->end) > place)
      return {static_cast<std::size_t>((after - 1)->begin), static_cast<std::size_t>((after - 1)->end)};
    return {place, place + 1};
  }
  const OrderedSignal& order_;
  std::span<const std::int32_t> missing_;
};

}  // namespace

OrderCuts find_order_cuts(const OrderedSignal& order, std::span<const std::int32_t> missing, double a, double b) {
  const PresentNames present(order, missing);
  const std::size_t m = order.security.size() - missing.size();
  const double am = a * static_cast<double>(m), bm = b * static_cast<double>(m);
  OrderCuts cuts{};
  const auto near = [&](double percent) { return present.place_of_rank(static_cast<std::size_t>(percent / 100.0)); };
  cuts.short_end = present.find_end([am](double rank) { return 100.0 * rank <= am; }, near(am));
  cuts.long_begin = present.find_end([bm](double rank) { return !(100.0 * rank > bm); }, near(bm));
  cuts.n_short = present.before(cuts.short_end);
  cuts.n_long = m - present.before(cuts.long_begin);
  return cuts;
}

void OrderSides::set(const OrderedSignal& order, std::size_t n_securities) {
  order_ = &order;
  long_.reset(n_securities);
  short_.reset(n_securities);
  short_end_ = 0;
  long_begin_ = order.security.size();
}

void OrderSides::flip(SecuritySet& side, std::size_t& cut, std::size_t to) {
  for (std::size_t i = std::min(cut, to); i < std::max(cut, to); ++i) side.flip(static_cast<std::size_t>(order_->security[i]));
  cut = to;
}

void OrderSides::move_to(const OrderCuts& cuts) {
  flip(short_, short_end_, cuts.short_end);
  flip(long_, long_begin_, cuts.long_begin);
}

}  // namespace fractile
