// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "engine/portfolio/sorter.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

#include "fractile/types.hpp"

namespace fractile {
namespace {

/// A smaller distance from the mean, as a share of the largest distance, is only rounding error.
constexpr double kRounding = 1e-12;
/// Sums of numbers up to this size do not overflow.
constexpr double kLargest = 1e290;
constexpr int kShrink = -64;

/// Sums of numbers in four lanes; NaN is skipped.
struct Spread {
  double mean = 0.0;
  double largest = 0.0;  ///< distance from the mean
  double unit = 1.0;     ///< factor by which the numbers are multiplied
};

Spread find_spread(std::span<const double> values) {
  double low = __builtin_inf(), high = -low;
  for (const double x : values) {
    low = x < low ? x : low;
    high = x > high ? x : high;
  }
  Spread out;
  if (std::max(-low, high) > kLargest) out.unit = std::ldexp(1.0, kShrink);
  constexpr std::size_t kLanes = 8;
  double sums[kLanes] = {}, counts[kLanes] = {};
  const auto add = [&](double x, std::size_t lane) {
    const bool is_number = x == x;
    sums[lane] += is_number ? x * out.unit : 0.0;
    counts[lane] += is_number ? 1.0 : 0.0;
  };
  std::size_t i = 0;
  for (; i + kLanes <= values.size(); i += kLanes)
    for (std::size_t lane = 0; lane < kLanes; ++lane) add(values[i + lane], lane);
  for (std::size_t lane = 0; i < values.size(); ++i, ++lane) add(values[i], lane);
  double sum = 0.0, count = 0.0;
  for (std::size_t lane = 0; lane < kLanes; ++lane) {
    sum += sums[lane];
    count += counts[lane];
  }
  out.mean = sum / std::max(count, 1.0);
  out.largest = std::max(high * out.unit - out.mean, out.mean - low * out.unit);
  return out;
}

int sign_of(std::int8_t side) noexcept { return (side > 0) - (side < 0); }

}  // namespace

SortPlan::SortPlan(const RunConfig& config)
    : a(config.fractile[0]),
      b(config.fractile[1]),
      c(config.exit_fractile ? (*config.exit_fractile)[0] : a),
      d(config.exit_fractile ? (*config.exit_fractile)[1] : b),
      input_type(config.input_type),
      double_bins(config.sort_method == SortMethod::double_ ? config.double_frac : 0),
      has_categories(!config.rank_within.empty()),
      has_references(!config.breakpoints.empty()),
      has_exit(config.exit_fractile.has_value()),
      by_rank(config.weight == Weight::rank),
      by_signal(config.weight == Weight::signal) {}

Candidates Sorter::sort_values(std::span<const double> values, RowIndex first_row, std::span<const std::int32_t> slots,
                               SortGuess& guess) {
  const Tails tails = find_tails(values, plan_.c, plan_.d, guess.stay, rank_);
  if (plan_.has_exit) mark_stays(tails, plan_.a, plan_.b, kStays, guess.enter, rank_);
  rows_.resize(tails.at.size());
  for (std::size_t i = 0; i < tails.at.size(); ++i)
    rows_[i] = first_row + (slots.empty() ? tails.at[i] : slots[static_cast<std::size_t>(tails.at[i])]);
  Candidates out{rows_, {}, tails.side, {}, 0, 0, tails.n_names};
  if (!plan_.by_rank && !plan_.by_signal) return out;
  sizes_.resize(tails.s.size());
  if (plan_.by_rank)
    size_by_rank(tails.s, tails.side, tails.n_names, sizes_.data());
  else
    size_by_signal(values, tails.s, tails.side, sizes_.data());
  out.sizes = sizes_;
  return out;
}

Candidates Sorter::sort_names(const RankedNames& names) {
  const std::size_t n = names.s.size();
  sides_.assign(n, kFlat);
  Candidates out{names.rows, {}, sides_, {}, 0, 0, n};
  if (plan_.input_type != InputType::value) {
    read_sides(names.s, plan_.input_type, sides_.data());
    if (plan_.input_type == InputType::weight) out.sizes = names.s;
    return out;
  }
  if (plan_.by_rank || plan_.by_signal) {
    sizes_.assign(n, 0.0);
    out.sizes = sizes_;
  }
  if (plan_.double_bins > 0) {
    bin_by_double_var(names);
    group_by_cell(bins_, plan_.double_bins);
  } else {
    group_by_cell(names.cells, plan_.has_categories ? names.n_cells : 1);
  }
  guesses_.resize(std::max(guesses_.size(), begin_.size()));
  for (std::size_t cell = 0; cell + 1 < begin_.size(); ++cell) {
    const auto first = static_cast<std::size_t>(begin_[cell]), last = static_cast<std::size_t>(begin_[cell + 1]);
    if (first == last) continue;
    ++out.cells_with_names;
    const auto members = std::span<const std::int32_t>(members_).subspan(first, last - first);
    values_.resize(members.size());
    for (std::size_t j = 0; j < members.size(); ++j) values_[j] = names.s[static_cast<std::size_t>(members[j])];
    references_.clear();
    for (std::size_t j = 0; j < members.size(); ++j)
      if (!plan_.has_references || names.is_reference[static_cast<std::size_t>(members[j])]) references_.push_back(values_[j]);
    sort_cell(cell, members);
  }
  if (plan_.has_categories) {
    out.cells = names.cells;
    out.n_cells = names.n_cells;
  }
  return out;
}

Candidates Sorter::sort_categories(std::span<const double> values, RowIndex first_row, const GroupedDays::Day& day,
                                   int n_categories) {
  // All arrays are by slot; sides_ ends on a whole word, which list_tails() reads.
  const std::size_t n_slots = values.size();
  sides_.assign((n_slots + 7) / 8 * 8, kFlat);
  cells_.resize(n_slots);
  if (plan_.by_rank || plan_.by_signal) sizes_.resize(n_slots);
  guesses_.resize(std::max(guesses_.size(), static_cast<std::size_t>(n_categories)));
  int with_names = 0;
  std::size_t n_names = 0, begin = 0;
  for (const GroupedDays::Run& run : day.runs) {
    const auto slots = std::span(day.slot).subspan(begin, static_cast<std::size_t>(run.end) - begin);
    begin = static_cast<std::size_t>(run.end);
    values_.resize(slots.size() + 1);
    members_.resize(slots.size() + 1);
    std::size_t n = 0;
    for (const std::int32_t slot : slots) {
      const double value = values[static_cast<std::size_t>(slot)];
      values_[n] = value;
      members_[n] = slot;
      n += value == value;
    }
    n_names += n;
    if (run.group < 0 || n == 0) continue;
    ++with_names;
    values_.resize(n);
    references_ = values_;
    const auto members = std::span<const std::int32_t>(members_).first(n);
    for (const std::int32_t slot : members) cells_[static_cast<std::size_t>(slot)] = run.group;
    sort_cell(static_cast<std::size_t>(run.group), members);
  }
  Candidates out = list_tails(first_row);
  out.n_cells = n_categories;
  out.cells_with_names = with_names;
  out.n_names = n_names;
  return out;
}

/// The slots with a side, in order. Nearly all words of eight sides are flat.
Candidates Sorter::list_tails(RowIndex first_row) {
  const bool is_sized = plan_.by_rank || plan_.by_signal;
  rows_.clear();
  tail_cells_.clear();
  tail_.clear();
  tail_sides_.clear();
  for (std::size_t first = 0; first < sides_.size(); first += 8) {
    std::uint64_t word;
    std::memcpy(&word, sides_.data() + first, sizeof word);
    while (word != 0) {
      const int byte = std::countr_zero(word) / 8;
      word &= ~(std::uint64_t{0xff} << (byte * 8));
      const std::size_t slot = first + static_cast<std::size_t>(byte);
      rows_.push_back(first_row + static_cast<RowIndex>(slot));
      tail_sides_.push_back(sides_[slot]);
      tail_cells_.push_back(cells_[slot]);
      if (is_sized) tail_.push_back(sizes_[slot]);
    }
  }
  return {rows_, tail_, tail_sides_, tail_cells_, 0, 0, 0};
}

/// A counting sort that preserves the order of names within a cell. Without cells, all names are in one.
void Sorter::group_by_cell(std::span<const Cell> cells, int n_cells) {
  begin_.assign(static_cast<std::size_t>(n_cells) + 1, 0);
  if (cells.empty() && n_cells == 1) {
    begin_[1] = static_cast<std::int32_t>(sides_.size());
    members_.resize(sides_.size());
    for (std::size_t i = 0; i < members_.size(); ++i) members_[i] = static_cast<std::int32_t>(i);
    return;
  }
  for (const Cell cell : cells)
    if (cell != kNoCell) ++begin_[static_cast<std::size_t>(cell) + 1];
  for (std::size_t cell = 0; cell + 1 < begin_.size(); ++cell) begin_[cell + 1] += begin_[cell];
  members_.resize(static_cast<std::size_t>(begin_.back()));
  for (std::size_t i = 0; i < cells.size(); ++i)
    if (cells[i] != kNoCell)
      members_[static_cast<std::size_t>(begin_[static_cast<std::size_t>(cells[i])]++)] = static_cast<std::int32_t>(i);
  for (std::size_t cell = begin_.size() - 1; cell > 0; --cell) begin_[cell] = begin_[cell - 1];
  begin_[0] = 0;
}

/// The first sort of a double sort.
void Sorter::bin_by_double_var(const RankedNames& names) {
  bins_.assign(names.s.size(), kNoCell);
  values_.clear();
  tail_names_.clear();
  references_.clear();
  for (std::size_t i = 0; i < names.s.size(); ++i) {
    const double x = names.double_values[i];
    if (x != x) continue;
    values_.push_back(x);
    tail_names_.push_back(static_cast<std::int32_t>(i));
    if (plan_.has_references && names.is_reference[i]) references_.push_back(x);
  }
  std::size_t m = values_.size();
  if (plan_.has_references) {
    m = references_.size();
    if (m == 0) return;
    std::sort(references_.begin(), references_.end());
    ranks_against(references_, values_, ranks_);
  } else {
    average_ranks(values_, rank_, ranks_);
  }
  for (std::size_t j = 0; j < values_.size(); ++j)
    bins_[static_cast<std::size_t>(tail_names_[j])] = bin_of_rank(ranks_[j], plan_.double_bins, m) - 1;
}

/// Assigns sides, and on request sizes, to names that are ranked together. values_ are theirs, references_ those they are ranked
/// against.
void Sorter::sort_cell(std::size_t cell, std::span<const std::int32_t> members) {
  if (references_.empty()) return;
  const std::size_t m = references_.size();
  const Cuts enter = find_cuts(references_, plan_.a, plan_.b, guesses_[cell].enter);
  const Cuts stay = plan_.has_exit ? find_cuts(references_, plan_.c, plan_.d, guesses_[cell].stay) : enter;
  for (std::size_t j = 0; j < members.size(); ++j) {
    const int entered = enter.side_of(values_[j]), held = stay.side_of(values_[j]);
    sides_[static_cast<std::size_t>(members[j])] = static_cast<std::int8_t>(entered != kFlat ? entered : kStays * held);
  }
  if (plan_.by_rank || plan_.by_signal) size_cell(members, m);
}

/// Assigns sizes to the names of a cell that have a side; values_ and references_ are those of the cell, m is its number of
/// ranks.
void Sorter::size_cell(std::span<const std::int32_t> members, std::size_t m) {
  tail_.clear();
  tail_sides_.clear();
  tail_names_.clear();
  for (std::size_t j = 0; j < members.size(); ++j) {
    const std::int8_t side = sides_[static_cast<std::size_t>(members[j])];
    if (side == kFlat) continue;
    tail_.push_back(values_[j]);
    tail_sides_.push_back(side);
    tail_names_.push_back(members[j]);
  }
  std::vector<double>& sizes = ranks_;
  if (plan_.by_signal) {
    sizes.resize(tail_.size());
    size_by_signal(values_, tail_, tail_sides_, sizes.data());
  } else if (plan_.has_references) {
    std::sort(references_.begin(), references_.end());
    ranks_against(references_, tail_, sizes);
    for (std::size_t j = 0; j < sizes.size(); ++j)
      sizes[j] = std::max(0.0, sign_of(tail_sides_[j]) * (sizes[j] - static_cast<double>(m + 1) / 2.0));
  } else {
    sizes.resize(tail_.size());
    size_by_rank(tail_, tail_sides_, m, sizes.data());
  }
  for (std::size_t j = 0; j < tail_.size(); ++j) sizes_[static_cast<std::size_t>(tail_names_[j])] = sizes[j];
}

/// `s`: all names beyond a cut on either side, among m names. Their ranks within a side equal their ranks among all names.
void Sorter::size_by_rank(std::span<const double> s, std::span<const std::int8_t> sides, std::size_t m, double* out) {
  const double middle = static_cast<double>(m + 1) / 2.0;
  auto& order = order_;
  for (const int sign : {-1, 1}) {
    order.clear();
    // Ranks count from the side's own end of the order.
    for (std::size_t i = 0; i < s.size(); ++i)
      if (sign_of(sides[i]) == sign) order.emplace_back(-sign * s[i], static_cast<std::int32_t>(i));
    std::sort(order.begin(), order.end());
    for (std::size_t first = 0; first < order.size();) {
      std::size_t last = first;
      while (last + 1 < order.size() && order[last + 1].first == order[first].first) ++last;
      const double from_end = static_cast<double>(first + last + 2) / 2.0;
      for (std::size_t i = first; i <= last; ++i) out[order[i].second] = std::max(0.0, middle - from_end);
      first = last + 1;
    }
  }
}

/// `all`: the names that are ranked together; NaN is skipped.
void Sorter::size_by_signal(std::span<const double> all, std::span<const double> s, std::span<const std::int8_t> sides,
                            double* out) const {
  const Spread spread = find_spread(all);
  for (std::size_t i = 0; i < s.size(); ++i) {
    const double x = sign_of(sides[i]) * (s[i] * spread.unit - spread.mean);
    out[i] = x > kRounding * spread.largest ? x : 0.0;
  }
}

void Sorter::rank_all(const RankedNames& names, std::vector<double>& r, std::vector<double>& m) {
  const std::size_t n = names.s.size();
  r.assign(n, kNaN);
  m.assign(n, 0.0);
  sides_.assign(n, kFlat);
  group_by_cell(names.cells, plan_.has_categories ? names.n_cells : 1);
  for (std::size_t cell = 0; cell + 1 < begin_.size(); ++cell) {
    values_.clear();
    references_.clear();
    for (std::int32_t k = begin_[cell]; k < begin_[cell + 1]; ++k) {
      const auto i = static_cast<std::size_t>(members_[static_cast<std::size_t>(k)]);
      values_.push_back(names.s[i]);
      if (!plan_.has_references || names.is_reference[i]) references_.push_back(names.s[i]);
    }
    if (references_.empty()) continue;
    if (plan_.has_references) {
      std::sort(references_.begin(), references_.end());
      ranks_against(references_, values_, ranks_);
    } else {
      average_ranks(values_, rank_, ranks_);
    }
    for (std::size_t j = 0; j < values_.size(); ++j) {
      const auto i = static_cast<std::size_t>(members_[static_cast<std::size_t>(begin_[cell]) + j]);
      r[i] = ranks_[j];
      m[i] = static_cast<double>(references_.size());
    }
  }
}

}  // namespace fractile
