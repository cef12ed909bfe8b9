// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "engine/panel/grouped_days.hpp"
#include "engine/portfolio/rank.hpp"
#include "engine/portfolio/weight_schemes.hpp"
#include "fractile/types.hpp"

/// Sorts of names: which are ranked together, against which names, and who has a side. Methodology sections 5 and 12.
namespace fractile {

/// The number of a group of names that are ranked together; kNoCell: the name is not ranked.
using Cell = std::int32_t;
inline constexpr Cell kNoCell = -1;

/// The way in which a run ranks, from its options.
struct SortPlan {
  explicit SortPlan(const RunConfig& config);
  double a, b;  ///< percent at which a name becomes short or long
  double c, d;  ///< percent up to which a held name stays on its side; a and b without exit_fractile
  InputType input_type;
  int double_bins;      ///< bins of double_var; 0: no double sort
  bool has_categories;  ///< rank_within
  bool has_references;  ///< breakpoints
  bool has_exit;        ///< exit_fractile: the book of the day before matters too
  SizeSource size;      ///< of the option weight
  /// True if all names of a day are ranked together and against each other, so that cuts of the whole day decide.
  bool is_single() const noexcept { return is_by_value() && !has_categories && !has_references; }
  /// True if the names of each category are ranked together and against each other.
  bool is_by_category() const noexcept { return is_by_value() && has_categories && !has_references; }

 private:
  bool is_by_value() const noexcept { return input_type == InputType::value && double_bins == 0; }
};

/// The names of one (group, R), securities ascending. Spans that the plan does not need are empty.
struct RankedNames {
  std::span<const RowIndex> rows;
  std::span<const double> s;              ///< no NaN
  std::span<const double> double_values;  ///< NaN: missing
  std::span<const Cell> cells;            ///< number of the category
  int n_cells = 0;
  std::span<const std::uint8_t> is_reference;
};

/// Marks a name that only the exit rule leaves on its side.
inline constexpr std::int8_t kStays = 2;

/// The names that can have a side, securities ascending.
struct Candidates {
  std::span<const RowIndex> rows;
  std::span<const double> sizes;       ///< absolute values are weights, if the plan or input_type "weight" says so
  std::span<const std::int8_t> sides;  ///< kShort, kFlat, kLong; kStays times the side on which a held name stays
  std::span<const Cell> cells;         ///< rank_within: number of the category; else empty
  int n_cells = 0;
  int cells_with_names = 0;
  std::size_t n_names = 0;  ///< number of ranked names
  /// By row, for an exit rule; empty in the answers of a Sorter.
  std::span<const SecurityIndex> securities = {};
};

/// The cuts of one cell or portfolio on the day before, at a and b, and at c and d.
struct SortGuess {
  CutGuess enter, stay;
};

/// A sorter that ranks by a plan. One thread uses one sorter; an answer is valid until the next call.
class Sorter {
 public:
  explicit Sorter(const RunConfig& config) : plan_(config) {}
  const SortPlan& plan() const noexcept { return plan_; }
  /// If the plan is single: values[i] is that of row first_row + slots[i] (no slots: first_row + i), NaN: no name.
  Candidates sort_values(std::span<const double> values, RowIndex first_row, std::span<const std::int32_t> slots,
                         SortGuess& guess);
  /// If the plan is by category: values[i] is that of row first_row + i, NaN: no name; `day` has the categories of these rows.
  /// Its candidates have a side or stay on one.
  Candidates sort_categories(std::span<const double> values, RowIndex first_row, const GroupedDays::Day& day, int n_categories);
  /// Any plan. If the values are ranked, its candidates have a side or stay on one. O(names); breakpoints with a double sort or
  /// weight="rank" sort the reference values.
  Candidates sort_names(const RankedNames& names);
  /// Returns r and m of every name by categories and breakpoints only; r is NaN if a name is not ranked.
  void rank_all(const RankedNames& names, std::vector<double>& r, std::vector<double>& m);

 private:
  bool has_sizes() const noexcept { return plan_.size != SizeSource::panel; }
  void prepare(std::size_t n);
  void group_by_cell(std::span<const Cell> cells, int n_cells);
  void bin_by_double_var(const RankedNames& names);
  void set_references(std::span<const double> values, std::span<const std::int32_t> members,
                      std::span<const std::uint8_t> is_reference);
  std::size_t rank_members(std::span<const double> values, std::span<const std::int32_t> members,
                           std::span<const std::uint8_t> is_reference);
  void sort_cell(std::size_t cell, std::span<const double> values, std::span<const std::int32_t> members);
  template <class RowOf>
  Candidates list_tails(std::span<const Cell> cells, RowOf&& row_of);
  void size_cell(std::span<const double> values, std::span<const std::int32_t> members);
  void size_names(std::span<const double> all, std::span<const double> s, std::span<const std::int8_t> sides, std::size_t m,
                  double* out);
  void size_by_reference(std::span<const double> s, std::span<const std::int8_t> sides, double* out);
  void size_by_rank(std::span<const double> s, std::span<const std::int8_t> sides, std::size_t m, double* out);
  void size_by_signal(std::span<const double> all, std::span<const double> s, std::span<const std::int8_t> sides,
                      double* out) const;

  SortPlan plan_;
  RankScratch rank_;
  // By name or slot.
  std::vector<double> sizes_;
  std::vector<std::int8_t> sides_;
  std::vector<Cell> cells_, bins_;
  // Names by cell.
  std::vector<std::int32_t> begin_, members_;
  std::vector<SortGuess> guesses_;  // by cell
  // One cell.
  std::vector<double> values_, reference_values_, ranks_;
  std::span<double> references_;  // of reference_values_
  // Names with a side.
  std::vector<RowIndex> rows_;
  std::vector<double> tail_, tail_sizes_;
  std::vector<std::int8_t> tail_sides_;
  std::vector<Cell> tail_cells_;
  std::vector<std::int32_t> tail_names_;
  // Names on one side.
  std::vector<double> side_values_;
  std::vector<std::int32_t> side_places_;
};

}  // namespace fractile
