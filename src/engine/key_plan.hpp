// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <span>
#include <vector>

#include "engine/align.hpp"

/// Alignment without values: what a signal's keys settle once, for every signal and cell that shares them.
namespace fractile {

struct ExposurePlan;

/// Where each signal row goes: a signal is read through its plan where it lies, a block of days at a time.
///
/// A block's rows are read in the order of the signal. In one that is sorted by security, the values of a few days of a
/// name share a cache line, so that memory is read once and in order, whatever the signal's order.
class KeyPlan {
 public:
  /// Aligns keys as if every value were a number; `slots` is scratch memory. Cost: about that of align().
  KeyPlan(const Market& market, const SignalKeys& keys, const RunConfig& config, int threads, Slots& slots,
          const std::function<void()>& between);
  std::size_t bytes() const noexcept {
    return rows_.size() * (sizeof rows_[0] + sizeof signal_rows_[0] + sizeof places_[0]) + cause_.size() * sizeof cause_[0];
  }

  /// False where two rows stand on one slot: which of them counts depends on their values, so align() has to see them.
  bool is_unique() const noexcept { return is_unique_; }

  /// What align() says of these values. `exposures`: null where the run has no residuals. Nothing where a value
  /// is infinite (align() then names it).
  std::optional<Alignment> inspect(const double* values, const ExposurePlan* exposures, int threads,
                                   const std::function<void()>& between) const;

  DateIndex first() const noexcept { return first_; }
  int n_days() const noexcept { return n_days_; }
  /// Days are read in blocks.
  static constexpr int kBlockDays = 8;
  int n_blocks() const noexcept { return (n_days_ + kBlockDays - 1) / kBlockDays; }
  int block_of(DateIndex n) const noexcept { return (n - first_) / kBlockDays; }
  /// The number of names in a block.
  std::size_t size(int block) const noexcept;
  /// Panel rows of a day's names, ascending.
  std::span<const RowIndex> rows(DateIndex n) const noexcept;
  /// Where a day's names begin among those of all days (n may be one past the last).
  std::size_t begin(DateIndex n) const noexcept { return begin_[static_cast<std::size_t>(n - first_)]; }
  /// Where a day's names begin in what read() writes for its block.
  std::size_t place(DateIndex n) const noexcept;
  /// What a block's names have, from what signal rows have.
  void read(int block, const double* values, double* out) const noexcept;
  void read(int block, const RowIndex* rows, RowIndex* out) const noexcept;

 private:
  /// Rows without a value, by the cause that their keys have (the last entry: none, they would be used).
  struct NanCounts {
    std::array<std::int64_t, kNCauses + 1> by_cause{};
    CauseCount rows;
  };
  struct Build;
  void resolve_rows(Build& build, const std::function<void()>& between);
  void sort_by_block(Build& build, const std::function<void()>& between);
  void place_block(Build& build, int block);
  template <class T, class Take>
  void visit(int block, const T* values, Take&& take) const noexcept;
  std::uint8_t final_cause(std::size_t row, const ExposurePlan* exposures) const noexcept;
  void count_nan(std::int64_t row, const ExposurePlan* exposures, NanCounts& out) const;
  AlignCounts count_with_nan(const double* values, const NanCounts& missing, const ExposurePlan* exposures, int threads) const;
  AlignCounts count_without_nan(const ExposurePlan* exposures, int threads) const;
  AlignCounts count_rows(const double* values, const ExposurePlan* exposures, int threads) const;

  std::int64_t n_rows_;
  DateIndex first_;
  int n_days_;
  bool is_unique_ = true;
  std::vector<std::uint8_t> cause_;        // by signal row: its Cause, or kHasPlace
  std::vector<std::size_t> begin_;         // by day from first_, and one past the last: into rows_
  std::vector<RowIndex> rows_;             // by day, ascending
  std::vector<std::int32_t> signal_rows_;  // by block, ascending
  std::vector<std::int32_t> places_;       // beside them: where in the block's rows_ each goes
  AlignCounts date_counts_;                // what depends on dates alone
  KeyShape shape_{};
  std::vector<KeyHashes> hashes_;  // by block of signal rows
  mutable std::mutex mutex_;
  mutable std::map<Resid, AlignCounts> counts_;  // of values without NaN; guarded by mutex_
};

}  // namespace fractile
