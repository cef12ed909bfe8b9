// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "engine/cross_sections.hpp"

#include <algorithm>

namespace fractile {

bool CrossSection::uses(RowIndex row) const noexcept {
  auto place = static_cast<std::size_t>(row - first);
  if (has_rows) {
    const auto found = std::lower_bound(rows.begin(), rows.end(), row);
    if (found == rows.end() || *found != row) return false;
    place = static_cast<std::size_t>(found - rows.begin());
  }
  return values[place] == values[place];
}

CrossSection CrossSections::read(DateIndex n, Scratch& scratch) const {
  CrossSection day;
  day.first = market_.row_begin(n);
  if (slots_) {
    const auto first = static_cast<std::size_t>(day.first);
    day.values = {slots_->value.data() + first, static_cast<std::size_t>(market_.row_end(n) - day.first)};
    // No arithmetic on a null pointer: without residuals there are none.
    if (const RowIndex* const all = slots_->exposure_row.data()) day.exposure_rows = all + first;
    return day;
  }
  const int block = plan_->block_of(n);
  if (scratch.block != block) {
    scratch.values.resize(plan_->size(block));
    scratch.exposure_rows.resize(exposures_ ? plan_->size(block) : 0);
    plan_->read(block, values_, exposures_, scratch.values.data(), scratch.exposure_rows.data());
    scratch.block = block;
  }
  const std::size_t place = plan_->place(n);
  day.has_rows = true;
  day.rows = plan_->rows(n);
  day.values = std::span<const double>(scratch.values).subspan(place, day.rows.size());
  if (exposures_) day.exposure_rows = scratch.exposure_rows.data() + place;
  return day;
}

}  // namespace fractile
