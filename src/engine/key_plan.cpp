// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "engine/key_plan.hpp"

#include <algorithm>
#include <atomic>

#include "engine/kernels.hpp"
#include "engine/signal_dates.hpp"
#include "engine/slot_state.hpp"
#include "engine/universe.hpp"
#include "engine/workers.hpp"

namespace fractile {
namespace {

constexpr int kBatch = 64;
constexpr std::uint8_t kHasPlace = kNCauses;
constexpr std::uint8_t code_of(Cause cause) noexcept { return static_cast<std::uint8_t>(cause); }

}  // namespace

/// What is needed while a plan is made.
struct KeyPlan::Build {
  const Market& market;
  const KeyResolver& resolver;
  int threads;
  const double* closed_slots;  // null where none is closed
  int n_blocks;
  int n_ranges;                               // of signal rows, each a task
  std::vector<std::int32_t> at = {};          // by signal row: its panel row
  std::vector<std::uint16_t> block = {};      // by signal row: its block of days
  std::vector<std::size_t> next = {};         // by range, then block: how many rows, then where the next one goes
  std::vector<std::size_t> block_begin = {};  // by block of days, and one past the last
  std::atomic<bool> has_duplicates{false};

  std::int64_t range_begin(int range) const noexcept {
    const std::int64_t n_rows = resolver.keys().n_rows;
    return std::min(n_rows, std::int64_t{count_blocks(n_rows)} * range / n_ranges * kBlockRows);
  }
  std::size_t* next_of(int range) noexcept {
    return next.data() + static_cast<std::size_t>(range) * static_cast<std::size_t>(n_blocks);
  }
};

KeyPlan::KeyPlan(const Market& market, const SignalKeys& keys, const RunConfig& config, int threads, Slots& slots,
                 const std::function<void()>& between)
    : n_rows_(keys.n_rows), first_(market.first()), n_days_(market.n_days()), cause_(static_cast<std::size_t>(keys.n_rows)) {
  const bool has_closed = config.from_open || !config.universe.empty();
  if (has_closed) {
    reserve_slots(market, false, slots);
    clear_slots(market, threads, slots, between);
    mark_closed_slots(market, config, threads, slots.value.data(), between);
  }
  const KeyResolver resolver(market, keys, config, false);
  shape_ = resolver.shape();
  Build build{.market = market,
              .resolver = resolver,
              .threads = threads,
              .closed_slots = has_closed ? slots.value.data() : nullptr,
              .n_blocks = (n_days_ + kBlockDays - 1) / kBlockDays,
              .n_ranges = std::min(count_blocks(n_rows_), 8 * threads)};
  resolve_rows(build, between);
  sort_by_block(build, between);
  rows_.resize(signal_rows_.size());
  places_.resize(signal_rows_.size());
  begin_.assign(static_cast<std::size_t>(n_days_) + 1, rows_.size());
  parallel_for(threads, build.n_blocks, [&](int block, int) { place_block(build, block); }, between);
  // Of several rows on one bad print all but the last are duplicates, which a plan does not know.
  is_unique_ = !build.has_duplicates && std::count(cause_.begin(), cause_.end(), code_of(Cause::bad_open_print)) <= 1;
}

/// Finds each row's panel row or cause, and counts those of each block of days.
void KeyPlan::resolve_rows(Build& build, const std::function<void()>& between) {
  const Market& market = build.market;
  hashes_.resize(static_cast<std::size_t>(count_blocks(n_rows_)));
  build.at.resize(static_cast<std::size_t>(n_rows_));
  build.block.resize(static_cast<std::size_t>(n_rows_));
  build.next.resize(static_cast<std::size_t>(build.n_ranges) * static_cast<std::size_t>(build.n_blocks));
  const std::vector<double> zeros(static_cast<std::size_t>(kBlockRows), 0.0);
  const auto n_threads = static_cast<std::size_t>(build.threads);
  std::vector<AlignCounts> counts(n_threads);
  std::vector<KeyBlock> blocks(n_threads);
  const auto take = [&](std::int64_t begin, std::int64_t count, const KeyBlock& block, std::size_t* rows_of_block) {
    const std::int32_t* const place = block.at.data();
    for (std::int64_t i = 0; i < count; ++i) {
      market.prefetch_row(place[std::min(i + kBatch, count - 1)]);
      const auto to = static_cast<std::size_t>(begin + i);
      cause_[to] = place[i] < 0 ? static_cast<std::uint8_t>(-1 - place[i]) : kHasPlace;
      if (place[i] < 0) continue;
      const RowIndex row = market.row_at(place[i]);
      const SlotState state = row >= 0 && build.closed_slots ? slot_state(build.closed_slots[row]) : SlotState::empty;
      if (row < 0) cause_[to] = code_of(Cause::no_return);
      if (state == SlotState::outside) cause_[to] = code_of(Cause::outside_universe);
      if (state == SlotState::bad_open) cause_[to] = code_of(Cause::bad_open_print);
      if (cause_[to] != kHasPlace) continue;
      build.at[to] = row;
      build.block[to] = static_cast<std::uint16_t>(block_of(block.r[static_cast<std::size_t>(i)]));
      ++rows_of_block[build.block[to]];
    }
  };
  parallel_for(
      build.threads, build.n_ranges,
      [&](int range, int slot) {
        KeyBlock& block = blocks[static_cast<std::size_t>(slot)];
        const std::int64_t end = build.range_begin(range + 1);
        for (std::int64_t begin = build.range_begin(range); begin < end; begin += kBlockRows) {
          const std::int64_t count = std::min(kBlockRows, end - begin);
          build.resolver.read(begin, count, block);
          hashes_[static_cast<std::size_t>(begin / kBlockRows)] = build.resolver.hash(begin, count, block);
          build.resolver.resolve(begin, count, zeros.data(), block, counts[static_cast<std::size_t>(slot)]);
          take(begin, count, block, build.next_of(range));
        }
      },
      between);
  for (const AlignCounts& part : counts) {
    date_counts_.impossible.merge(part.impossible);
    date_counts_.trade_before_avail.merge(part.trade_before_avail);
    date_counts_.return_day_rolled += part.return_day_rolled;
  }
}

/// Signal rows by block of days, in their order within it; for now places_ is the panel row.
void KeyPlan::sort_by_block(Build& build, const std::function<void()>& between) {
  std::size_t total = 0;
  for (int block = 0; block < build.n_blocks; ++block) {
    build.block_begin.push_back(total);
    for (int range = 0; range < build.n_ranges; ++range) {
      const std::size_t count = build.next_of(range)[block];
      build.next_of(range)[block] = total;
      total += count;
    }
  }
  build.block_begin.push_back(total);
  signal_rows_.resize(total);
  parallel_for(
      build.threads, build.n_ranges,
      [&](int range, int) {
        std::size_t* const next = build.next_of(range);
        const auto end = static_cast<std::size_t>(build.range_begin(range + 1));
        for (auto i = static_cast<std::size_t>(build.range_begin(range)); i < end; ++i)
          if (cause_[i] == kHasPlace) signal_rows_[next[build.block[i]]++] = static_cast<std::int32_t>(i);
      },
      between);
}

/// The block's panel rows that have a signal row, and where each signal row goes among them.
void KeyPlan::place_block(Build& build, int block) {
  const Market& market = build.market;
  const DateIndex from = first_ + block * kBlockDays, to = std::min(first_ + n_days_, from + kBlockDays);
  const RowIndex first_row = market.row_begin(from);
  const std::size_t begin = build.block_begin[static_cast<std::size_t>(block)];
  const std::size_t end = build.block_begin[static_cast<std::size_t>(block) + 1];
  std::vector<std::int32_t> place_of(static_cast<std::size_t>(market.row_end(to - 1) - first_row), 0);
  // A row outside the block's days comes from a damaged index: it has no place here, and the plan is not used.
  const auto offset = [&](std::size_t k) {
    return static_cast<std::size_t>(build.at[static_cast<std::size_t>(signal_rows_[k])] - first_row);
  };
  for (std::size_t k = begin; k < end; ++k) {
    if (offset(k) < place_of.size())
      ++place_of[offset(k)];
    else
      build.has_duplicates = true;
  }
  std::int32_t place = 0;
  for (DateIndex n = from; n < to; ++n) {
    begin_[static_cast<std::size_t>(n - first_)] = begin + static_cast<std::size_t>(place);
    for (RowIndex row = market.row_begin(n); row < market.row_end(n); ++row) {
      std::int32_t& here = place_of[static_cast<std::size_t>(row - first_row)];
      if (here > 1) build.has_duplicates = true;
      const bool is_used = here > 0;
      here = place;
      if (!is_used) continue;
      rows_[begin + static_cast<std::size_t>(place)] = row;
      ++place;
    }
  }
  for (std::size_t k = begin; k < end; ++k) places_[k] = offset(k) < place_of.size() ? place_of[offset(k)] : 0;
}

std::span<const RowIndex> KeyPlan::rows(DateIndex n) const noexcept {
  const auto day = static_cast<std::size_t>(n - first_);
  return std::span<const RowIndex>(rows_).subspan(begin_[day], begin_[day + 1] - begin_[day]);
}

std::size_t KeyPlan::place(DateIndex n) const noexcept {
  const auto day = static_cast<std::size_t>(n - first_);
  return begin_[day] - begin_[day / kBlockDays * kBlockDays];
}

std::size_t KeyPlan::size(int block) const noexcept {
  const auto first = static_cast<std::size_t>(block) * kBlockDays;
  return begin_[std::min(first + kBlockDays, static_cast<std::size_t>(n_days_))] - begin_[first];
}

void KeyPlan::read(int block, const double* values, const ExposurePlan* exposures, double* out,
                   RowIndex* exposure_rows) const noexcept {
  constexpr std::size_t kAhead = 160;  // twenty lines where eight values share one
  const std::size_t begin = begin_[static_cast<std::size_t>(block) * kBlockDays], end = begin + size(block);
  const std::int32_t* const signal_row = signal_rows_.data();
  const std::int32_t* const place = places_.data();
  for (std::size_t k = begin; k < end; ++k) {
    __builtin_prefetch(values + signal_row[std::min(k + kAhead, end - 1)]);
    out[place[k]] = values[signal_row[k]] + 0.0;  // -0 is 0
  }
  if (!exposures) return;
  const RowIndex* const exposure_row = exposures->row.data();
  for (std::size_t k = begin; k < end; ++k) {
    __builtin_prefetch(exposure_row + signal_row[std::min(k + kAhead, end - 1)]);
    const RowIndex row = exposure_row[signal_row[k]];
    exposure_rows[place[k]] = row;
    if (row == kNoRow) out[place[k]] = kEmptySlot;
  }
}

std::optional<Alignment> KeyPlan::inspect(const double* values, const ExposurePlan* exposures, int threads,
                                          const std::function<void()>& between) const {
  struct Scratch {
    std::vector<std::int32_t> places;
    std::vector<double> values;
    NanCounts nans;
  };
  std::vector<Hash128> hashes(hashes_.size());
  std::vector<Scratch> scratches(static_cast<std::size_t>(threads));
  std::atomic<bool> has_infinite{false};
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
            has_infinite = true;
          else
            count_nan(row, exposures, scratch.nans);
        }
        const Hash128 hash = hash_values(values + begin, count, n_places > 0, scratch.values);
        hashes[static_cast<std::size_t>(task)] = hash_rows(hashes_[static_cast<std::size_t>(task)], hash);
      },
      between);
  if (has_infinite) return std::nullopt;
  NanCounts missing;
  for (const Scratch& scratch : scratches) {
    for (std::size_t c = 0; c < missing.by_cause.size(); ++c) missing.by_cause[c] += scratch.nans.by_cause[c];
    missing.rows.merge(scratch.nans.rows);
  }
  return Alignment{count_with_nan(values, missing, exposures, threads), combine_hashes(shape_, hashes)};
}

