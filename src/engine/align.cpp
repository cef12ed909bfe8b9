// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "engine/align.hpp"

#include <algorithm>
#include <atomic>

#include "engine/exposures.hpp"
#include "engine/slot_state.hpp"
#include "engine/universe.hpp"
#include "engine/workers.hpp"

namespace fractile {
namespace {

/// Slots lie a day's rows apart, so nearly each is a cache miss: they are asked for a batch ahead.
constexpr int kBatch = 64;

class Aligner {
 public:
  Aligner(const Market& market, const AlignRequest& request, Slots& slots)
      : market_(market),
        keys_(*request.keys),
        config_(*request.config),
        request_(request),
        slots_(slots),
        exposures_(market, config_.resid),
        resolver_(market, keys_, config_, exposures_.is_needed()) {}

  Alignment run() {
    block_hashes_.resize(static_cast<std::size_t>(count_blocks(keys_.n_rows)));
    reserve_slots(market_, exposures_.is_needed(), slots_);
    scatter(request_.threads);
    // The last of several rows on one slot wins; which that is only one thread can tell.
    if (request_.threads > 1 && counts_.causes[static_cast<int>(Cause::duplicate)].count > 0) scatter(1);
    refuse_bad_rows(counts_, keys_, config_);
    return {counts_, combine_hashes(resolver_.shape(), block_hashes_)};
  }

 private:
  void scatter(int threads) {
    clear_slots(market_, threads, slots_, request_.between);
    mark_closed_slots(market_, config_, threads, slots_.value.data(), request_.between);
    const auto n_slots = static_cast<std::size_t>(std::max(1, threads));
    std::vector<AlignCounts> counts(n_slots);
    std::vector<KeyBlock> blocks(n_slots);
    parallel_for(
        threads, count_blocks(keys_.n_rows),
        [&](int task, int slot) {
          const std::int64_t begin = task * kBlockRows;
          align_block(begin, std::min(kBlockRows, keys_.n_rows - begin), blocks[static_cast<std::size_t>(slot)],
                      counts[static_cast<std::size_t>(slot)]);
        },
        request_.between);
    counts_ = {};
    for (const AlignCounts& part : counts) counts_.merge(part);
  }

  void align_block(std::int64_t begin, std::int64_t count, KeyBlock& block, AlignCounts& counts) {
    const double* const values = request_.values + begin;
    resolver_.read(begin, count, block);
    const bool has_nan = std::any_of(values, values + count, [](double x) { return x != x; });
    block_hashes_[static_cast<std::size_t>(begin / kBlockRows)] = hash_rows(
        resolver_.hash(begin, count, block), hash_values(values, static_cast<std::size_t>(count), has_nan, block.values));
    resolver_.resolve(begin, count, values, block, counts);
    write_slots(begin, count, values, block, counts);
  }

  void write_slots(std::int64_t begin, std::int64_t count, const double* values, const KeyBlock& block, AlignCounts& counts) {
    const RowIndex* const row_of = market_.row_of();
    double* const slot = slots_.value.data();
    const std::int32_t* const at = block.at.data();
    const bool check_positions = config_.input_type == InputType::position;
    RowIndex rows[kBatch], exposure_rows[kBatch] = {};
    for (std::int64_t from = 0; from < count; from += kBatch) {
      const int n = static_cast<int>(std::min<std::int64_t>(kBatch, count - from));
      for (int j = 0; j < n; ++j) {
        const std::int32_t place = at[from + j];
        rows[j] = place >= 0 ? row_of[place] : kNoRow - 1;
        __builtin_prefetch(slot + std::max(rows[j], 0), 1);
      }
      if (exposures_.is_needed()) find_exposures(from, n, block, rows, exposure_rows);
      for (std::int64_t j = from + kBatch; j < std::min(count, from + 2 * kBatch); ++j)
        __builtin_prefetch(row_of + std::max(at[j], 0));
      for (int j = 0; j < n; ++j) {
        const std::int64_t i = from + j;
        if (rows[j] < 0) {
          if (rows[j] == kNoRow) counts.drop(Cause::no_return, begin + i);
          continue;
        }
        const double value = values[i] + 0.0;  // -0 is 0
        if (check_positions && value != 0.0 && value != 1.0 && value != -1.0) counts.bad_position.add(begin + i);
        write(begin + i, rows[j], value, exposure_rows[j], counts);
      }
    }
  }

  /// Rows of exposures for a batch; what they hold is asked for before it is looked at.
  void find_exposures(std::int64_t from, int n, const KeyBlock& block, const RowIndex* rows, RowIndex* exposure_rows) const {
    for (int j = 0; j < n; ++j) {
      const auto i = static_cast<std::size_t>(from + j);
      exposure_rows[j] = rows[j] < 0 ? kNoRow : exposures_.find_row(block.security[i], block.sig[i]);
      if (exposure_rows[j] != kNoRow) exposures_.prefetch(exposure_rows[j]);
    }
  }

