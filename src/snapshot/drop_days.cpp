// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "snapshot/drop_days.hpp"

#include <string>
#include <utility>
#include <vector>

namespace fractile {
namespace {

/// Text ids: `keys` has places in `texts`; it receives the texts that its rows use, and places in these.
void take_used_texts(const std::vector<std::string>& texts, PanelKeys& keys) {
  constexpr std::int64_t kUnused = -1;
  std::vector<std::int64_t> place(texts.size(), kUnused);
  for (const std::int64_t text : keys.security_id) place[static_cast<std::size_t>(text)] = 0;
  for (std::size_t text = 0; text < texts.size(); ++text) {
    if (place[text] == kUnused) continue;
    place[text] = static_cast<std::int64_t>(keys.texts.size());
    keys.texts.push_back(texts[text]);
  }
  for (std::int64_t& text : keys.security_id) text = place[static_cast<std::size_t>(text)];
}

}  // namespace

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
  if (!index.security_texts.empty()) take_used_texts(index.security_texts, keys);
  PanelIndex out = build_index(std::move(keys));
  std::vector<RowIndex> row_of_source(index.row_of_source.size(), kNoRow);
  for (std::size_t i = 0, next = 0; i < row_of_source.size(); ++i)
    if (day_of_row[static_cast<std::size_t>(index.row_of_source[i])] != kDropped) row_of_source[i] = out.row_of_source[next++];
  out.row_of_source = std::move(row_of_source);
  return out;
}

}  // namespace fractile
