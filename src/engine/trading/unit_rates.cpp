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

UnitRates::Day UnitRates::ask_for(DateIndex n) const {
  if (n < first_day_) return Day(*this);
  std::atomic<Asked>& asked = days_[static_cast<std::size_t>(n - first_day_)];
  const Asked before = asked.load(std::memory_order_relaxed);
  if (before != Asked::often) asked.store(before == Asked::never ? Asked::once : Asked::often, std::memory_order_relaxed);
  if (before == Asked::never) return Day(*this);
  const RowIndex first = panel_.row_begin(n), n_rows = panel_.row_end(n) - first;
  std::uint64_t* const cells = cells_.data() + (first - panel_.row_begin(first_day_));
  if (before == Asked::once) touch(cells, n_rows);
  return Day(*this, cells, first, n_rows);
}

/// Writes to each page and changes nothing: a page that is read before it is written to costs two faults, and the second makes
/// other threads wait.
void UnitRates::touch(std::uint64_t* cells, RowIndex n_rows) noexcept {
  constexpr RowIndex kPageRows = 4096 / sizeof(std::uint64_t);
  for (RowIndex at = 0; at < n_rows + kPageRows; at += kPageRows)
    std::atomic_ref<std::uint64_t>(cells[std::min(at, n_rows)]).fetch_or(0, std::memory_order_relaxed);
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
