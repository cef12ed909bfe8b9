// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "engine/key_plan.hpp"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <limits>

#include "engine/signal_dates.hpp"
#include "engine/slot_state.hpp"
#include "engine/universe.hpp"
#include "engine/workers.hpp"

namespace fractile {
namespace {

constexpr int kBatch = 64;

constexpr std::int32_t target_of(Cause cause) noexcept { return -1 - static_cast<std::int32_t>(cause); }

/// A row's panel row or cause, given those of its keys, its value and its exposures.
std::int32_t final_target(std::int32_t target, bool is_nan, bool has_exposure) noexcept {
  if (is_nan && target != target_of(Cause::null_key)) return target_of(Cause::null_signal);
  const bool has_place = target >= 0 || target == target_of(Cause::bad_open_print);
  return has_place && !has_exposure ? target_of(Cause::no_exposure) : target;
}

}  // namespace

KeyPlan::KeyPlan(const Market& market, const SignalKeys& keys, const RunConfig& config, int threads, Slots& slots,
                 const std::function<void()>& between)
    : n_rows_(keys.n_rows), target_(static_cast<std::size_t>(keys.n_rows)) {
  const bool has_closed = config.from_open || !config.universe.empty();
  if (has_closed) {
    reserve_slots(market, false, slots);
    clear_slots(market, threads, slots, between);
    mark_closed_slots(market, config, threads, slots.value.data(), between);
  }
  const KeyResolver resolver(market, keys, config, false);
  shape_ = resolver.shape();
  hashes_.resize(static_cast<std::size_t>(count_blocks(n_rows_)));
  const std::vector<double> zeros(static_cast<std::size_t>(kBlockRows), 0.0);
  std::vector<AlignCounts> counts(static_cast<std::size_t>(threads));
  std::vector<KeyBlock> blocks(static_cast<std::size_t>(threads));
  parallel_for(
      threads, count_blocks(n_rows_),
      [&](int task, int slot) {
        const std::int64_t begin = task * kBlockRows, count = std::min(kBlockRows, n_rows_ - begin);
        KeyBlock& block = blocks[static_cast<std::size_t>(slot)];
        resolver.read(begin, count, block);
        hashes_[static_cast<std::size_t>(task)] = resolver.hash(begin, count, block);
        resolver.resolve(begin, count, zeros.data(), block, counts[static_cast<std::size_t>(slot)]);
        find_targets(market, begin, count, block, has_closed ? slots.value.data() : nullptr);
      },
      between);
  for (const AlignCounts& part : counts) {
    date_counts_.impossible.merge(part.impossible);
    date_counts_.trade_before_avail.merge(part.trade_before_avail);
    date_counts_.return_day_rolled += part.return_day_rolled;
  }
  // Of several rows on one bad print all but the last are duplicates, which a plan does not know.
  if (config.from_open && std::count(target_.begin(), target_.end(), target_of(Cause::bad_open_print)) > 1) is_unique_ = false;
}

void KeyPlan::find_targets(const Market& market, std::int64_t begin, std::int64_t count, const KeyBlock& block,
                           const double* closed_slots) {
  const RowIndex* const row_of = market.row_of();
  const std::int32_t* const at = block.at.data();
  std::int32_t* const target = target_.data() + begin;
  for (std::int64_t i = 0; i < count; ++i) {
    const RowIndex row = at[i] >= 0 ? row_of[at[i]] : 0;
    target[i] = at[i] < 0 ? at[i] : row < 0 ? target_of(Cause::no_return) : row;
  }
  if (!closed_slots) return;
  for (std::int64_t i = 0; i < count; ++i) {
    if (target[i] < 0) continue;
    const SlotState state = slot_state(closed_slots[target[i]]);
    if (state == SlotState::outside) target[i] = target_of(Cause::outside_universe);
    if (state == SlotState::bad_open) target[i] = target_of(Cause::bad_open_print);
  }
}

std::optional<Alignment> KeyPlan::scatter(const Market& market, const double* values, const ExposurePlan* exposures, int threads,
                                          Slots& slots, const std::function<void()>& between) const {
  reserve_slots(market, exposures != nullptr, slots);
  clear_slots(market, threads, slots, between);
  std::vector<Hash128> hashes(hashes_.size());
  std::vector<std::vector<double>> scratch(static_cast<std::size_t>(threads));
  std::vector<NanCounts> nans(static_cast<std::size_t>(threads));
  std::atomic<bool> has_infinite{false};
  parallel_for(
      threads, count_blocks(n_rows_),
      [&](int task, int slot) {
        const std::int64_t begin = task * kBlockRows, count = std::min(kBlockRows, n_rows_ - begin);
        const double* const block = values + begin;
        bool is_nan_here = false, is_infinite_here = false;
        for (std::int64_t i = 0; i < count; ++i) {
          is_nan_here |= block[i] != block[i];
          is_infinite_here |= std::fabs(block[i]) > std::numeric_limits<double>::max();
        }
        if (is_infinite_here) has_infinite = true;
        if (is_nan_here) count_nans(values, begin, begin + count, exposures, nans[static_cast<std::size_t>(slot)]);
        const Hash128 hash = hash_values(block, static_cast<std::size_t>(count), scratch[static_cast<std::size_t>(slot)]);
        hashes[static_cast<std::size_t>(task)] = hash_rows(hashes_[static_cast<std::size_t>(task)], hash);
        scatter_block(values, begin, begin + count, exposures, slots);
      },
      between);
  if (has_infinite) return std::nullopt;
  NanCounts missing;
  for (const NanCounts& part : nans) {
    for (std::size_t c = 0; c < missing.by_cause.size(); ++c) missing.by_cause[c] += part.by_cause[c];
    missing.rows.merge(part.rows);
  }
  return Alignment{count_with_nan(values, missing, exposures, threads), combine_hashes(shape_, hashes)};
}

void KeyPlan::scatter_block(const double* values, std::int64_t begin, std::int64_t end, const ExposurePlan* exposures,
                            Slots& slots) const {
  double* const slot = slots.value.data();
  RowIndex* const slot_exposure = slots.exposure_row.data();
  const std::int32_t* const target = target_.data();
  const RowIndex* const exposure = exposures ? exposures->row.data() : nullptr;
  for (std::int64_t i = begin; i < end; ++i) {
    __builtin_prefetch(slot + std::max(target[std::min(i + kBatch, end - 1)], 0), 1);
    const std::int32_t row = target[i];
    if (row < 0) continue;
    if (exposure) {
      // A NaN may be written: the slot then stays empty, whatever its exposures.
      if (exposure[i] == kNoRow) continue;
      std::atomic_ref(slot_exposure[row]).store(exposure[i], std::memory_order_relaxed);
    }
    std::atomic_ref(slot[row]).store(values[i] == values[i] ? values[i] + 0.0 : kEmptySlot, std::memory_order_relaxed);
  }
}

void KeyPlan::count_nans(const double* values, std::int64_t begin, std::int64_t end, const ExposurePlan* exposures,
                         NanCounts& out) const {
  for (std::int64_t i = begin; i < end; ++i) {
    if (values[i] == values[i]) continue;
    const auto at = static_cast<std::size_t>(i);
    const std::int32_t target = final_target(target_[at], false, !exposures || exposures->row[at] != kNoRow);
    if (target == target_of(Cause::null_key)) continue;
    ++out.by_cause[target >= 0 ? kNCauses : static_cast<std::size_t>(-1 - target)];
    out.rows.add(i);
  }
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
  counts.rows_used -= missing.by_cause[kNCauses];
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
      const bool is_nan = values && values[i] != values[i];
      const std::int32_t target = final_target(target_[i], is_nan, !exposures || exposures->row[i] != kNoRow);
      if (target >= 0)
        ++part.rows_used;
      else
        part.drop(static_cast<Cause>(-1 - target), static_cast<std::int64_t>(i));
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
