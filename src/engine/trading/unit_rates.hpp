// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstdint>
#include <memory>
#include <vector>

#include "engine/panel/panel_view.hpp"
#include "parallel/huge_array.hpp"

namespace fractile {

/// The inputs of power-law costs at a row: the newest known values at or before it, of any age. NaN if there is none.
struct CostInputs {
  double vol, adv, close_adj;
};

/// The part of a power-law cost that depends on the row alone, vol / close_adj * adv^-alpha, with a cache that all runs of a
/// panel with the same alpha share. The cache has 8 bytes per row of each day that costs ask for again, because a single run has
/// no use for it; of these rows it computes those that are read. A value has the same bits with and without the cache.
/// Thread-safe.
class UnitRates {
 public:
  /// A reader of the values of all rows, of which the cache may have those of one day.
  class Day {
   public:
    explicit Day(const UnitRates& rates) noexcept : rates_(&rates) {}
    Day(const UnitRates& rates, std::uint64_t* cells, RowIndex first, RowIndex n_rows) noexcept
        : rates_(&rates), cells_(cells), first_(first), n_rows_(n_rows) {}
    /// Asks for what operator[] reads of a row, so that it does not wait for memory.
    void prefetch(RowIndex row) const noexcept {
      if (row >= first_ && row - first_ < n_rows_)
        __builtin_prefetch(cells_ + (row - first_));
      else
        rates_->prefetch_inputs(row);
    }
    /// NaN if an input was never known, if `row` is kNoRow, and if the value is 0 or beyond the range of a normal double.
    double operator[](RowIndex row) const noexcept {
      if (row < first_ || row - first_ >= n_rows_) return rates_->compute(row);
      // Threads that find the same row not computed write the same bits.
      const std::atomic_ref<std::uint64_t> cell(cells_[row - first_]);
      const std::uint64_t known = cell.load(std::memory_order_relaxed);
      if (known) return std::bit_cast<double>(~known);
      const double value = rates_->compute(row);
      cell.store(~std::bit_cast<std::uint64_t>(value), std::memory_order_relaxed);
      return value;
    }

   private:
    const UnitRates* rates_;
    std::uint64_t* cells_ = nullptr;  // by row of the day
    RowIndex first_ = 0, n_rows_ = 0;
  };

  /// The cache of the panel, which has that of the newest alpha. The snapshot must have vol, adv and close_adj.
  static std::shared_ptr<const UnitRates> of(const PanelView& panel, double alpha);
  UnitRates(const PanelView& panel, double alpha);

  /// `n`: a loaded day or the day before the first; -1 is allowed. The day is cached if something asked for it before.
  Day ask_for(DateIndex n) const;
  CostInputs inputs(RowIndex row) const noexcept;

 private:
  double compute(RowIndex row) const noexcept;
  static void touch(std::uint64_t* cells, RowIndex n_rows) noexcept;
  void prefetch_inputs(RowIndex row) const noexcept {
    for (const Reals& column : {vol_, adv_, close_adj_}) column.prefetch(std::max(row, 0));
  }

  const PanelView& panel_;
  double alpha_;
  Reals vol_, adv_, close_adj_;
  DateIndex first_day_;
  /// By row from the first of first_day_ on: the complement of the bits of the value; 0: not computed. Only cached days are
  /// touched, so that others take no memory.
  mutable HugeArray<std::uint64_t> cells_;
  enum class Asked : std::uint8_t { never, once, often };
  mutable std::vector<std::atomic<Asked>> days_;  // from first_day_ on
};

}  // namespace fractile