/// What becomes of a row whose value is a number.
std::uint8_t KeyPlan::final_cause(std::size_t row, const ExposurePlan* exposures) const noexcept {
  const std::uint8_t cause = cause_[row];
  const bool has_place = cause == kHasPlace || cause == code_of(Cause::bad_open_print);
  return has_place && exposures && exposures->row[row] == kNoRow ? code_of(Cause::no_exposure) : cause;
}

void KeyPlan::count_nan(std::int64_t row, const ExposurePlan* exposures, NanCounts& out) const {
  const std::uint8_t cause = final_cause(static_cast<std::size_t>(row), exposures);
  if (cause == code_of(Cause::null_key)) return;
  ++out.by_cause[cause];
  out.rows.add(row);
}

/// Every NaN goes from its cause to null_signal; only where it was an example are all rows gone through again.
AlignCounts KeyPlan::count_with_nan(const double* values, const NanCounts& missing, const ExposurePlan* exposures,
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

AlignCounts KeyPlan::count_without_nan(const ExposurePlan* exposures, int threads) const {
  const Resid resid = exposures ? exposures->resid : Resid::off;
  const std::lock_guard lock(mutex_);
  const auto found = counts_.find(resid);
  if (found != counts_.end()) return found->second;
  return counts_[resid] = count_rows(nullptr, exposures, threads);
}

/// `values` null: none is NaN.
AlignCounts KeyPlan::count_rows(const double* values, const ExposurePlan* exposures, int threads) const {
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
  AlignCounts total = date_counts_;
  for (const AlignCounts& part : counts) total.merge(part);
  return total;
}

ExposurePlan make_exposure_plan(const Market& market, const SignalKeys& keys, const RunConfig& config,
                                const ExposureRows& exposures, int threads, const std::function<void()>& between) {
  ExposurePlan plan;
  plan.resid = config.resid;
  plan.row.resize(static_cast<std::size_t>(keys.n_rows));
  std::vector<std::vector<Day>> days(static_cast<std::size_t>(threads));
  parallel_for(
      threads, count_blocks(keys.n_rows),
      [&](int task, int slot) {
        const std::int64_t begin = task * kBlockRows, count = std::min(kBlockRows, keys.n_rows - begin);
        std::vector<Day>& sig = days[static_cast<std::size_t>(slot)];
        sig.resize(static_cast<std::size_t>(count));
        read_signal_days(keys.date_sig, begin, count, sig.data());
        const std::int64_t* const ids = keys.security_id + begin;
        RowIndex* const out = plan.row.data() + begin;
        for (std::int64_t from = 0; from < count; from += kBatch) {
          const std::int64_t to = std::min(count, from + kBatch);
          for (std::int64_t i = from; i < to; ++i) {
            const bool is_key = ids[i] != kMissingId && sig[static_cast<std::size_t>(i)] != kMissingDay;
            const SecurityIndex security = is_key ? market.find_security(ids[i]) : -1;
            out[i] = security < 0 ? kNoRow : exposures.find_row(security, sig[static_cast<std::size_t>(i)]);
            if (out[i] != kNoRow) exposures.prefetch(out[i]);
          }
          for (std::int64_t i = from; i < to; ++i)
            if (out[i] != kNoRow && !exposures.is_complete(out[i])) out[i] = kNoRow;
        }
      },
      between);
  return plan;
}

}  // namespace fractile
