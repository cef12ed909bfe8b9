// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "engine/cross_sections.hpp"

namespace fractile {

CrossSection CrossSections::read(DateIndex n, Scratch& scratch) const {
  const RowIndex first = market_.row_begin(n);
  const auto n_rows = static_cast<std::size_t>(market_.row_end(n) - first);
  if (slots_) {
    const auto at = static_cast<std::size_t>(first);
    return {first, {slots_->value.data() + at, n_rows}, slots_->exposure_row.data() + at};
  }
  const int block = alignment_->block_of(n);
  if (scratch.block != block) {
    scratch.values.resize(alignment_->n_slots(block));
    if (exposures_) scratch.exposure_rows.resize(scratch.values.size());
    const std::int64_t met = alignment_->read(block, values_, exposures_, scratch.values.data(), scratch.exposure_rows.data());
    scratch.has_duplicates |= met > 0;
    scratch.block = block;
  }
  const auto at = static_cast<std::size_t>(first - alignment_->first_row(block));
  return {first, {scratch.values.data() + at, n_rows}, scratch.exposure_rows.data() + at};
}

}  // namespace fractile
