// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "engine/day_counts.hpp"
#include "engine/day_names.hpp"
#include "engine/portfolio/sorter.hpp"
#include "engine/portfolio/weigher.hpp"
#include "engine/portfolios.hpp"

/// The forming of books: from the names of a day to the formed books of all portfolios.
namespace fractile {

/// The candidates of one portfolio on one day, in memory that this object owns.
struct StoredCandidates {
  int portfolio = 0;
  std::vector<RowIndex> rows;
  std::vector<double> sizes;
  std::vector<std::int8_t> sides;
  std::vector<Cell> cells;
  std::vector<SecurityIndex> securities;
  int n_cells = 0;
  int cells_with_names = 0;
  std::size_t n_names = 0;

  void assign(int of_portfolio, const Candidates& candidates, const PanelView& panel);
  Candidates view() const noexcept;
};

/// The maker of the books of days, one after the other. One thread uses one former.
class BookFormer {
 public:
  /// Throws MISSING_PANEL_COLUMN if weight needs a column that the snapshot lacks.
  BookFormer(const PanelView& panel, const RunConfig& config, const Portfolios& portfolios);

  const SortPlan& plan() const noexcept { return sorter_.plan(); }
  /// Ranks the names of every portfolio that has names, and passes on their candidates, which are valid during the call.
  /// `counts`: null if nothing is counted.
  template <class Show>
  void sort(DayNames& names, DateIndex n, DayCounts* counts, Show&& show);
  /// Makes a book from candidates; empty if it is flat. `before`: the book of day n-1, read if the plan has an exit rule, which
  /// also needs the securities of the candidates.
  // A call of its own, because bench/instructions.py counts it.
  [[gnu::noinline]] void form(int portfolio, const Candidates& candidates, const Book& before, DateIndex n, DayCounts* counts,
                              Book& book);
  /// The first half of form(): the book without weights and previous rows, and without securities unless the candidates have
  /// them. Of `before` it reads the securities and the signs of the weights.
  void choose(int portfolio, const Candidates& candidates, const Book& before, DateIndex n, DayCounts* counts, Book& book);
  /// The second half.
  void weigh(Book& book) { weigher_.weigh(book); }
  /// By category: true if the last overall book has names on both sides. Empty without rank_within.
  std::span<const std::uint8_t> is_two_sided() const noexcept { return is_two_sided_; }
  Sorter& sorter() noexcept { return sorter_; }

 private:
  Candidates sort_group(DayNames& names, const Portfolios::Grouping& grouping, int group, std::span<const std::int32_t> slots);
  std::span<const std::int8_t> settle_sides(int portfolio, const Candidates& candidates, const Book& before, DayCounts* counts);
  void settle_stays(const Candidates& candidates, const Book& before);
  void count_sides(std::size_t n_names, std::span<const std::int8_t> sides, DayCounts& counts) const;

  const PanelView& panel_;
  const RunConfig& config_;
  const Portfolios& portfolios_;
  Sorter sorter_;
  Weigher weigher_;
  std::vector<SortGuess> guesses_;  // by portfolio
  std::vector<double> group_values_;
  std::vector<std::int8_t> sides_;
  std::vector<std::int8_t> held_side_;  // by security; all 0 between calls
  std::vector<std::uint8_t> cell_sides_, is_two_sided_;
};

template <class Show>
void BookFormer::sort(DayNames& names, DateIndex n, DayCounts* counts, Show&& show) {
  const auto take = [&](int portfolio, const Candidates& candidates) {
    if (counts && candidates.n_names > 0) counts->has_names[static_cast<std::size_t>(portfolio)] = 1;
    show(portfolio, candidates);
  };
  if (plan().is_single())
    take(0, sorter_.sort_values(names.slots(), names.first_row(), {}, guesses_[0]));
  else if (plan().is_by_category())
    take(0, sorter_.sort_categories(names.slots(), names.first_row(), names.category_day(), names.n_categories()));
  else
    take(0, sorter_.sort_names(names.all()));
  for (std::size_t i = 0; i < portfolios_.groupings.size(); ++i) {
    const Portfolios::Grouping& grouping = portfolios_.groupings[i];
    const GroupedDays::Day& day = grouping.days->find_or_make(n);
    std::size_t begin = 0;
    for (const GroupedDays::Run& run : day.runs) {
      const std::span<const std::int32_t> slots(day.slot.data() + begin, static_cast<std::size_t>(run.end) - begin);
      begin = static_cast<std::size_t>(run.end);
      if (run.group >= 0) {
        const Candidates candidates = sort_group(names, grouping, run.group, slots);
        if (candidates.n_names > 0) take(grouping.first + run.group, candidates);
      } else if (counts) {
        const double* const values = names.slots().data();
        std::int64_t n_names = 0;
        for (const std::int32_t slot : slots) n_names += values[slot] == values[slot];
        counts->missing_group[i] += n_names;
      }
    }
  }
}

}  // namespace fractile
