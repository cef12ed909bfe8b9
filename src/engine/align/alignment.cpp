// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "engine/align/alignment.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <tuple>

#include "engine/align/exposure_plan.hpp"
#include "engine/kernels/kernels.hpp"
#include "parallel/workers.hpp"
#include "types/row_blocks.hpp"

namespace fractile {
namespace {

constexpr std::uint8_t kHasPlace = kNCauses;
constexpr std::uint8_t code_of(Cause cause) noexcept { return static_cast<std::uint8_t>(cause); }
constexpr double kEmptySlot = std::numeric_limits<double>::quiet_NaN();

}  // namespace

/// The temporary data of the making of an alignment.
struct Alignment::Build {
  const PanelView& panel;
  const KeyResolver& resolver;
  const EligibilityMask& closed;
  int threads;
  int n_ranges;                     // number of ranges of signal rows; each range is a task
  RowIndex* panel_row;              // by signal row
  std::uint16_t* block;             // by signal row: its block of days
  std::vector<std::size_t> next{};  // by range, then block: number of rows, later the place of the next row

  std::int64_t range_begin(int range) const noexcept {
    const std::int64_t n_rows = resolver.keys().n_rows;
    return std::min(n_rows, std::int64_t{count_blocks(n_rows)} * range / n_ranges * kBlockRows);
  }
};

Alignment::Alignment(const PanelView& panel, const SignalKeys& keys, const RunConfig& config, int threads, Lifetime lifetime,
                     AlignmentBuffers& buffers, const std::function<void()>& poll)
    : n_rows_(keys.n_rows), first_day_(panel.first()) {
  const auto n = static_cast<std::size_t>(n_rows_);
  if (lifetime == Lifetime::one_run) {
    buffers.rows.reserve(n);
    buffers.causes.reserve(n);
    rows_ = std::move(buffers.rows);
    cause_ = std::move(buffers.causes);
  } else {
    rows_ = buffers.rows.take(n);
    cause_ = buffers.causes.take(n);
  }
  buffers.panel_rows.reserve(n);
  buffers.blocks.reserve(n);
  for (DateIndex day = panel.first(); day <= panel.last(); day += kBlockDays) first_row_.push_back(panel.row_begin(day));
  first_row_.push_back(panel.row_end(panel.last()));
  const KeyResolver resolver(panel, keys, config);
  shape_ = resolver.shape();
  const EligibilityMask closed(panel, config, threads, poll);
  Build build{.panel = panel,
              .resolver = resolver,
              .closed = closed,
              .threads = threads,
              .n_ranges = std::min(count_blocks(n_rows_), 8 * threads),
              .panel_row = buffers.panel_rows.data(),
              .block = buffers.blocks.data()};
  resolve_rows(build, poll);
  sort_by_block(build, poll);
  if (config.from_open) find_bad_prints(build);
}

void Alignment::release_buffers(AlignmentBuffers& buffers) noexcept {
  buffers.rows = std::move(rows_);
  buffers.causes = std::move(cause_);
}

std::size_t Alignment::bytes() const noexcept {
  return sizeof *this + rows_.bytes() + cause_.bytes() + hashes_.capacity() * sizeof hashes_[0] +
         bad_prints_.capacity() * sizeof bad_prints_[0] + later_rows_.capacity() * sizeof later_rows_[0];
}

/// The place of each row of a block of keys in the panel, or the cause for which the row is dropped.
void Alignment::take_rows(const Build& build, std::int64_t begin, std::int64_t count, KeyBlock& keys, std::size_t* rows_of_block,
                          AlignCounts& out) {
  constexpr std::int64_t kAhead = 64;
  const PanelView& panel = build.panel;
  const RowIndex* const first_row = first_row_.data();
  const std::int32_t* const place = keys.at.data();
  const DateIndex* const r = keys.r.data();
  std::uint8_t* const cause = cause_.data() + begin;
  RowIndex* const panel_row = build.panel_row + begin;
  std::uint16_t* const block = build.block + begin;
  const EligibilityMask& closed = build.closed;
  const DateIndex first_day = first_day_;
  std::int64_t used = 0;
  const auto drop = [&](Cause why, std::int64_t i) {
    cause[i] = code_of(why);
    out.drop(why, begin + i);
  };
  for (std::int64_t i = 0; i < count; ++i) {
    panel.prefetch_row(place[std::min(i + kAhead, count - 1)]);
    if (place[i] < 0) {
      drop(static_cast<Cause>(-1 - place[i]), i);
      continue;
    }
    const RowIndex row = panel.row_at(place[i]);
    panel_row[i] = row;
    // The row has no panel row, or one outside the loaded days because the index is damaged.
    const int days = (r[i] - first_day) / kBlockDays;
    if (row < first_row[days] || row >= first_row[days + 1]) {
      drop(Cause::no_return, i);
      keys.later_rows.add({r[i], panel.security_of_place(place[i]), static_cast<std::uint32_t>(begin + i)});
      continue;
    }
    const RowState state = closed.state(row);
    if (state != RowState::open) {
      drop(state == RowState::outside_universe ? Cause::outside_universe : Cause::bad_open_print, i);
      continue;
    }
    ++used;
    cause[i] = kHasPlace;
    block[i] = static_cast<std::uint16_t>(days);
    ++rows_of_block[days];
  }
  out.rows_used += used;
}

/// Finds each row's panel row or cause, and counts the rows of each block of days.
void Alignment::resolve_rows(Build& build, const std::function<void()>& poll) {
  hashes_.resize(static_cast<std::size_t>(count_blocks(n_rows_)));
  const auto n_blocks_of_days = static_cast<std::size_t>(n_blocks());
  build.next.resize(static_cast<std::size_t>(build.n_ranges) * n_blocks_of_days);
  std::vector<AlignCounts> counts(static_cast<std::size_t>(build.threads));
  std::vector<KeyBlock> key_blocks(static_cast<std::size_t>(build.threads));
  parallel_for(
      build.threads, build.n_ranges,
      [&](int range, int slot) {
        KeyBlock& keys = key_blocks[static_cast<std::size_t>(slot)];
        const std::int64_t end = build.range_begin(range + 1);
        for (std::int64_t begin = build.range_begin(range); begin < end; begin += kBlockRows) {
          const std::int64_t count = std::min(kBlockRows, end - begin);
          build.resolver.read(begin, count, keys);
          hashes_[static_cast<std::size_t>(begin / kBlockRows)] = build.resolver.hash(begin, count, keys);
          AlignCounts& out = counts[static_cast<std::size_t>(slot)];
          build.resolver.resolve(begin, count, keys, out);
          take_rows(build, begin, count, keys, build.next.data() + static_cast<std::size_t>(range) * n_blocks_of_days, out);
        }
      },
      poll);
  for (const AlignCounts& part : counts) key_counts_.merge(part);
  list_later_rows(key_blocks);
}

void Alignment::list_later_rows(std::span<const KeyBlock> parts) {
  for (const KeyBlock& part : parts) knows_later_rows_ &= part.later_rows.are_all();
  if (!knows_later_rows_) return;
  for (const KeyBlock& part : parts)
    later_rows_.insert(later_rows_.end(), part.later_rows.rows().begin(), part.later_rows.rows().end());
  std::sort(later_rows_.begin(), later_rows_.end(), [](const LaterRow& a, const LaterRow& b) {
    return std::tie(a.r, a.security, a.signal_row) < std::tie(b.r, b.security, b.signal_row);
  });
}

void Alignment::read_later_names(DateIndex n, const double* values, std::vector<NamedSignal>& out) const {
  out.clear();
  const auto of_day = std::equal_range(later_rows_.begin(), later_rows_.end(), LaterRow{n, 0, 0},
                                       [](const LaterRow& a, const LaterRow& b) { return a.r < b.r; });
  for (auto row = of_day.first; row != of_day.second; ++row) {
    const double value = values[row->signal_row] + 0.0;  // -0 is 0
    if (value != value) continue;
    if (!out.empty() && out.back().security == row->security)
      out.back().value = value;
    else
      out.push_back({row->security, value});
  }
}

/// Sorts signal rows by block of days; input order is preserved within a block.
void Alignment::sort_by_block(Build& build, const std::function<void()>& poll) {
  const auto n_blocks_of_days = static_cast<std::size_t>(n_blocks());
  std::size_t total = 0;
  for (std::size_t block = 0; block < n_blocks_of_days; ++block) {
    block_begin_.push_back(total);
    for (int range = 0; range < build.n_ranges; ++range) {
      std::size_t& next = build.next[static_cast<std::size_t>(range) * n_blocks_of_days + block];
      total += std::exchange(next, total);
    }
  }
  block_begin_.push_back(total);
  parallel_for(
      build.threads, build.n_ranges,
      [&](int range, int) {
        // Local copies stay in registers; the compiler cannot know that no store changes the members.
        std::size_t* const next = build.next.data() + static_cast<std::size_t>(range) * n_blocks_of_days;
        const std::uint8_t* const cause = cause_.data();
        const std::uint16_t* const block_of_row = build.block;
        const RowIndex *const panel_row = build.panel_row, *const first_row = first_row_.data();
        AlignedRow* const rows = rows_.data();
        const auto end = static_cast<std::size_t>(build.range_begin(range + 1));
        for (auto i = static_cast<std::size_t>(build.range_begin(range)); i < end; ++i) {
          if (cause[i] != kHasPlace) continue;
          const std::uint16_t block = block_of_row[i];
          rows[next[block]++] = {panel_row[i] - first_row[block], static_cast<std::uint32_t>(i)};
        }
      },
      poll);
}

void Alignment::find_bad_prints(const Build& build) {
  for (std::size_t i = 0; i < static_cast<std::size_t>(n_rows_); ++i)
    if (cause_[i] == code_of(Cause::bad_open_print)) bad_prints_.emplace_back(build.panel_row[i], static_cast<std::uint32_t>(i));
  std::sort(bad_prints_.begin(), bad_prints_.end());
}

/// True if a row that has a slot fills it.
bool Alignment::takes(std::uint32_t row, const double* values, const ExposurePlan* exposures) const noexcept {
  return values[row] == values[row] && !(exposures && exposures->is_missing(row));
}

std::int64_t Alignment::read(int block, std::int32_t from, const double* values, const ExposurePlan* exposures, double* slots,
                             RowIndex* exposure_rows) const noexcept {
  constexpr std::size_t kAhead = 160;  // twenty cache lines of eight values
  std::fill_n(slots, n_slots(block), kEmptySlot);
  const AlignedRow* row = rows_.data() + block_begin_[static_cast<std::size_t>(block)];
  const AlignedRow* const end = rows_.data() + block_begin_[static_cast<std::size_t>(block) + 1];
  std::int64_t met = 0;
  if (exposures) {
    const RowIndex* const exposure_row = exposures->row.data();
    for (; row < end; ++row) {
      const std::uint32_t ahead = row[end - row > std::ptrdiff_t{kAhead} ? kAhead : 0].signal_row;
      __builtin_prefetch(values + ahead);
      __builtin_prefetch(exposure_row + ahead);
      if (row->slot < from || !takes(row->signal_row, values, exposures)) continue;
      met += slots[row->slot] == slots[row->slot];
      slots[row->slot] = values[row->signal_row] + 0.0;  // -0 is 0
      exposure_rows[row->slot] = exposure_row[row->signal_row];
    }
    return met;
  }
  if (from > 0) {
    for (; row < end; ++row) {
      if (row->slot < from || !takes(row->signal_row, values, exposures)) continue;
      met += slots[row->slot] == slots[row->slot];
      slots[row->slot] = values[row->signal_row] + 0.0;
    }
    return met;
  }
  const auto take = [&](const AlignedRow& one) {
    const double value = values[one.signal_row] + 0.0;
    const double before = slots[one.slot];
    const bool is_number = value == value;
    met += is_number & (before == before);
    slots[one.slot] = is_number ? value : before;
  };
  for (; end - row > std::ptrdiff_t{kAhead}; ++row) {
    __builtin_prefetch(values + row[kAhead].signal_row);
    take(*row);
  }
  for (; row < end; ++row) take(*row);
  return met;
}

void Alignment::count_duplicates(const double* values, const ExposurePlan* exposures, AlignCounts& counts) const {
  CauseCount& duplicates = counts.causes[static_cast<std::size_t>(Cause::duplicate)];
  constexpr std::int64_t kNone = -1;
  std::vector<std::int64_t> newest;  // by slot
  for (int block = 0; block < n_blocks(); ++block) {
    newest.assign(n_slots(block), kNone);
    for (std::size_t k = block_begin_[static_cast<std::size_t>(block)]; k < block_begin_[static_cast<std::size_t>(block) + 1];
         ++k) {
      const AlignedRow& row = rows_[k];
      if (!takes(row.signal_row, values, exposures)) continue;
      std::int64_t& here = newest[static_cast<std::size_t>(row.slot)];
      if (here != kNone) {
        duplicates.add(here);
        --counts.rows_used;
      }
      here = row.signal_row;
    }
  }
}

AlignedSignal Alignment::inspect(const double* values, const RunConfig& config, const ExposurePlan* exposures, int threads,
                                 const std::function<void()>& poll) const {
  struct Scratch {
    std::vector<std::int32_t> places;
    std::vector<double> values;
    NanCounts nans;
    AlignCounts counts;
  };
  std::vector<Hash128> hashes(hashes_.size());
  std::vector<Scratch> scratches(static_cast<std::size_t>(threads));
  const bool check_positions = config.input_type == InputType::position;
  parallel_for(
      threads, count_blocks(n_rows_),
      [&](int task, int slot) {
        const std::int64_t begin = task * kBlockRows;
        const auto count = static_cast<std::size_t>(std::min(kBlockRows, n_rows_ - begin));
        Scratch& scratch = scratches[static_cast<std::size_t>(slot)];
        scratch.places.resize(count + 1);
        const std::size_t n_places = find_not_finite(values + begin, count, scratch.places.data());
        for (std::size_t k = 0; k < n_places; ++k) {
          const std::int64_t row = begin + scratch.places[k];
          if (values[row] == values[row])
            scratch.counts.infinite.add(row);
          else
            count_nan(row, exposures, scratch.nans);
        }
        if (check_positions)
          for (std::int64_t row = begin; row < begin + static_cast<std::int64_t>(count); ++row)
            if (has_panel_row(row) && std::fabs(values[row]) != 1.0 && values[row] != 0.0 && values[row] == values[row])
              scratch.counts.bad_position.add(row);
        const Hash128 hash = hash_values(values + begin, count, n_places > 0, scratch.values);
        hashes[static_cast<std::size_t>(task)] = hash_rows(hashes_[static_cast<std::size_t>(task)], hash);
      },
      poll);
  NanCounts missing;
  AlignCounts refused;
  for (const Scratch& scratch : scratches) {
    for (std::size_t c = 0; c < missing.by_cause.size(); ++c) missing.by_cause[c] += scratch.nans.by_cause[c];
    missing.rows.merge(scratch.nans.rows);
    refused.merge(scratch.counts);
  }
  AlignCounts counts = count_with_nan(values, missing, exposures, threads);
  if (!bad_prints_.empty()) count_bad_prints(values, exposures, counts);
  counts.merge(refused);
  return {counts, combine_hashes(shape_, hashes)};
}

/// True if a row has a panel row, eligible or not.
bool Alignment::has_panel_row(std::int64_t row) const noexcept {
  const std::uint8_t cause = cause_[static_cast<std::size_t>(row)];
  return cause == kHasPlace || cause == code_of(Cause::outside_universe) || cause == code_of(Cause::bad_open_print);
}

/// Counts bad prints. If several rows belong to one bad print, the last counts as the bad print, earlier ones as duplicates.
void Alignment::count_bad_prints(const double* values, const ExposurePlan* exposures, AlignCounts& counts) const {
  CauseCount bad;
  RowIndex seen = kNoRow;
  for (std::size_t k = bad_prints_.size(); k-- > 0;) {
    const auto [panel_row, signal_row] = bad_prints_[k];
    if (!takes(signal_row, values, exposures)) continue;
    if (panel_row == seen)
      counts.drop(Cause::duplicate, signal_row);
    else
      bad.add(signal_row);
    seen = panel_row;
  }
  counts.causes[static_cast<std::size_t>(Cause::bad_open_print)] = bad;
}

/// The cause of a row whose value is a number.
std::uint8_t Alignment::final_cause(std::size_t row, const ExposurePlan* exposures) const noexcept {
  const std::uint8_t cause = cause_[row];
  const bool has_place = cause == kHasPlace || cause == code_of(Cause::bad_open_print);
  return has_place && exposures && exposures->is_missing(row) ? code_of(Cause::no_exposure) : cause;
}

void Alignment::count_nan(std::int64_t row, const ExposurePlan* exposures, NanCounts& out) const {
  const std::uint8_t cause = final_cause(static_cast<std::size_t>(row), exposures);
  if (cause == code_of(Cause::null_key)) return;
  ++out.by_cause[cause];
  out.rows.add(row);
}

/// Moves every NaN from its cause to null_signal. Only if a NaN was an example does this read all rows again.
AlignCounts Alignment::count_with_nan(const double* values, const NanCounts& missing, const ExposurePlan* exposures,
                                      int threads) const {
  AlignCounts counts = count_without_nan(exposures, threads);
  for (std::size_t c = 0; c < kNCauses; ++c) {
    CauseCount& cause = counts.causes[c];
    cause.count -= missing.by_cause[c];
    for (const std::int64_t row : cause.rows)
      if (missing.by_cause[c] > 0 && row >= 0 && values[row] != values[row]) return count_rows(values, exposures, threads);
  }
  counts.rows_used -= missing.by_cause[kHasPlace];
  counts.causes[static_cast<std::size_t>(Cause::null_signal)].merge(missing.rows);
  return counts;
}

AlignCounts Alignment::count_without_nan(const ExposurePlan* exposures, int threads) const {
  if (!exposures) return key_counts_;
  const std::lock_guard lock(mutex_);
  const auto found = resid_counts_.find(exposures->residuals);
  if (found != resid_counts_.end()) return found->second;
  return resid_counts_[exposures->residuals] = count_rows(nullptr, exposures, threads);
}

/// Counts all rows. If `values` is null, no value is NaN.
AlignCounts Alignment::count_rows(const double* values, const ExposurePlan* exposures, int threads) const {
  std::vector<AlignCounts> counts(static_cast<std::size_t>(threads));
  parallel_for(threads, count_blocks(n_rows_), [&](int task, int slot) {
    AlignCounts& part = counts[static_cast<std::size_t>(slot)];
    const auto begin = static_cast<std::size_t>(task * kBlockRows);
    const auto end = static_cast<std::size_t>(std::min(n_rows_, (task + 1) * kBlockRows));
    for (std::size_t i = begin; i < end; ++i) {
      std::uint8_t cause = final_cause(i, exposures);
      if (values && values[i] != values[i] && cause != code_of(Cause::null_key)) cause = code_of(Cause::null_signal);
      if (cause == kHasPlace)
        ++part.rows_used;
      else
        part.drop(static_cast<Cause>(cause), static_cast<std::int64_t>(i));
    }
  });
  AlignCounts total = key_counts_;
  total.causes = {};
  total.rows_used = 0;
  for (const AlignCounts& part : counts) total.merge(part);
  return total;
}

}  // namespace fractile
