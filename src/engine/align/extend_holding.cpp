// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "engine/align/extend_holding.hpp"

#include <algorithm>
#include <atomic>

#include "parallel/workers.hpp"

namespace fractile {
namespace {

/// Each security by itself, its days ascending; returns the number of copies.
std::int64_t copy_forward(const PanelView& panel, const SecurityRange& range, const EligibilityMask& closed, int hold_days,
                          double* value, RowIndex* exposure_row) {
  const DateIndex from = std::max(range.first, panel.first());
  const DateIndex to = std::min(range.first + range.length - 1, panel.last());
  const RowIndex first_row = panel.row_begin(panel.first()), end_row = panel.row_end(panel.last());
  std::int64_t copies = 0;
  RowIndex newest = kNoRow;  // used row
  std::int64_t until = -1;   // last day that it stands for
  for (DateIndex n = from; n <= to; ++n) {
    const RowIndex row = panel.row_at(range.begin + (n - range.first));
    if (row < first_row || row >= end_row) continue;  // none, or one of other days where the index is damaged
    if (value[row] == value[row]) {
      newest = row;
      until = std::int64_t{n} + hold_days - 1;
    } else if (n <= until && closed.state(row) == RowState::open) {
      value[row] = value[newest];
      if (exposure_row) exposure_row[row] = exposure_row[newest];
      ++copies;
    }
  }
  return copies;
}

}  // namespace

ExtendedHolding extend_holding(const PanelView& panel, const Alignment& alignment, const double* values,
                               const ExposurePlan* exposures, const RunConfig& config, int threads, Slots& slots,
                               const std::function<void()>& poll) {
  const auto n_slots = static_cast<std::size_t>(panel.snapshot().row_capacity());
  slots.value.reserve(n_slots);
  if (exposures) slots.exposure_row.reserve(n_slots);
  std::atomic<std::int64_t> duplicates{0}, copies{0};
  parallel_for(
      threads, alignment.n_blocks(),
      [&](int block, int) {
        const auto first = static_cast<std::size_t>(alignment.first_row(block));
        duplicates += alignment.read(block, 0, values, exposures, slots.value.data() + first,
                                     exposures ? slots.exposure_row.data() + first : nullptr);
      },
      poll);
  const EligibilityMask closed(panel, config, threads, poll);
  constexpr int kSecuritiesPerTask = 64;
  const auto n_securities = static_cast<int>(panel.ranges().size());
  parallel_for(
      threads, (n_securities + kSecuritiesPerTask - 1) / kSecuritiesPerTask,
      [&](int task, int) {
        std::int64_t made = 0;
        const int end = std::min(n_securities, (task + 1) * kSecuritiesPerTask);
        for (int security = task * kSecuritiesPerTask; security < end; ++security)
          made += copy_forward(panel, panel.ranges()[static_cast<std::size_t>(security)], closed, config.hold_days,
                               slots.value.data(), exposures ? slots.exposure_row.data() : nullptr);
        copies += made;
      },
      poll);
  return {copies, duplicates > 0};
}

}  // namespace fractile
