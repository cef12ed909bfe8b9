// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "snapshot/drop_days.hpp"

#include <utility>
#include <vector>

namespace fractile {

PanelIndex drop_days(const PanelIndex& index, std::span<const DateIndex> days) {
  constexpr DateIndex kDropped = -1;
  std::vector<DateIndex> day_of_row(index.security_of_row.size(), kDropped);
  for (std::size_t n = 0, next = 0; n < index.dates.size(); ++n) {
    if (next < days.size() && static_cast<std::size_t>(days[next]) == n) {
      ++next;
      continue;
    }
    for (RowIndex row = index.row_begin[n]; row < index.row_end[n]; ++row)
      day_of_row[static_cast<std::size_t>(row)] = static_cast<DateIndex>(n);
  }
  PanelKeys keys;
  for (const RowIndex row : index.row_of_source) {
    const DateIndex n = day_of_row[static_cast<std::size_t>(row)];
    if (n == kDropped) continue;
    keys.security_id.push_back(
        index.security_ids[static_cast<std::size_t>(index.security_of_row[static_cast<std::size_t>(row)])]);
    keys.date.push_back(index.dates[static_cast<std::size_t>(n)]);
  }
  PanelIndex out = build_index(std::move(keys));
  std::vector<RowIndex> row_of_source(index.row_of_source.size(), kNoRow);
  for (std::size_t i = 0, next = 0; i < row_of_source.size(); ++i)
    if (day_of_row[static_cast<std::size_t>(index.row_of_source[i])] != kDropped) row_of_source[i] = out.row_of_source[next++];
  out.row_of_source = std::move(row_of_source);
  return out;
}

}  // namespace fractile
