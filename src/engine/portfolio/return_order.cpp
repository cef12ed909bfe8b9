// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "engine/portfolio/return_order.hpp"

#include "engine/portfolio/rank.hpp"

namespace fractile {

std::shared_ptr<const ReturnOrder> ReturnOrder::of(const PanelView& panel, const std::string& name) {
  return panel.return_order(name, [&] { return std::make_shared<const ReturnOrder>(panel, panel.reals(name)); });
}

ReturnOrder::ReturnOrder(const PanelView& panel, Reals column)
    : panel_(panel), column_(column), days_(static_cast<std::size_t>(panel.n_days())), is_asked_(days_.size()) {}

ReturnOrder::~ReturnOrder() {
  for (const auto& day : days_) delete day.load();
}

const ReturnOrder::Day* ReturnOrder::find_or_make(DateIndex n, std::size_t n_names) const {
  constexpr std::size_t kSmallPart = 4;
  const auto at = static_cast<std::size_t>(n - panel_.first());
  if (const Day* const found = days_[at].load(std::memory_order_acquire)) return found;
  const auto n_rows = static_cast<std::size_t>(panel_.row_end(n) - panel_.row_begin(n));
  if (kSmallPart * n_names < n_rows || !is_asked_[at].exchange(true, std::memory_order_relaxed)) return nullptr;
  return &get(n);
}

const ReturnOrder::Day& ReturnOrder::get(DateIndex n) const {
  const auto at = static_cast<std::size_t>(n - panel_.first());
  if (const Day* const found = days_[at].load(std::memory_order_acquire)) return *found;
  auto made = std::make_unique<const Day>(make(n));
  const Day* other = nullptr;
  // If several threads make the same day, the first one's result is stored.
  return days_[at].compare_exchange_strong(other, made.get(), std::memory_order_acq_rel) ? *made.release() : *other;
}

ReturnOrder::Day ReturnOrder::make(DateIndex n) const {
  thread_local RankScratch scratch;
  thread_local std::vector<double> values, ranks;
  const RowIndex first = panel_.row_begin(n);
  Day day(static_cast<std::size_t>(panel_.row_end(n) - first), kMissing);
  values.clear();
  for (std::size_t i = 0; i < day.size(); ++i) {
    const double value = column_[first + static_cast<RowIndex>(i)];
    if (value == value) values.push_back(value);
  }
  average_ranks(values, scratch, ranks);
  std::size_t next = 0;
  for (std::size_t i = 0; i < day.size(); ++i) {
    const double value = column_[first + static_cast<RowIndex>(i)];
    if (value == value) day[i] = static_cast<std::int32_t>(ranks[next++]) - 1;
  }
  return day;
}

}  // namespace fractile
