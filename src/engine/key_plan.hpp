// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <vector>

#include "engine/align.hpp"
#include "engine/exposures.hpp"

/// Alignment without values: what a signal's keys settle once, for every signal and cell that shares them.
namespace fractile {

/// Which panel rows give the regressors of each signal row. Depends on keys and resid, not on lag.
struct ExposurePlan {
  Resid resid = Resid::off;
  std::vector<RowIndex> row;  ///< by signal row; kNoRow where there is none, or a regressor is missing
  std::size_t bytes() const noexcept { return row.size() * sizeof row[0]; }
};

ExposurePlan make_exposure_plan(const Market& market, const SignalKeys& keys, const RunConfig& config,
                                const ExposureRows& exposures, int threads, const std::function<void()>& between);

class KeyPlan {
 public:
  /// Aligns keys as if every value were a number; `slots` is scratch memory. Cost: that of align().
  KeyPlan(const Market& market, const SignalKeys& keys, const RunConfig& config, int threads, Slots& slots,
          const std::function<void()>& between);
  std::size_t bytes() const noexcept { return target_.size() * sizeof target_[0]; }

  /// False once two rows have been found on one slot: which of them counts depends on their values,
  /// so align() has to see them.
  bool is_unique() const noexcept { return is_unique_; }
  void found_duplicates() const noexcept { is_unique_ = false; }

  /// Does what align() does, for keys without duplicates (where there are some, fewer slots are taken
  /// than rows counted as used). `exposures`: null where the run has no residuals. Nothing where a value
  /// is infinite (align() then names it).
  std::optional<Alignment> scatter(const Market& market, const double* values, const ExposurePlan* exposures, int threads,
                                   Slots& slots, const std::function<void()>& between) const;

 private:
  /// Rows without a value, by the cause that their keys have (the last entry: none, they would be used).
  struct NanCounts {
    std::array<std::int64_t, kNCauses + 1> by_cause{};
    CauseCount rows;
  };
  void find_targets(const Market& market, std::int64_t begin, std::int64_t count, const KeyBlock& block,
                    const double* closed_slots);
  void scatter_block(const double* values, std::int64_t begin, std::int64_t end, const ExposurePlan* exposures,
                     Slots& slots) const;
  void count_nans(const double* values, std::int64_t begin, std::int64_t end, const ExposurePlan* exposures,
                  NanCounts& out) const;
  AlignCounts count_with_nan(const double* values, const NanCounts& missing, const ExposurePlan* exposures, int threads) const;
  AlignCounts count_without_nan(const ExposurePlan* exposures, int threads) const;
  AlignCounts count_rows(const double* values, const ExposurePlan* exposures, int threads) const;

  std::int64_t n_rows_;
  mutable std::atomic<bool> is_unique_{true};
  std::vector<std::int32_t> target_;  // by signal row: its panel row, or -1 - its Cause
  AlignCounts date_counts_;           // what depends on dates alone
  KeyShape shape_{};
  std::vector<KeyHashes> hashes_;  // by block
  mutable std::mutex mutex_;
  mutable std::map<Resid, AlignCounts> counts_;  // of values without NaN; guarded by mutex_
};

}  // namespace fractile
