// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "engine/align/cross_sections.hpp"
#include "engine/day_counts.hpp"
#include "engine/panel/grouped_days.hpp"
#include "engine/panel/panel_view.hpp"
#include "engine/portfolio/sorter.hpp"
#include "engine/residual/exposures.hpp"
#include "engine/residual/regressor_cache.hpp"
#include "engine/residual/residualize.hpp"

/// The names of one return day: their signals after residualization, and the numbers by which they are ranked.
namespace fractile {

/// One thread reads one day at a time; the spans of a day are valid until the next.
class DayNames {
 public:
  /// `cached_regressors`: null if none are cached. `lists_names`: rows() and s() are filled in any case. Throws
  /// MISSING_PANEL_COLUMN, INVALID_BYVAR, INVALID_VALUE if an option asks for a column that the snapshot lacks.
  DayNames(const PanelView& panel, const RunConfig& config, const ExposureRows& exposures, const CrossSections& sections,
           const RegressorCache* cached_regressors, bool lists_names);

  /// Throws the errors of the constructor, before any work.
  static void require_columns(const PanelView& panel, const RunConfig& config);

  /// Begins to read days in order from one on, into `scratch`.
  void start(CrossSections::Scratch& scratch) noexcept;
  void read(DateIndex n);

  /// True if every name is listed; otherwise only the slots are filled.
  bool lists_names() const noexcept { return lists_names_; }
  RowIndex first_row() const noexcept { return day_.first; }
  /// The signal before and after residualization, by panel row of the day; NaN: no name.
  std::span<const double> given() const noexcept { return day_.values; }
  std::span<const double> slots() const noexcept { return slots_; }
  /// All names, in the form that a sorter reads. Requires lists_names().
  const RankedNames& all() const noexcept { return all_; }
  /// The names among some slots of the day, ascending. Valid until the next call. Requires lists_names().
  const RankedNames& among(std::span<const std::int32_t> slots);
  /// The categories of the day's rows. Requires rank_within.
  const GroupedDays::Day& category_day() const { return category_days_->find_or_make(n_); }
  int n_categories() const noexcept { return category_->n_groups(); }
  /// Counts the names without a return, without a double_var or without a category.
  void count_missing(DayCounts& counts) const;
  bool has_duplicates() const noexcept { return has_duplicates_; }

 private:
  void list_names(DateIndex n);
  void read_double_values(DateIndex n);
  void read_cells(DateIndex n);
  void read_references();
  void find_slots();
  const Regressors& regressors(DateIndex n);
  std::int64_t count_missing_returns() const;
  std::int64_t count_missing_categories() const;

  const PanelView& panel_;
  const RunConfig& config_;
  const ExposureRows& exposures_;
  const CrossSections& sections_;
  const RegressorCache* cached_regressors_;
  std::shared_ptr<const MissingRows> missing_returns_;
  Characteristic double_var_;
  std::shared_ptr<const Category> category_;
  std::shared_ptr<const GroupedDays> category_days_;
  std::shared_ptr<const std::vector<std::uint64_t>> references_;  // a bit per panel row
  bool lists_names_;
  bool has_name_at_ = false;  // of the day

  CrossSections::Scratch* scratch_ = nullptr;
  CrossSection day_;
  DateIndex n_ = 0;
  bool has_duplicates_ = false;
  std::span<const double> slots_;
  std::vector<double> residuals_;
  // By name.
  std::vector<RowIndex> rows_, exposure_rows_, asof_rows_;
  std::vector<double> s_, double_values_;
  std::vector<Cell> cells_;
  std::vector<std::uint8_t> is_reference_;
  RankedNames all_;
  // By slot.
  std::vector<std::int32_t> name_at_;
  std::vector<Cell> cell_at_;
  // The names of one group.
  std::vector<RowIndex> group_rows_;
  std::vector<double> group_s_, group_double_;
  std::vector<Cell> group_cells_;
  std::vector<std::uint8_t> group_is_reference_;
  RankedNames group_;

  Regressors regressors_;
  std::shared_ptr<const Regressors> cached_;
  ResidualScratch residual_scratch_;
};

}  // namespace fractile