  void write(std::int64_t i, RowIndex row, double value, RowIndex exposure_row, AlignCounts& counts) {
    const std::atomic_ref<double> slot(slots_.value[static_cast<std::size_t>(row)]);
    const double before = slot.load(std::memory_order_relaxed);
    const SlotState state = slot_state(before);
    if (state == SlotState::outside) return counts.drop(Cause::outside_universe, i);
    if (exposures_.is_needed() && (exposure_row == kNoRow || !exposures_.is_complete(exposure_row)))
      return counts.drop(Cause::no_exposure, i);
    if (state == SlotState::bad_open) {
      // The last of several rows here is a bad print, those before it are duplicates.
      double expected = before;
      const bool is_first = slot.compare_exchange_strong(expected, kBadOpenTakenSlot);
      return counts.drop(is_first ? Cause::bad_open_print : Cause::duplicate, i);
    }
    if (state == SlotState::bad_open_taken) return counts.drop(Cause::duplicate, i);
    if (state == SlotState::used)
      counts.drop(Cause::duplicate, i);
    else
      ++counts.rows_used;
    slot.store(value, std::memory_order_relaxed);
    if (exposures_.is_needed())
      std::atomic_ref(slots_.exposure_row[static_cast<std::size_t>(row)]).store(exposure_row, std::memory_order_relaxed);
  }

  const Market& market_;
  const SignalKeys& keys_;
  const RunConfig& config_;
  const AlignRequest& request_;
  Slots& slots_;
  ExposureRows exposures_;
  KeyResolver resolver_;
  AlignCounts counts_;
  std::vector<Hash128> block_hashes_;
};

}  // namespace

void reserve_slots(const Market& market, bool with_exposures, Slots& slots) {
  const auto n_slots = static_cast<std::size_t>(market.snapshot().row_capacity());
  slots.value.reserve(n_slots);
  if (with_exposures) slots.exposure_row.reserve(n_slots);
}

void clear_slots(const Market& market, int threads, Slots& slots, const std::function<void()>& between) {
  constexpr std::size_t kSlotsPerTask = std::size_t{1} << 18;
  const auto begin = static_cast<std::size_t>(market.row_begin(market.first()));
  const auto end = static_cast<std::size_t>(market.row_end(market.last()));
  double* const slot = slots.value.data();
  parallel_for(
      threads, static_cast<int>((end - begin + kSlotsPerTask - 1) / kSlotsPerTask),
      [&](int task, int) {
        const std::size_t from = begin + static_cast<std::size_t>(task) * kSlotsPerTask;
        std::fill(slot + from, slot + std::min(end, from + kSlotsPerTask), kEmptySlot);
      },
      between);
}

Alignment align(const Market& market, const AlignRequest& request, Slots& slots) { return Aligner(market, request, slots).run(); }

std::int64_t carry(const Market& market, int hold_days, int threads, bool with_exposures, Slots& slots,
                   const std::function<void()>& between) {
  constexpr int kSecuritiesPerTask = 64;
  const auto n_securities = static_cast<int>(market.ranges().size());
  std::atomic<std::int64_t> carried{0};
  parallel_for(threads, (n_securities + kSecuritiesPerTask - 1) / kSecuritiesPerTask, [&](int task, int) {
    std::int64_t copies = 0;
    const int end = std::min(n_securities, (task + 1) * kSecuritiesPerTask);
    for (int security = task * kSecuritiesPerTask; security < end; ++security) {
      const SecurityRange& range = market.ranges()[static_cast<std::size_t>(security)];
      const DateIndex from = std::max(range.first, market.first());
      const DateIndex to = std::min(range.first + range.length - 1, market.last());
      double value = kEmptySlot;
      RowIndex exposure_row = kNoRow;
      std::int64_t until = -1;  // last day that the newest used row stands for
      for (DateIndex n = from; n <= to; ++n) {
        const RowIndex row = market.row_of()[range.begin + (n - range.first)];
        if (row == kNoRow) continue;
        double& slot = slots.value[static_cast<std::size_t>(row)];
        const SlotState state = slot_state(slot);
        if (state == SlotState::used) {
          value = slot;
          until = std::int64_t{n} + hold_days - 1;
          if (with_exposures) exposure_row = slots.exposure_row[static_cast<std::size_t>(row)];
        } else if (state == SlotState::empty && n <= until) {
          slot = value;
          if (with_exposures) slots.exposure_row[static_cast<std::size_t>(row)] = exposure_row;
          ++copies;
        }
      }
    }
    carried += copies;
  }, between);
  return carried;
}

}  // namespace fractile
