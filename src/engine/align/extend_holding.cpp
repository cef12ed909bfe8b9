// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "engine/align/extend_holding.hpp"

#include <algorithm>
#include <atomic>
#include <vector>

#include "parallel/workers.hpp"

namespace fractile {
namespace {

/// By loaded day: the last day for which a used row of that day holds.
std::vector<std::int64_t> find_last_days(const PanelView& panel, int hold_days, const double* value) {
  std::vector<std::int64_t> out(static_cast<std::size_t>(panel.n_days()));
  std::int64_t next = std::int64_t{panel.last()} + 1;  // the next day that has a used row
  for (DateIndex n = panel.last(); n >= panel.first(); --n) {
    const bool is_until_next = hold_days == kHoldUntilNext;
    out[static_cast<std::size_t>(n - panel.first())] = is_until_next ? next - 1 : std::int64_t{n} + hold_days - 1;
    const double* const end = value + panel.row_end(n);
    if (is_until_next && std::any_of(value + panel.row_begin(n), end, [](double x) { return x == x; })) next = n;
  }
  return out;
}

/// Copies forward the rows of one security, days ascending; returns the number of copies.
std::int64_t copy_forward(const PanelView& panel, const SecurityRange& range, const EligibilityMask& closed,
                          const std::vector<std::int64_t>& last_days, double* value, RowIndex* exposure_row) {
  const DateIndex from = std::max(range.first, panel.first());
  const DateIndex to = std::min(range.first + range.length - 1, panel.last());
  const RowIndex first_row = panel.row_begin(panel.first()), end_row = panel.row_end(panel.last());
  std::int64_t copies = 0;
  RowIndex newest = kNoRow;  // the newest used row
  std::int64_t until = -1;   // the last day for which it holds
  for (DateIndex n = from; n <= to; ++n) {
    const RowIndex row = panel.row_at(range.begin + (n - range.first));
    if (row < first_row || row >= end_row) continue;  // no row, or one of other days because the index is damaged
    if (value[row] == value[row]) {
      newest = row;
      until = last_days[static_cast<std::size_t>(n - panel.first())];
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
  const std::vector<std::int64_t> last_days = find_last_days(panel, config.hold_days, slots.value.data());
  constexpr int kSecuritiesPerTask = 64;
  const auto n_securities = static_cast<int>(panel.ranges().size());
  parallel_for(
      threads, (n_securities + kSecuritiesPerTask - 1) / kSecuritiesPerTask,
      [&](int task, int) {
        std::int64_t made = 0;
        const int end = std::min(n_securities, (task + 1) * kSecuritiesPerTask);
        for (int security = task * kSecuritiesPerTask; security < end; ++security)
          made += copy_forward(panel, panel.ranges()[static_cast<std::size_t>(security)], closed, last_days, slots.value.data(),
                               exposures ? slots.exposure_row.data() : nullptr);
        copies += made;
      },
      poll);
  return {copies, duplicates > 0};
}

}  // namespace fractile
