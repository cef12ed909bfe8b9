// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "engine/cross_sections.hpp"

#include <algorithm>

#include "engine/slot_state.hpp"

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
    day.exposure_rows = slots_->exposure_row.data() + first;
    return day;
  }
  const int block = plan_->block_of(n);
  if (scratch.block != block) {
    scratch.values.resize(plan_->size(block));
    plan_->read(block, values_, scratch.values.data());
    scratch.block = block;
  }
  day.has_rows = true;
  day.rows = plan_->rows(n);
  const auto values = std::span<double>(scratch.values).subspan(plan_->place(n), day.rows.size());
  day.values = values;
  if (!regressors_) return day;
  day.regressors = regressors_;
  day.exposure_rows = regressors_->rows(n).data();
  if (regressors_->n_complete(n) < values.size())
    for (std::size_t i = 0; i < values.size(); ++i)
      if (day.exposure_rows[i] == kNoRow) values[i] = kEmptySlot;
  return day;
}

}  // namespace fractile
