// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "engine/panel/grouped_days.hpp"

#include "engine/panel/as_of.hpp"

#include <utility>

namespace fractile {

GroupedDays::GroupedDays(const PanelView& panel, const Category& category, CharacteristicsAsof asof)
    : panel_(panel), category_(category), asof_(asof), days_(static_cast<std::size_t>(panel.n_days())) {}

GroupedDays::~GroupedDays() {
  for (const auto& day : days_) delete day.load();
}

const GroupedDays::Day& GroupedDays::find_or_make(DateIndex n) const {
  auto& kept = days_[static_cast<std::size_t>(n - panel_.first())];
  if (const Day* const found = kept.load(std::memory_order_acquire)) return *found;
  auto made = std::make_unique<const Day>(make(n));
  const Day* other = nullptr;
  // If several threads make the same day, the first one's result is stored.
  return kept.compare_exchange_strong(other, made.get(), std::memory_order_acq_rel) ? *made.release() : *other;
}

GroupedDays::Day GroupedDays::make(DateIndex n) const {
  const RowIndex first = panel_.row_begin(n);
  const auto n_rows = static_cast<std::size_t>(panel_.row_end(n) - first);
  const AsOf rule(panel_, asof_);
  std::vector<RowIndex> asof(n_rows);
  for (std::size_t i = 0; i < n_rows; ++i) {
    const RowIndex row = first + static_cast<RowIndex>(i);
    asof[i] = rule.find_row(row, n);
  }
  std::vector<std::int32_t> group(n_rows);
  category_.read_groups(asof, group.data());
  // A counting sort, with rows without a group last.
  const auto n_groups = static_cast<std::size_t>(category_.n_groups());
  const auto bin_of = [&](std::size_t i) { return group[i] < 0 ? n_groups : static_cast<std::size_t>(group[i]); };
  std::vector<std::int32_t> next(n_groups + 1);
  for (std::size_t i = 0; i < n_rows; ++i) ++next[bin_of(i)];
  Day day;
  std::int32_t end = 0;
  for (std::size_t g = 0; g <= n_groups; ++g) {
    const std::int32_t count = std::exchange(next[g], end);
    end += count;
    if (count > 0) day.runs.push_back({g < n_groups ? static_cast<std::int32_t>(g) : -1, end});
  }
  day.slot.resize(n_rows);
  for (std::size_t i = 0; i < n_rows; ++i) day.slot[static_cast<std::size_t>(next[bin_of(i)]++)] = static_cast<std::int32_t>(i);
  return day;
}

}  // namespace fractile
