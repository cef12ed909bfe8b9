// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "engine/book_former.hpp"

#include <algorithm>
#include <cmath>

namespace fractile {

void StoredCandidates::assign(int of_portfolio, const Candidates& candidates, const PanelView& panel) {
  portfolio = of_portfolio;
  rows.assign(candidates.rows.begin(), candidates.rows.end());
  sizes.assign(candidates.sizes.begin(), candidates.sizes.end());
  sides.assign(candidates.sides.begin(), candidates.sides.end());
  cells.assign(candidates.cells.begin(), candidates.cells.end());
  securities.resize(rows.size());
  for (std::size_t i = 0; i < rows.size(); ++i) securities[i] = panel.security_of_row(rows[i]);
  n_cells = candidates.n_cells;
  cells_with_names = candidates.cells_with_names;
  n_names = candidates.n_names;
}

Candidates StoredCandidates::view() const noexcept {
  return {rows, sizes, sides, cells, n_cells, cells_with_names, n_names, securities};
}

BookFormer::BookFormer(const PanelView& panel, const RunConfig& config, const Portfolios& portfolios)
    : panel_(panel),
      config_(config),
      portfolios_(portfolios),
      sorter_(config),
      weigher_(panel, config),
      guesses_(static_cast<std::size_t>(portfolios.count)) {
  if (plan().has_exit) held_side_.assign(panel.ranges().size(), kFlat);
}

Candidates BookFormer::sort_group(DayNames& names, const Portfolios::Grouping& grouping, int group,
                                  std::span<const std::int32_t> slots) {
  if (!plan().is_single()) return sorter_.sort_names(names.among(slots));
  group_values_.resize(slots.size());
  double* const to = group_values_.data();
  const double* const from = names.slots().data();
  for (std::size_t i = 0; i < slots.size(); ++i) to[i] = from[static_cast<std::size_t>(slots[i])];
  return sorter_.sort_values(group_values_, names.first_row(), slots, guesses_[static_cast<std::size_t>(grouping.first + group)]);
}

/// Applies the exit rule to the sides, and drops categories with names on one side only.
std::span<const std::int8_t> BookFormer::settle_sides(int portfolio, const Candidates& candidates, const Book& before,
                                                      DayCounts* counts) {
  if (!plan().has_exit && candidates.n_cells == 0) return candidates.sides;
  sides_.assign(candidates.sides.begin(), candidates.sides.end());
  if (plan().has_exit) settle_stays(candidates, before);
  if (candidates.n_cells == 0) return sides_;
  // Bits by category, with that of names without one first.
  constexpr std::uint8_t kHasLong = 1, kHasShort = 2, kHasBoth = kHasLong | kHasShort;
  cell_sides_.assign(static_cast<std::size_t>(candidates.n_cells) + 1, 0);
  const auto place_of = [&](std::size_t i) { return static_cast<std::size_t>(candidates.cells[i] - kNoCell); };
  for (std::size_t i = 0; i < sides_.size(); ++i)
    cell_sides_[place_of(i)] |= static_cast<std::uint8_t>((sides_[i] == kLong) * kHasLong | (sides_[i] == kShort) * kHasShort);
  cell_sides_[0] = 0;
  for (std::size_t i = 0; i < sides_.size(); ++i)
    sides_[i] = static_cast<std::int8_t>(sides_[i] * (cell_sides_[place_of(i)] == kHasBoth));
  if (portfolio == 0) {
    is_two_sided_.resize(cell_sides_.size() - 1);
    int n_two_sided = 0;
    for (std::size_t cell = 0; cell < is_two_sided_.size(); ++cell)
      n_two_sided += is_two_sided_[cell] = cell_sides_[cell + 1] == kHasBoth;
    if (counts) counts->one_sided_category += candidates.cells_with_names - n_two_sided;
  }
  return sides_;
}

/// A name that only the exit rule leaves on its side stays if the book of the day before holds it on that side.
void BookFormer::settle_stays(const Candidates& candidates, const Book& before) {
  // Not the members: the loops write bytes, which might be anything that they read. And no branches: sides follow no pattern.
  std::int8_t* const held_side = held_side_.data();
  std::int8_t* const sides = sides_.data();
  const SecurityIndex* const securities = candidates.securities.data();
  const SecurityIndex* const held_at = before.security.data();
  const std::size_t n_before = before.security.size();
  for (std::size_t i = 0; i < n_before; ++i)
    held_side[static_cast<std::size_t>(held_at[i])] = static_cast<std::int8_t>(kLong - 2 * std::signbit(before.weight[i]));
  for (std::size_t i = 0, n = sides_.size(); i < n; ++i) {
    const int side = sides[i], held = held_side[static_cast<std::size_t>(securities[i])];
    const bool is_entered = side * side < kStays * kStays;
    sides[i] = static_cast<std::int8_t>(side * is_entered + held * (side == kStays * held));
  }
  for (std::size_t i = 0; i < n_before; ++i) held_side[static_cast<std::size_t>(held_at[i])] = kFlat;
}

/// Counts the overall book of a day for the warnings of a result.
void BookFormer::count_sides(std::size_t names, std::span<const std::int8_t> sides, DayCounts& counts) const {
  // In 32 bits, four times as many sides at a time as std::count() counts.
  std::int32_t n_long = 0, n_short = 0;
  for (const std::int8_t side : sides) {
    n_long += side == kLong;
    n_short += side == kShort;
  }
  const auto n_names = static_cast<double>(names);
  counts.days_with_names += names > 0;
  counts.long_names += n_long;
  counts.short_names += n_short;
  counts.asked_long += static_cast<std::int64_t>(n_names - std::floor(config_.fractile[1] * n_names / 100.0));
  counts.asked_short += static_cast<std::int64_t>(std::floor(config_.fractile[0] * n_names / 100.0));
  counts.most_long = std::max<std::int64_t>(counts.most_long, n_long);
  counts.most_short = std::max<std::int64_t>(counts.most_short, n_short);
}

void BookFormer::choose(int portfolio, const Candidates& candidates, const Book& before, DateIndex n, DayCounts* counts,
                        Book& book) {
  const std::span<const std::int8_t> sides = settle_sides(portfolio, candidates, before, counts);
  const int without_size = weigher_.choose({candidates.rows, sides, candidates.sizes, candidates.securities}, n, book);
  if (!counts || portfolio != 0) return;
  counts->missing_weight += without_size;
  counts->names += static_cast<std::int64_t>(candidates.n_names);
  count_sides(candidates.n_names, sides, *counts);
}

void BookFormer::form(int portfolio, const Candidates& candidates, const Book& before, DateIndex n, DayCounts* counts,
                      Book& book) {
  choose(portfolio, candidates, before, n, counts, book);
  weigher_.weigh(book);
}

}  // namespace fractile
