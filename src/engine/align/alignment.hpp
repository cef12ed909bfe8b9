// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <mutex>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "engine/align/align_counts.hpp"
#include "engine/align/eligibility_mask.hpp"
#include "engine/align/key_resolver.hpp"
#include "engine/panel/panel_view.hpp"
#include "fractile/config.hpp"
#include "fractile/signal.hpp"
#include "parallel/huge_array.hpp"

/// Alignment: the mapping from signal rows to panel rows, methodology section 2.
namespace fractile {

struct ExposurePlan;

/// Maximum number of signal rows, so that the number of a row fits AlignedRow.
inline constexpr std::int64_t kMaxSignalRows = std::numeric_limits<std::uint32_t>::max();

/// A signal row that has a panel row.
struct AlignedRow {
  std::int32_t slot;         ///< its panel row, counted from the first of its block of days
  std::uint32_t signal_row;  ///< the row with its value
};

/// Memory that runs reuse one after the other.
struct AlignmentBuffers {
  HugeArray<AlignedRow> rows;
  HugeArray<std::uint8_t> causes;
  HugeArray<RowIndex> panel_rows;
  HugeArray<std::uint16_t> blocks;
};

/// The counts and the hash of one aligned signal.
struct AlignedSignal {
  AlignCounts counts;
  /// Hash of the rows in input order: ids, dates and times, values.
  Hash128 rows_hash{};
};

/// The mapping from signal rows to panel rows. It depends only on the keys, so all value columns share it. Thread-safe.
///
/// Rows are sorted by blocks of days, in input order within a block. A run reads the values of a block in place and writes them
/// into an array with one slot per panel row, which stays in the second-level cache. Memory is therefore read once, and in order
/// within a security or a day for any order of the signal. If several rows share a slot, the last one wins.
class Alignment {
 public:
  enum class Lifetime : std::uint8_t { one_run, cached };
  /// Cost: O(rows). Requires keys.n_rows <= kMaxSignalRows. `buffers`: memory to take over; a cached alignment takes only memory
  /// that is hardly larger than needed. Throws the errors of EligibilityMask.
  Alignment(const PanelView& panel, const SignalKeys& keys, const RunConfig& config, int threads, Lifetime lifetime,
            AlignmentBuffers& buffers, const std::function<void()>& poll);
  /// Moves the memory into `buffers`. Invalidates the alignment.
  void release_buffers(AlignmentBuffers& buffers) noexcept;
  /// Bytes of memory that the alignment takes.
  std::size_t bytes() const noexcept;

  /// Counts and hashes one column of values, except for duplicates. `exposures`: null if the run has no residuals.
  AlignedSignal inspect(const double* values, const RunConfig& config, const ExposurePlan* exposures, int threads,
                        const std::function<void()>& poll) const;
  /// Call it if read() found several rows for one slot. It moves all but the last of them from rows_used to their cause.
  void count_duplicates(const double* values, const ExposurePlan* exposures, AlignCounts& counts) const;

  /// True if read_later_names() knows all rows that runs with longer lags use and this one does not. Without a universe, the
  /// names of such a run are then those of an earlier day of this one, and the later names of that day, that have a panel row.
  bool knows_later_names() const noexcept { return knows_later_rows_; }
  /// Lists the names whose return day is n and whose first panel row from then on is that of a later day, securities ascending.
  void read_later_names(DateIndex n, const double* values, std::vector<NamedSignal>& out) const;

  /// Number of days in a block, the unit of read().
  static constexpr int kBlockDays = 8;
  int n_blocks() const noexcept { return static_cast<int>(first_row_.size()) - 1; }
  int block_of(DateIndex n) const noexcept { return (n - first_day_) / kBlockDays; }
  RowIndex first_row(int block) const noexcept { return first_row_[static_cast<std::size_t>(block)]; }
  std::size_t n_slots(int block) const noexcept { return static_cast<std::size_t>(first_row(block + 1) - first_row(block)); }
  /// Fills a block's slots from the slot `from` on with values (NaN if there is none), and in residualized runs with the rows of
  /// their regressors. Returns the number of rows whose slot was filled already.
  std::int64_t read(int block, std::int32_t from, const double* values, const ExposurePlan* exposures, double* slots,
                    RowIndex* exposure_rows) const noexcept;

 private:
  /// Rows without a value, by the cause of their keys (the last entry: rows without a cause, which would be used).
  struct NanCounts {
    std::array<std::int64_t, kNCauses + 1> by_cause{};
    CauseCount rows;
  };
  struct Build;
  void take_rows(const Build& build, std::int64_t begin, std::int64_t count, KeyBlock& keys, std::size_t* rows_of_block,
                 AlignCounts& out);
  void list_later_rows(std::span<const KeyBlock> parts);
  void resolve_rows(Build& build, const std::function<void()>& poll);
  void sort_by_block(Build& build, const std::function<void()>& poll);
  void find_bad_prints(const Build& build);
  bool has_panel_row(std::int64_t row) const noexcept;
  void count_bad_prints(const double* values, const ExposurePlan* exposures, AlignCounts& counts) const;
  bool takes(std::uint32_t row, const double* values, const ExposurePlan* exposures) const noexcept;
  std::uint8_t final_cause(std::size_t row, const ExposurePlan* exposures) const noexcept;
  void count_nan(std::int64_t row, const ExposurePlan* exposures, NanCounts& out) const;
  AlignCounts count_with_nan(const double* values, const NanCounts& missing, const ExposurePlan* exposures, int threads) const;
  AlignCounts count_without_nan(const ExposurePlan* exposures, int threads) const;
  AlignCounts count_rows(const double* values, const ExposurePlan* exposures, int threads) const;

  std::int64_t n_rows_;
  DateIndex first_day_;
  HugeArray<AlignedRow> rows_;
  HugeArray<std::uint8_t> cause_;         // by signal row: its Cause, or kHasPlace
  std::vector<std::size_t> block_begin_;  // by block, and one past the last: into rows_
  std::vector<RowIndex> first_row_;       // by block, and one past the last
  /// Panel and signal rows of bad open prints, ascending.
  std::vector<std::pair<RowIndex, std::uint32_t>> bad_prints_;
  std::vector<LaterRow> later_rows_;  // by return day, security and signal row; empty unless knows_later_rows_
  bool knows_later_rows_ = true;
  AlignCounts key_counts_;  // counts for values without NaN
  KeyShape shape_{};
  std::vector<KeyHashes> hashes_;  // one per kBlockRows signal rows
  mutable std::mutex mutex_;
  mutable std::map<std::string, AlignCounts> resid_counts_;  // the same of residualized runs; guarded by mutex_
};

}  // namespace fractile
