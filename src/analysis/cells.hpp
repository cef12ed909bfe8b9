// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

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

  /// `cell`: by name of the day; -1 if the name belongs to no cell.
  void assign(const ObservedDay& day, std::span<const std::int32_t> cell);

  std::size_t n_cells() const noexcept { return begin_.size() - 1; }
  std::size_t n_names() const noexcept { return begin_.back(); }
  std::size_t n_names(std::size_t cell) const noexcept { return begin_[cell + 1] - begin_[cell]; }
  /// Panel rows of the return day, securities ascending.
  std::span<const RowIndex> rows(std::size_t cell) const noexcept { return part(rows_, cell); }
  std::span<const double> weights(std::size_t cell) const noexcept { return part(weights_, cell); }
  /// The cell's return; a missing one adds 0.
  double earn(std::size_t cell);
  /// Adds the weighted exposures by exposure_names(); a missing one adds 0.
  void add_exposures(std::size_t cell, DateIndex n, double* sums);

 private:
  template <class T>
  std::span<const T> part(const std::vector<T>& all, std::size_t cell) const noexcept {
    return std::span<const T>(all).subspan(begin_[cell], n_names(cell));
  }
  std::span<const std::int32_t> measure(const ObservedDay& day, std::span<const std::int32_t> cell);

  const AnalysisContext& context_;
  AsOf as_of_;
  Reals size_;                      // column of the weight scheme; empty if it has none
  std::vector<std::size_t> begin_;  // by cell, and one past the last
  std::vector<std::size_t> next_;   // by cell + 1
  // By name of the day.
  std::vector<double> measured_;
  std::vector<std::int32_t> weighted_cell_;
  // By cell, then by security; behind them the names of no cell.
  std::vector<RowIndex> rows_;
  std::vector<double> weights_;
  // Memory of one call.
  std::vector<double> returns_;
  std::vector<RowIndex> known_rows_;
  std::vector<double> known_weights_;
};

}  // namespace fractile
