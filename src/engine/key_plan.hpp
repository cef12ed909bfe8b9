// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <vector>

#include "engine/align_counts.hpp"
#include "engine/exposures.hpp"
#include "engine/huge_array.hpp"
#include "engine/key_resolver.hpp"

/// Alignment without values: what a signal's keys settle once, for every signal and cell that shares them.
namespace fractile {

/// Which panel rows give the regressors of each signal row. Depends on keys and resid, not on lag.
struct ExposurePlan {
  Resid resid = Resid::off;
  std::size_t bytes() const noexcept { return row.size() * sizeof row[0]; }
  std::vector<RowIndex> row;  ///< by signal row; kNoRow where there is none, or a regressor is missing
};

class KeyPlan {
 public:
  /// Aligns keys as if every value were a number. Not usable where two rows share a slot: which of
  /// them counts depends on their values. Cost: that of align().
  KeyPlan(const Market& market, const SignalKeys& keys, const RunConfig& config, int threads,
          const std::function<void()>& between);
  bool is_usable() const noexcept { return is_usable_; }
  std::size_t bytes() const noexcept { return bytes_; }
  /// By panel row of the view's days: the signal row that belongs there, or a negative number.
  const std::int32_t* source() const noexcept { return source_.data(); }

  struct Judged {
    AlignCounts counts;
    Hash128 rows_hash{};
  };
  /// What align() says of these values. Nothing where a value is infinite (align() then names it).
  /// `exposures`: null where the run has no residuals.
  std::optional<Judged> judge(const double* values, const ExposurePlan* exposures, int threads,
                              const std::function<void()>& between) const;

 private:
  void build(const Market& market, const KeyResolver& resolver, const RunConfig& config, int threads,
             const std::function<void()>& between);
  bool place(std::int64_t begin, std::int64_t count, const KeyBlock& block, const RowIndex* row_of);
  AlignCounts count_rows(const double* values, const ExposurePlan* exposures, int threads) const;
  AlignCounts count_without_nan(const ExposurePlan* exposures, int threads) const;

  std::int64_t n_rows_;
  bool is_usable_ = false;
  std::size_t bytes_ = 0;
  HugeArray<std::int32_t> source_;
  std::vector<std::uint8_t> cause_;  // by signal row: kUsedRow, or its Cause
  AlignCounts date_counts_;          // what depends on dates alone
  KeyShape shape_{};
  std::vector<KeyHashes> hashes_;  // by block
  mutable std::mutex mutex_;
  mutable std::map<Resid, AlignCounts> counts_;  // of values without NaN; guarded by mutex_
};

ExposurePlan make_exposure_plan(const Market& market, const SignalKeys& keys, const RunConfig& config,
                                const ExposureRows& exposures, int threads, const std::function<void()>& between);

}  // namespace fractile
