// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "analysis/analysis_module.hpp"
#include "engine/panel/as_of.hpp"

namespace fractile {

/// The names of a day in cells (bins of a sort), each cell a long book whose weights sum to 1. One thread uses one object.
///
/// Weights follow the option `weight`, without clipping or limits; a scheme without a panel column counts as equal. A name
/// without a positive weight belongs to no cell.
class Cells {
 public:
  Cells(const AnalysisContext& context, std::size_t n_cells);

  /// `cell`: by name of the day; -1 if the name belongs to no cell. The day must stay valid while the cells are read.
  void assign(const ObservedDay& day, std::span<const std::int32_t> cell);

  std::size_t n_cells() const noexcept { return n_cells_; }
  std::size_t n_names(std::size_t cell) const noexcept { return sums_[cell].names; }
  /// The cell's return; a missing one of a name counts as 0. Requires a cell with names.
  double ret(std::size_t cell) const noexcept { return sums_[cell].earned / sums_[cell].measured; }
  /// By name of the day; n_cells() if the name belongs to no cell.
  std::span<const std::uint32_t> cell_of_name() const noexcept { return cell_; }
  /// True if all names of a cell weigh the same.
  bool are_equal() const noexcept { return !size_; }
  /// The weight of name i of the day in its cell, which it must have.
  double weight(std::size_t i) const noexcept {
    const Sums& of_cell = sums_[cell_[i]];
    return (size_ ? measured_[i] : 1.0) / of_cell.measured;
  }
  /// Writes the weighted exposures: out[cell * n + k] for exposure k of the n exposure_names(); a missing one counts as 0.
  void sum_exposures(double* out);

 private:
  struct Sums {
    double measured = 0.0;  // of the weight scheme's column; the number of names if weights are equal
    double earned = 0.0;    // of products with it
    std::size_t names = 0;
  };
  void find_known_rows();
  void measure();
  template <class Measure>
  void add_names(Measure measure_of);

  const AnalysisContext& context_;
  std::size_t n_cells_;
  AsOf as_of_;
  Reals size_;              // column of the weight scheme; empty if it has none
  std::vector<Sums> sums_;  // by cell; behind them, of the names of no cell
  // By name of the day.
  std::span<const RowIndex> rows_;
  DateIndex n_ = 0;
  std::vector<std::uint32_t> cell_;
  std::vector<double> measured_;
  std::vector<RowIndex> known_rows_;
  std::vector<std::uint32_t> known_cell_;  // n_cells() if the name has no row whose characteristics the trade knows
};

}  // namespace fractile
