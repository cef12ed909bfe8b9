// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "engine/align/align_counts.hpp"
#include "engine/align/return_day.hpp"
#include "engine/align/security_keys.hpp"
#include "engine/panel/panel_view.hpp"
#include "fractile/config.hpp"
#include "fractile/signal.hpp"
#include "types/hash.hpp"
#include "types/id_hashes.hpp"

/// The part of alignment that reads keys: it finds each row's place in row_of, or the cause for which it has none.
namespace fractile {

/// Hashes of one block's ids, date_sig, date_avail and given return days (zeros if a column is absent).
using KeyHashes = std::array<Hash128, 4>;

/// Number of rows, and flags of the optional columns that have values: part of the hash of all rows.
using KeyShape = std::array<std::uint64_t, 3>;

/// A row without a panel row on its return day, of a security that has one on a later day.
struct LaterRow {
  DateIndex r;
  SecurityIndex security;
  std::uint32_t signal_row;
};

/// The rows of one thread that a longer lag may use, though this one does not.
class LaterRows {
 public:
  void add(const LaterRow& row) {
    if (rows_.size() < kMaxRows)
      rows_.push_back(row);
    else
      are_all_ = false;
  }
  /// Called for a row whose return day is before the loaded days.
  void add_too_early() noexcept { are_all_ = false; }
  std::span<const LaterRow> rows() const noexcept { return rows_; }
  bool are_all() const noexcept { return are_all_; }

 private:
  static constexpr std::size_t kMaxRows = std::size_t{1} << 20;  // more are not worth their memory
  std::vector<LaterRow> rows_;
  bool are_all_ = true;
};

/// One thread's buffers.
struct KeyBlock {
  std::vector<Day> sig, given;
  std::vector<std::int64_t> avail, ids;
  std::vector<DateIndex> r;
  std::vector<std::int32_t> at;  ///< index into row_of, or -1 - cause
  LaterRows later_rows;
};

class KeyResolver {
 public:
  KeyResolver(const PanelView& panel, const SignalKeys& keys, const RunConfig& config);
  const SignalKeys& keys() const noexcept { return keys_; }
  /// Reads the dates of rows begin ... begin+count-1.
  void read(std::int64_t begin, std::int64_t count, KeyBlock& block) const;
  /// Equal keys have equal hashes for all types of input, because days and microseconds are hashed.
  KeyHashes hash(std::int64_t begin, std::int64_t count, KeyBlock& block) const;
  /// Fills block.at, and counts the rows that break the rules of dates.
  void resolve(std::int64_t begin, std::int64_t count, KeyBlock& block, AlignCounts& counts) const;
  KeyShape shape() const noexcept { return {static_cast<std::uint64_t>(keys_.n_rows), has_avail_, has_given_}; }

 private:
  template <class Next>
  static void find_places(const std::vector<SecurityRange>& ranges, std::int64_t begin, std::int64_t count, KeyBlock& block,
                          Next&& next);
  void resolve_dates(std::int64_t begin, std::int64_t count, KeyBlock& block, AlignCounts& counts) const;

  const PanelView& panel_;
  const SignalKeys& keys_;
  SecurityKeys securities_;
  ReturnDays days_;
  bool has_avail_;
  DateColumn given_;
  bool has_given_;
};

/// Hash of a block's values; every NaN hashes the same. `has_nan`: there may be NaN, which `scratch` helps to replace.
Hash128 hash_values(const double* values, std::size_t n, bool has_nan, std::vector<double>& scratch);
/// Hash of one block of rows.
Hash128 hash_rows(const KeyHashes& keys, const Hash128& values);
/// One hash for all rows, from the hashes of their blocks.
Hash128 combine_hashes(const KeyShape& shape, const std::vector<Hash128>& blocks);

}  // namespace fractile
