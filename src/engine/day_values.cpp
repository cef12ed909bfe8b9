// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "engine/day_values.hpp"

#include <algorithm>

#include "engine/slot_state.hpp"

namespace fractile {

std::span<const double> DayValues::load(DateIndex n) {
  const RowIndex begin = market_.row_begin(n);
  const auto count = static_cast<std::size_t>(market_.row_end(n) - begin);
  if (source_.slots) return {source_.slots->value.data() + begin, count};
  // A name's values of consecutive days share cache lines, which stay near from day to day.
  constexpr std::size_t kAhead = 32;
  gathered_.resize(count);
  const std::int32_t* const source = source_.plan->source() + begin;
  const double* const values = source_.values;
  const RowIndex* const exposure_row = source_.exposures ? source_.exposures->row.data() : nullptr;
  for (std::size_t j = 0; j < count; ++j) {
    const std::int32_t ahead = source[std::min(j + kAhead, count - 1)];
    if (ahead >= 0) {
      __builtin_prefetch(values + ahead);
      if (exposure_row) __builtin_prefetch(exposure_row + ahead);
    }
    const std::int32_t i = source[j];
    const bool is_used = i >= 0 && (!exposure_row || exposure_row[i] != kNoRow);
    gathered_[j] = is_used ? values[i] + 0.0 : kEmptySlot;  // -0 is 0
  }
  return gathered_;
}

RowIndex DayValues::exposure_row(RowIndex row) const noexcept {
  if (source_.slots) return source_.slots->exposure_row.data()[static_cast<std::size_t>(row)];
  return source_.exposures->row[static_cast<std::size_t>(source_.plan->source()[row])];
}

}  // namespace fractile
