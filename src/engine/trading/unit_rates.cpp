// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "engine/trading/unit_rates.hpp"

#include <cmath>

#include "engine/trading/last_known.hpp"

namespace fractile {

std::shared_ptr<const UnitRates> UnitRates::of(const PanelView& panel, double alpha) {
  return panel.unit_rates(alpha, [&] { return std::make_shared<const UnitRates>(panel, alpha); });
}

UnitRates::UnitRates(const PanelView& panel, double alpha)
    : panel_(panel),
      alpha_(alpha),
      vol_(panel.reals("vol")),
      adv_(panel.reals("adv")),
      close_adj_(panel.reals("close_adj")),
      first_day_(std::max(panel.first() - 1, 0)),
      days_(static_cast<std::size_t>(panel.last() - first_day_) + 1) {
  cells_.reserve(static_cast<std::size_t>(panel.row_end(panel.last()) - panel.row_begin(first_day_)) + 1);
}

UnitRates::Day UnitRates::find_or_make(DateIndex n) const {
  if (n < first_day_) return Day(*this);
  std::atomic<State>& state = days_[static_cast<std::size_t>(n - first_day_)];
  const RowIndex first = panel_.row_begin(n), n_rows = panel_.row_end(n) - first;
  std::uint64_t* const cells = cells_.data() + (first - panel_.row_begin(first_day_));
  State found = state.load(std::memory_order_acquire);
  if (found == State::unknown) state.compare_exchange_strong(found, State::asked, std::memory_order_relaxed);
  if (found == State::asked && state.compare_exchange_strong(found, State::in_work, std::memory_order_relaxed)) {
    std::fill_n(cells, n_rows, 0);
    state.store(found = State::cached, std::memory_order_release);
  }
  return found == State::cached ? Day(*this, cells, first, n_rows) : Day(*this);
}

CostInputs UnitRates::inputs(RowIndex row) const noexcept {
  return {last_known(panel_, vol_, row, false), last_known(panel_, adv_, row, true), last_known(panel_, close_adj_, row, true)};
}

double UnitRates::compute(RowIndex row) const noexcept {
  const CostInputs in = inputs(row);
  if (in.adv != in.adv) return kNaN;  // the power 0 of an unknown volume is 1
  const double value = in.vol / in.close_adj * std::pow(in.adv, -alpha_);
  return std::isnormal(value) ? value : kNaN;
}

}  // namespace fractile
