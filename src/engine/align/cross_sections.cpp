// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "engine/align/cross_sections.hpp"

namespace fractile {

CrossSection CrossSections::read(DateIndex n, Scratch& scratch, bool& has_duplicates) const {
  const RowIndex first = panel_.row_begin(n);
  const auto n_rows = static_cast<std::size_t>(panel_.row_end(n) - first);
  if (slots_) {
    const auto at = static_cast<std::size_t>(first);
    // Arithmetic on a null pointer is undefined; without residuals the pointer is null.
    const RowIndex* const exposure_rows = slots_->exposure_row.data();
    return {first, {slots_->value.data() + at, n_rows}, exposure_rows ? exposure_rows + at : nullptr};
  }
  const int block = alignment_->block_of(n);
  if (scratch.block != block) {
    scratch.values.resize(alignment_->n_slots(block));
    if (exposures_) scratch.exposure_rows.resize(scratch.values.size());
    const RowIndex from = first - alignment_->first_row(block);  // days ascend, so earlier slots are not needed
    has_duplicates |= alignment_->read(block, from, values_, exposures_, scratch.values.data(), scratch.exposure_rows.data()) > 0;
    scratch.block = block;
  }
  const auto at = static_cast<std::size_t>(first - alignment_->first_row(block));
  return {first, {scratch.values.data() + at, n_rows}, exposures_ ? scratch.exposure_rows.data() + at : nullptr};
}

}  // namespace fractile
