// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <cstdint>
#include <memory_resource>
#include <span>
#include <string>
#include <vector>

#include "engine/panel/as_of.hpp"
#include "engine/panel/earned_returns.hpp"
#include "engine/panel/factor_columns.hpp"
#include "engine/portfolio/book.hpp"
#include "fractile/config.hpp"

/// The returns of a book on its return day: methodology section 8.
namespace fractile {

/// The numbers of one portfolio on one day.
struct DayOutcome {
  bool is_held = false;
  int n_long = 0;
  int n_short = 0;
  double ret_l = 0.0;
  double ret_s = 0.0;
  double resret = 0.0;
  double traded = 0.0;  ///< sum of |change of weight| since the day before
  double tc = 0.0;
  double borrow = 0.0;
  int unknown_cost = 0;  ///< power_law: trades that took the day's largest cost
  /// By PortfolioReturn::exposure_names(); empty if the book is flat or there are none. Valid as long as the PortfolioReturn that
  /// computed them.
  std::span<const double> exposure;
};

/// Whether a run reports the exposures of its books.
enum class Exposures : std::uint8_t { reported, left_out };

/// Computes the returns and exposures of books. One thread uses one object.
class PortfolioReturn {
 public:
  /// Throws the errors of EarnedReturns.
  PortfolioReturn(const PanelView& panel, const RunConfig& config, Exposures exposures);
  bool has_resret() const noexcept { return static_cast<bool>(resret_); }
  /// The factors whose exposures are reported, if any are: `factors`, else the factors of the seven that the snapshot has.
  const std::vector<std::string>& exposure_names() const noexcept { return exposure_names_; }
  const EarnedReturns& ret() const noexcept { return ret_; }
  DayOutcome compute(const Book& book, DateIndex n);
  /// Number of held names whose last row is on n although the calendar goes on.
  int count_leavers(const Book& book, DateIndex n) const;
  /// Adds the exposures of the as-of row by exposure_names(); a missing one adds 0.
  void add_exposures(RowIndex asof, double* sums) const noexcept;
  /// Adds the exposures of several names times their weights.
  void add_weighted_exposures(std::span<const RowIndex> asof, std::span<const double> weights, double* sums) const noexcept;
  /// Adds them by cell: to sums[cell * exposure_names().size() + k]. A name of cell `n_cells` is left out; null `weights` are 1.
  void add_exposures_by_cell(std::span<const RowIndex> asof, const double* weights, std::span<const std::uint32_t> cell,
                             std::size_t n_cells, double* sums) const;

 private:
  void find_exposures(const PanelView& panel, const RunConfig& config);
  std::span<const double> sum_exposures_of(const Book& book, DateIndex n);
  const double* read_returns(const Reals& returns, const Book& book);
  const double* read_earned(const Book& book);

  const PanelView& panel_;
  EarnedReturns ret_;
  Reals resret_;
  std::vector<std::string> exposure_names_;
  FactorColumns exposures_;  // by exposure_names()
  AsOf as_of_;
  std::vector<double> returns_;
  std::vector<RowIndex> asof_rows_;
  std::vector<double> asof_weights_;
  std::pmr::monotonic_buffer_resource sums_;  // the exposures of all outcomes: it only grows
};

}  // namespace fractile
