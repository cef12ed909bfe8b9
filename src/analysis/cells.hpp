// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include "analysis/analysis_module.hpp"
#include "engine/panel/as_of.hpp"

namespace fractile {

/// The cells of the names of a day and of the day before, by panel row.
class FollowedNames {
 public:
  using Cell = std::uint16_t;

  explicit FollowedNames(const PanelView& panel) : panel_(panel) {}
  /// The next day has no day before.
  void forget() { now_.clear(); }
  /// Begins a day, which follows the one before unless forget() was called.
  void start(const ObservedDay& day);

  /// Places are numbers of panel rows among those of their day, from 1. All rows of earlier days than the day before have 0.
  struct Places {
    RowIndex first, first_before;
    Cell* now;
    const Cell* before;
    std::size_t of(RowIndex row) const noexcept { return static_cast<std::size_t>(row - first) + 1; }
    std::size_t of_before(RowIndex row) const noexcept {
      return static_cast<std::size_t>(std::max(row - first_before, RowIndex{-1}) + 1);
    }
    /// Records the cell of the name with a row. True if the name, whose row before is `previous`, was in it on the day before.
    bool stays(RowIndex row, RowIndex previous, std::uint32_t cell) const noexcept {
      now[of(row)] = static_cast<Cell>(cell);
      return before[of_before(previous)] == cell;
    }
  };
  Places places() noexcept { return {first_, first_before_, now_.data(), before_.data()}; }
  std::size_t n_places() const noexcept { return now_.size(); }

 private:
  static constexpr Cell kNone = std::numeric_limits<Cell>::max();
  const PanelView& panel_;
  RowIndex first_ = 0, first_before_ = 0;
  std::vector<Cell> now_, before_;  // by place
};

/// The names of a day in cells (bins of a sort), each cell a long book whose weights sum to 1. One thread uses one object.
///
/// Weights follow the option `weight`, without clipping or limits; a scheme without a panel column counts as equal. A name
/// without a positive weight belongs to no cell.
class Cells {
 public:
  /// With `trades`, traded() is known; days must then follow each other, except after forget(). Requires less than 65,535 cells.
  enum class Trades : std::uint8_t { not_needed, needed };
  Cells(const AnalysisContext& context, std::size_t n_cells, Trades trades);

  /// The next day has no day before.
  void forget();
  /// `cell`: by name of the day; -1 if the name belongs to no cell. The day must stay valid while the cells are read.
  void assign(const ObservedDay& day, std::span<const std::int32_t> cell);

  std::size_t n_cells() const noexcept { return n_cells_; }
  std::size_t n_names(std::size_t cell) const noexcept { return sums_[cell].names; }
  /// The cell's return; a missing one of a name counts as 0. Requires a cell with names.
  double ret(std::size_t cell) const noexcept { return sums_[cell].earned / sums_[cell].measured; }
  /// The sum of the changes of the cell's weights since the day before.
  double traded(std::size_t cell) const noexcept { return traded_[cell]; }
  /// Writes the weighted exposures: out[cell * n + k] for exposure k of the n exposure_names(); a missing one counts as 0.
  /// Requires Trades::needed.
  void sum_exposures(double* out);

 private:
  struct Sums {
    double measured = 0.0;  // of the weight scheme's column; the number of names if weights are equal
    double earned = 0.0;    // of products with it
    std::uint64_t names = 0;
    std::uint64_t stayed = 0;  // names that were in the cell on the day before; if weights are equal
    double held = 0.0;         // sum of weights; if they are not equal
  };
  void find_known_rows();
  void measure();
  void add_names();
  template <bool kFollows>
  void add_equal_names();
  template <class Read>
  void read_returns(Read read) const;
  void compare_names();
  void compare_weights();

  const AnalysisContext& context_;
  std::size_t n_cells_;
  AsOf as_of_;
  Reals size_;                            // column of the weight scheme; empty if it has none
  std::vector<Sums> sums_, sums_before_;  // by cell; behind them, of the names of no cell
  bool has_trades_;
  FollowedNames names_;
  std::vector<double> traded_, stayed_;               // by cell
  std::vector<double> weights_now_, weights_before_;  // by place of names_
  // By name of the day.
  std::span<const RowIndex> rows_;
  DateIndex n_ = 0;
  std::vector<std::uint32_t> cell_;
  std::vector<double> measured_;
  std::vector<RowIndex> previous_rows_, known_rows_;
  std::vector<std::uint32_t> known_cell_;  // n_cells() if the name has no row whose characteristics the trade knows
};

}  // namespace fractile
