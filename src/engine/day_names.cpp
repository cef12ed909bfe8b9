// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "engine/day_names.hpp"

#include <algorithm>

#include "engine/align/eligibility_mask.hpp"
#include "engine/kernels/kernels.hpp"
#include "engine/panel/as_of.hpp"
#include "engine/portfolios.hpp"
#include "fractile/error.hpp"
#include "fractile/types.hpp"

namespace fractile {
namespace {

/// True if a sorter reads the names one by one; otherwise it reads slots.
bool sorts_listed_names(const RunConfig& config) {
  const SortPlan plan(config);
  const bool has_groups = std::any_of(config.byvar_list.begin(), config.byvar_list.end(), makes_portfolios);
  return !plan.is_single() && (!plan.is_by_category() || has_groups);
}

}  // namespace

DayNames::DayNames(const PanelView& panel, const RunConfig& config, const ExposureRows& exposures, const CrossSections& sections,
                   const RegressorCache* cached_regressors, bool lists_names)
    : panel_(panel),
      config_(config),
      exposures_(exposures),
      sections_(sections),
      cached_regressors_(cached_regressors),
      missing_returns_(panel.missing_rows(config.from_open ? "openret" : "ret")),
      lists_names_(lists_names || exposures.is_needed() || sorts_listed_names(config)) {
  require_columns(panel, config);
  if (config.sort_method == SortMethod::double_) double_var_ = panel.characteristic(config.double_var);
  if (!config.rank_within.empty()) {
    category_ = panel.category(config.rank_within);
    category_days_ = panel.grouped_days(config.rank_within, config.characteristics_asof);
  }
  if (!config.breakpoints.empty()) references_ = find_reference_rows(panel, config);
}

void DayNames::require_columns(const PanelView& panel, const RunConfig& config) {
  if (config.sort_method == SortMethod::double_ && panel.require(config.double_var, "double_var").kind == ColumnKind::text)
    throw Error(ErrorCode::INVALID_VALUE,
                "expected a column of numbers for double_var, found \"" + config.double_var +
                    "\", which holds texts: their order means nothing. Name another column, or make the "
                    "snapshot anew with --null, --thousands or --decimal so that its texts are numbers.");
  if (!config.rank_within.empty()) {
    panel.require(config.rank_within, "rank_within");
    panel.category(config.rank_within);
  }
  if (!config.breakpoints.empty()) find_reference_rows(panel, config);
}

void DayNames::start(CrossSections::Scratch& scratch) noexcept {
  scratch_ = &scratch;
  scratch.block = -1;
}

void DayNames::read(DateIndex n) {
  n_ = n;
  day_ = sections_.read(n, *scratch_, has_duplicates_);
  slots_ = day_.values;
  if (lists_names_) list_names(n);
}

void DayNames::list_names(DateIndex n) {
  rows_.resize(day_.values.size() + kKernelPadding);
  s_.resize(day_.values.size() + kKernelPadding);
  const std::size_t m = pack_numbers_and_rows(day_.values.data(), day_.values.size(), day_.first, s_.data(), rows_.data());
  s_.resize(m);
  rows_.resize(m);
  if (exposures_.is_needed()) {
    exposure_rows_.resize(m);
    for (std::size_t i = 0; i < m; ++i) exposure_rows_[i] = day_.exposure_rows[rows_[i] - day_.first];
    residualize(exposures_, exposure_rows_, regressors(n), s_, residual_scratch_);
    residuals_.assign(day_.values.size(), kNaN);
    for (std::size_t i = 0; i < m; ++i) residuals_[static_cast<std::size_t>(rows_[i] - day_.first)] = s_[i];
    slots_ = residuals_;
  }
  if (double_var_) read_double_values(n);
  if (category_) read_cells(n);
  if (references_) read_references();
  all_ = {rows_, s_, double_values_, cells_, category_ ? category_->n_groups() : 0, is_reference_};
  has_name_at_ = false;
}

void DayNames::find_slots() {
  name_at_.assign(day_.values.size(), -1);
  for (std::size_t i = 0; i < rows_.size(); ++i)
    name_at_[static_cast<std::size_t>(rows_[i] - day_.first)] = static_cast<std::int32_t>(i);
  has_name_at_ = true;
}

/// The regressors of the day's used names.
const Regressors& DayNames::regressors(DateIndex n) {
  if (cached_regressors_) {
    cached_ = cached_regressors_->find_or_make(n, exposures_, exposure_rows_, residual_scratch_.own);
    return *cached_;
  }
  regressors_.assign(exposures_, exposure_rows_, residual_scratch_.own);
  return regressors_;
}

void DayNames::read_double_values(DateIndex n) {
  double_values_.resize(rows_.size());
  asof_rows_.resize(rows_.size());
  AsOf(panel_, config_).find_rows(rows_, n, asof_rows_.data());
  for (std::size_t i = 0; i < rows_.size(); ++i) double_values_[i] = asof_rows_[i] == kNoRow ? kNaN : double_var_[asof_rows_[i]];
}

void DayNames::read_cells(DateIndex n) {
  const GroupedDays::Day& day = category_days_->find_or_make(n);
  cell_at_.resize(day_.values.size());
  std::size_t begin = 0;
  for (const GroupedDays::Run& run : day.runs) {
    const auto end = static_cast<std::size_t>(run.end);
    for (std::size_t i = begin; i < end; ++i)
      cell_at_[static_cast<std::size_t>(day.slot[i])] = run.group < 0 ? kNoCell : run.group;
    begin = end;
  }
  cells_.resize(rows_.size());
  for (std::size_t i = 0; i < rows_.size(); ++i) cells_[i] = cell_at_[static_cast<std::size_t>(rows_[i] - day_.first)];
}

void DayNames::read_references() {
  is_reference_.resize(rows_.size());
  // Not the members: the loop writes bytes, which might be anything that it reads.
  const std::uint64_t* const bits = references_->data();
  const RowIndex* const rows = rows_.data();
  std::uint8_t* const out = is_reference_.data();
  for (std::size_t i = 0, n = rows_.size(); i < n; ++i) {
    const auto at = static_cast<std::size_t>(rows[i]);
    out[i] = static_cast<std::uint8_t>(bits[at / 64] >> (at % 64) & 1);
  }
}

const RankedNames& DayNames::among(std::span<const std::int32_t> slots) {
  if (!has_name_at_) find_slots();
  group_rows_.clear();
  group_s_.clear();
  group_double_.clear();
  group_cells_.clear();
  group_is_reference_.clear();
  for (const std::int32_t slot : slots) {
    if (name_at_[static_cast<std::size_t>(slot)] < 0) continue;
    const auto i = static_cast<std::size_t>(name_at_[static_cast<std::size_t>(slot)]);
    group_rows_.push_back(rows_[i]);
    group_s_.push_back(s_[i]);
    if (double_var_) group_double_.push_back(double_values_[i]);
    if (category_) group_cells_.push_back(cells_[i]);
    if (references_) group_is_reference_.push_back(is_reference_[i]);
  }
  group_ = {group_rows_, group_s_, group_double_, group_cells_, all_.n_cells, group_is_reference_};
  return group_;
}

void DayNames::count_missing(DayCounts& counts) const {
  counts.missing_return += count_missing_returns();
  if (double_var_)
    counts.missing_double_var += std::count_if(double_values_.begin(), double_values_.end(), [](double x) { return x != x; });
  if (category_) counts.missing_rank_within += count_missing_categories();
}

std::int64_t DayNames::count_missing_categories() const {
  const GroupedDays::Day& day = category_day();
  if (day.runs.empty() || day.runs.back().group >= 0) return 0;
  const std::int32_t begin = day.runs.size() > 1 ? day.runs[day.runs.size() - 2].end : 0;
  return std::count_if(day.slot.begin() + begin, day.slot.end(), [&](std::int32_t slot) {
    const double value = slots_[static_cast<std::size_t>(slot)];
    return value == value;
  });
}

std::int64_t DayNames::count_missing_returns() const {
  const auto day = static_cast<std::size_t>(n_ - panel_.first());
  return std::count_if(missing_returns_->rows.begin() + static_cast<std::ptrdiff_t>(missing_returns_->begin[day]),
                       missing_returns_->rows.begin() + static_cast<std::ptrdiff_t>(missing_returns_->begin[day + 1]),
                       [&](RowIndex row) {
                         const double value = day_.values[static_cast<std::size_t>(row - day_.first)];
                         return value == value;
                       });
}

}  // namespace fractile
