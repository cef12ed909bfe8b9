// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "engine/key_plan.hpp"

#include <algorithm>
#include <atomic>

#include "engine/universe.hpp"
#include "engine/workers.hpp"

namespace fractile {
namespace {

constexpr std::uint8_t kUsedRow = 255;
// What source holds where no signal row belongs.
constexpr std::int32_t kNoSource = -1;
constexpr std::int32_t kOutsideSource = -2;
constexpr std::int32_t kBadOpenSource = -3;
constexpr std::int32_t kBadOpenTakenSource = -4;
constexpr int kBatch = 64;

/// The cause of a row of a run, given its keys' cause, its value and its exposures.
std::uint8_t cause_of(std::uint8_t cause, bool is_nan, bool has_exposure) noexcept {
  constexpr auto kNullKey = static_cast<std::uint8_t>(Cause::null_key);
  if (is_nan && cause != kNullKey) return static_cast<std::uint8_t>(Cause::null_signal);
  const bool has_place = cause == kUsedRow || cause == static_cast<std::uint8_t>(Cause::bad_open_print);
  return has_place && !has_exposure ? static_cast<std::uint8_t>(Cause::no_exposure) : cause;
}

}  // namespace

KeyPlan::KeyPlan(const Market& market, const SignalKeys& keys, const RunConfig& config, int threads,
                 const std::function<void()>& between)
    : n_rows_(keys.n_rows) {
  build(market, KeyResolver(market, keys, config, false), config, threads, between);
  if (!is_usable_) {
    source_.clear();
    bytes_ = 0;
    cause_ = {};
    hashes_ = {};
  }
}

void KeyPlan::build(const Market& market, const KeyResolver& resolver, const RunConfig& config, int threads,
                    const std::function<void()>& between) {
  const auto begin_row = static_cast<std::size_t>(market.row_begin(market.first()));
  const auto end_row = static_cast<std::size_t>(market.row_end(market.last()));
  source_.reserve(static_cast<std::size_t>(market.snapshot().row_capacity()) + kBatch);
  cause_.resize(static_cast<std::size_t>(n_rows_));
  shape_ = resolver.shape();
  hashes_.resize(static_cast<std::size_t>(count_blocks(n_rows_)));
  bytes_ = end_row * sizeof(std::int32_t) + cause_.size();
  std::fill(source_.data() + begin_row, source_.data() + end_row, kNoSource);
  mark_closed_slots(market, config, threads, source_.data(), kOutsideSource, kBadOpenSource, between);

  const std::vector<double> zeros(static_cast<std::size_t>(kBlockRows), 0.0);
  std::vector<AlignCounts> counts(static_cast<std::size_t>(threads));
  std::vector<KeyBlock> blocks(static_cast<std::size_t>(threads));
  std::atomic<bool> is_unique{true};
  parallel_for(
      threads, count_blocks(n_rows_),
      [&](int task, int slot) {
        const std::int64_t begin = task * kBlockRows, count = std::min(kBlockRows, n_rows_ - begin);
        KeyBlock& block = blocks[static_cast<std::size_t>(slot)];
        resolver.read(begin, count, block);
        hashes_[static_cast<std::size_t>(task)] = resolver.hash(begin, count, block);
        resolver.resolve(begin, count, zeros.data(), block, counts[static_cast<std::size_t>(slot)]);
        if (!place(begin, count, block, market.row_of())) is_unique = false;
      },
      between);
  AlignCounts total;
  for (const AlignCounts& part : counts) total.merge(part);
  date_counts_.impossible = total.impossible;
  date_counts_.trade_before_avail = total.trade_before_avail;
  date_counts_.return_day_rolled = total.return_day_rolled;
  // Of two rows that share a slot one is overwritten: then fewer slots are taken than rows placed.
  const auto placed = std::count(cause_.begin(), cause_.end(), kUsedRow);
  const auto taken = std::count_if(source_.data() + begin_row, source_.data() + end_row, [](std::int32_t i) { return i >= 0; });
  is_usable_ = is_unique && placed == taken;
}

bool KeyPlan::place(std::int64_t begin, std::int64_t count, const KeyBlock& block, const RowIndex* row_of) {
  std::int32_t* const source = source_.data();
  const std::int32_t* const at = block.at.data();
  bool is_unique = true;
  RowIndex rows[kBatch];
  for (std::int64_t from = 0; from < count; from += kBatch) {
    const int n = static_cast<int>(std::min<std::int64_t>(kBatch, count - from));
    for (int j = 0; j < n; ++j) {
      const std::int32_t place = at[from + j];
      rows[j] = place >= 0 ? row_of[place] : kNoRow;
      __builtin_prefetch(source + std::max(rows[j], 0), 1);
    }
    for (std::int64_t j = from + kBatch; j < std::min(count, from + 2 * kBatch); ++j)
      __builtin_prefetch(row_of + std::max(at[j], 0));
    for (int j = 0; j < n; ++j) {
      const std::int64_t i = begin + from + j;
      std::uint8_t& cause = cause_[static_cast<std::size_t>(i)];
      if (rows[j] < 0) {
        const std::int32_t place = at[from + j];
        cause = place >= 0 ? static_cast<std::uint8_t>(Cause::no_return) : static_cast<std::uint8_t>(-1 - place);
        continue;
      }
      const std::atomic_ref<std::int32_t> slot(source[rows[j]]);
      const std::int32_t before = slot.load(std::memory_order_relaxed);
      if (before == kOutsideSource) {
        cause = static_cast<std::uint8_t>(Cause::outside_universe);
      } else if (before == kBadOpenSource || before == kBadOpenTakenSource) {
        cause = static_cast<std::uint8_t>(Cause::bad_open_print);
        is_unique &= slot.exchange(kBadOpenTakenSource) == kBadOpenSource;
      } else {
        cause = kUsedRow;
        slot.store(static_cast<std::int32_t>(i), std::memory_order_relaxed);
      }
    }
  }
  return is_unique;
}

std::optional<KeyPlan::Judged> KeyPlan::judge(const double* values, const ExposurePlan* exposures, int threads,
                                              const std::function<void()>& between) const {
  std::vector<Hash128> hashes(hashes_.size());
  std::vector<std::vector<double>> scratch(static_cast<std::size_t>(threads));
  std::atomic<bool> has_nan{false}, has_infinite{false};
  parallel_for(
      threads, count_blocks(n_rows_),
      [&](int task, int slot) {
        const std::int64_t begin = task * kBlockRows, count = std::min(kBlockRows, n_rows_ - begin);
        const double* const block = values + begin;
        double not_finite = 0.0;  // x - x is 0 for every number, NaN for the rest
        for (std::int64_t i = 0; i < count; ++i) not_finite += block[i] - block[i];
        if (not_finite != not_finite) {
          has_nan = true;
          if (std::any_of(block, block + count, [](double x) { return x - x != x - x && x == x; })) has_infinite = true;
        }
        const Hash128 hash = hash_values(block, static_cast<std::size_t>(count), scratch[static_cast<std::size_t>(slot)]);
        hashes[static_cast<std::size_t>(task)] = hash_rows(hashes_[static_cast<std::size_t>(task)], hash);
      },
      between);
  if (has_infinite) return std::nullopt;
  Judged out{has_nan ? count_rows(values, exposures, threads) : count_without_nan(exposures, threads),
             combine_hashes(shape_, hashes)};
  return out;
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
      const std::uint8_t cause = cause_of(cause_[i], is_nan, !exposures || exposures->row[i] != kNoRow);
      if (cause == kUsedRow)
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
