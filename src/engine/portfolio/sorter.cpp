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

/// The first n entries of an array that grows but never shrinks, so that no entry is cleared in vain.
template <class T>
std::span<T> room(std::vector<T>& array, std::size_t n) {
  if (array.size() < n) array.resize(n);
  return std::span(array).first(n);
}

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
      size(find_weight_scheme(config.weight).size) {}

Candidates Sorter::sort_values(std::span<const double> values, RowIndex first_row, std::span<const std::int32_t> slots,
                               SortGuess& guess) {
  const Tails tails = find_tails(values, plan_.c, plan_.d, guess.stay, rank_);
  if (plan_.has_exit) mark_stays(tails, plan_.a, plan_.b, kStays, guess.enter, rank_);
  rows_.resize(tails.at.size());
  for (std::size_t i = 0; i < tails.at.size(); ++i)
    rows_[i] = first_row + (slots.empty() ? tails.at[i] : slots[static_cast<std::size_t>(tails.at[i])]);
  Candidates out{rows_, {}, tails.side, {}, 0, 0, tails.n_names};
  if (!has_sizes()) return out;
  sizes_.resize(tails.s.size());
  size_names(values, tails.s, tails.side, tails.n_names, sizes_.data());
  out.sizes = sizes_;
  return out;
}

Candidates Sorter::sort_names(const RankedNames& names) {
  const std::size_t n = names.s.size();
  prepare(n);
  if (plan_.input_type != InputType::value) {
    read_sides(names.s, plan_.input_type, sides_.data());
    const std::span<const double> sizes = plan_.input_type == InputType::weight ? names.s : std::span<const double>();
    return {names.rows, sizes, std::span(sides_).first(n), {}, 0, 0, n};
  }
  int with_names = 0;
  if (plan_.double_bins == 0 && !plan_.has_categories) {
    set_references(names.s, {}, names.is_reference);
    sort_cell(0, names.s, {});
  } else {
    if (plan_.double_bins > 0) {
      bin_by_double_var(names);
      group_by_cell(bins_, plan_.double_bins);
    } else {
      group_by_cell(names.cells, names.n_cells);
    }
    for (std::size_t cell = 0; cell + 1 < begin_.size(); ++cell) {
      const auto first = static_cast<std::size_t>(begin_[cell]), last = static_cast<std::size_t>(begin_[cell + 1]);
      if (first == last) continue;
      ++with_names;
      const auto members = std::span<const std::int32_t>(members_).subspan(first, last - first);
      const std::span<double> values = room(values_, members.size());
      for (std::size_t j = 0; j < members.size(); ++j) values[j] = names.s[static_cast<std::size_t>(members[j])];
      set_references(values, members, names.is_reference);
      sort_cell(cell, values, members);
    }
  }
  Candidates out = list_tails(names.cells, [&](std::size_t i) { return names.rows[i]; });
  out.n_cells = plan_.has_categories ? names.n_cells : 0;
  out.cells_with_names = with_names;
  out.n_names = n;
  return out;
}

Candidates Sorter::sort_categories(std::span<const double> values, RowIndex first_row, const GroupedDays::Day& day,
                                   int n_categories) {
  // sides_, sizes_ and cells_ are by slot.
  prepare(values.size());
  const std::span<Cell> cells = room(cells_, values.size());
  int with_names = 0;
  std::size_t n_names = 0, begin = 0;
  for (const GroupedDays::Run& run : day.runs) {
    const auto slots = std::span(day.slot).subspan(begin, static_cast<std::size_t>(run.end) - begin);
    begin = static_cast<std::size_t>(run.end);
    double* const numbers = room(values_, slots.size() + 1).data();
    double* const references = room(reference_values_, slots.size() + 1).data();
    std::int32_t* const members = room(members_, slots.size() + 1).data();
    std::size_t n = 0;
    for (const std::int32_t slot : slots) {
      const double value = values[static_cast<std::size_t>(slot)];
      numbers[n] = references[n] = value;
      members[n] = slot;
      n += value == value;
    }
    n_names += n;
    if (run.group < 0 || n == 0) continue;
    ++with_names;
    references_ = {references, n};
    for (std::size_t j = 0; j < n; ++j) cells[static_cast<std::size_t>(members[j])] = run.group;
    sort_cell(static_cast<std::size_t>(run.group), {numbers, n}, {members, n});
  }
  Candidates out = list_tails(cells, [&](std::size_t slot) { return first_row + static_cast<RowIndex>(slot); });
  out.n_cells = n_categories;
  out.cells_with_names = with_names;
  out.n_names = n_names;
  return out;
}

/// Makes n flat sides, and room for sizes. sides_ ends on a whole word, which list_tails() reads.
void Sorter::prepare(std::size_t n) {
  sides_.assign((n + 7) / 8 * 8, kFlat);
  if (has_sizes()) room(sizes_, n);
}

/// Lists the names with a side, in order. Nearly all words of eight sides are flat. `cells`: by name, or empty.
template <class RowOf>
Candidates Sorter::list_tails(std::span<const Cell> cells, RowOf&& row_of) {
  const bool is_sized = has_sizes(), has_cells = plan_.has_categories;
  RowIndex* const rows = room(rows_, sides_.size()).data();
  std::int8_t* const sides = room(tail_sides_, sides_.size()).data();
  Cell* const tail_cells = has_cells ? room(tail_cells_, sides_.size()).data() : nullptr;
  double* const sizes = is_sized ? room(tail_, sides_.size()).data() : nullptr;
  std::size_t n = 0;
  for (std::size_t first = 0; first < sides_.size(); first += 8) {
    std::uint64_t word;
    std::memcpy(&word, sides_.data() + first, sizeof word);
    while (word != 0) {
      const int byte = std::countr_zero(word) / 8;
      word &= ~(std::uint64_t{0xff} << (byte * 8));
      const std::size_t at = first + static_cast<std::size_t>(byte);
      rows[n] = row_of(at);
      sides[n] = sides_[at];
      if (has_cells) tail_cells[n] = cells[at];
      if (is_sized) sizes[n] = sizes_[at];
      ++n;
    }
  }
  return {{rows, n}, {sizes, is_sized ? n : 0}, {sides, n}, {tail_cells, has_cells ? n : 0}, 0, 0, 0};
}

/// A counting sort that preserves the order of names within a cell.
void Sorter::group_by_cell(std::span<const Cell> cells, int n_cells) {
  begin_.assign(static_cast<std::size_t>(n_cells) + 1, 0);
  for (const Cell cell : cells)
    if (cell != kNoCell) ++begin_[static_cast<std::size_t>(cell) + 1];
  for (std::size_t cell = 0; cell + 1 < begin_.size(); ++cell) begin_[cell + 1] += begin_[cell];
  room(members_, static_cast<std::size_t>(begin_.back()));
  for (std::size_t i = 0; i < cells.size(); ++i)
    if (cells[i] != kNoCell)
      members_[static_cast<std::size_t>(begin_[static_cast<std::size_t>(cells[i])]++)] = static_cast<std::int32_t>(i);
  for (std::size_t cell = begin_.size() - 1; cell > 0; --cell) begin_[cell] = begin_[cell - 1];
  begin_[0] = 0;
}

/// The first sort of a double sort.
void Sorter::bin_by_double_var(const RankedNames& names) {
  bins_.assign(names.s.size(), kNoCell);
  const std::span<double> values = room(values_, names.s.size());
  const std::span<std::int32_t> places = room(tail_names_, names.s.size());
  std::size_t n = 0;
  for (std::size_t i = 0; i < names.s.size(); ++i) {
    values[n] = names.double_values[i];
    places[n] = static_cast<std::int32_t>(i);
    n += values[n] == values[n];
  }
  const std::size_t m = rank_members(values.first(n), places.first(n), names.is_reference);
  if (m == 0) return;
  for (std::size_t j = 0; j < n; ++j)
    bins_[static_cast<std::size_t>(places[j])] = bin_of_rank(ranks_[j], plan_.double_bins, m) - 1;
}

/// Makes references_ the values that others are ranked against: with breakpoints, those of reference names. `members`: the names
/// of the values, without which names have the values in order.
void Sorter::set_references(std::span<const double> values, std::span<const std::int32_t> members,
                            std::span<const std::uint8_t> is_reference) {
  double* const out = room(reference_values_, values.size() + 1).data();
  std::size_t m = values.size();
  if (!plan_.has_references) {
    std::copy(values.begin(), values.end(), out);
  } else {
    m = 0;
    for (std::size_t j = 0; j < values.size(); ++j) {
      out[m] = values[j];
      m += is_reference[members.empty() ? j : static_cast<std::size_t>(members[j])];
    }
  }
  references_ = {out, m};
}

/// Writes the ranks of values to ranks_, unless it returns 0: the number of values that they are ranked against.
std::size_t Sorter::rank_members(std::span<const double> values, std::span<const std::int32_t> members,
                                 std::span<const std::uint8_t> is_reference) {
  if (!plan_.has_references) {
    average_ranks(values, rank_, ranks_);
    return values.size();
  }
  set_references(values, members, is_reference);
  std::sort(references_.begin(), references_.end());
  if (!references_.empty()) ranks_against(references_, values, ranks_);
  return references_.size();
}

/// Assigns sides, and on request sizes, to names that are ranked together against references_. `members`: the names of the
/// values, without which all names have the values in order.
void Sorter::sort_cell(std::size_t cell, std::span<const double> values, std::span<const std::int32_t> members) {
  if (references_.empty()) return;
  if (guesses_.size() <= cell) guesses_.resize(cell + 1);
  // Not the member: a side is a byte, which might be anything that the loop reads.
  std::int8_t* const sides = sides_.data();
  const auto assign = [&](const auto& side_of) {
    if (members.empty())
      for (std::size_t j = 0; j < values.size(); ++j) sides[j] = static_cast<std::int8_t>(side_of(values[j]));
    else
      for (std::size_t j = 0; j < values.size(); ++j)
        sides[static_cast<std::size_t>(members[j])] = static_cast<std::int8_t>(side_of(values[j]));
  };
  const Cuts enter = find_cuts(references_, plan_.a, plan_.b, guesses_[cell].enter);
  if (plan_.has_exit) {
    const Cuts stay = find_cuts(references_, plan_.c, plan_.d, guesses_[cell].stay);
    assign([&](double s) {
      const int entered = enter.side_of(s);
      return entered != kFlat ? entered : kStays * stay.side_of(s);
    });
  } else {
    assign([&](double s) { return enter.side_of(s); });
  }
  if (has_sizes()) size_cell(values, members);
}

/// Assigns sizes to the names of a cell that have a side.
void Sorter::size_cell(std::span<const double> values, std::span<const std::int32_t> members) {
  tail_.clear();
  tail_sides_.clear();
  tail_names_.clear();
  for (std::size_t j = 0; j < values.size(); ++j) {
    const std::int32_t name = members.empty() ? static_cast<std::int32_t>(j) : members[j];
    const std::int8_t side = sides_[static_cast<std::size_t>(name)];
    if (side == kFlat) continue;
    tail_.push_back(values[j]);
    tail_sides_.push_back(side);
    tail_names_.push_back(name);
  }
  tail_sizes_.resize(tail_.size());
  size_names(values, tail_, tail_sides_, references_.size(), tail_sizes_.data());
  for (std::size_t j = 0; j < tail_.size(); ++j) sizes_[static_cast<std::size_t>(tail_names_[j])] = tail_sizes_[j];
}

/// `all`: the names that are ranked together, m of them as references; `s`, `sides`: those that have a side.
void Sorter::size_names(std::span<const double> all, std::span<const double> s, std::span<const std::int8_t> sides, std::size_t m,
                        double* out) {
  switch (plan_.size) {
    case SizeSource::panel: return;
    case SizeSource::signal: return size_by_signal(all, s, sides, out);
    case SizeSource::rank: return plan_.has_references ? size_by_reference(s, sides, out) : size_by_rank(s, sides, m, out);
  }
}

void Sorter::size_by_reference(std::span<const double> s, std::span<const std::int8_t> sides, double* out) {
  std::sort(references_.begin(), references_.end());
  ranks_against(references_, s, ranks_);
  const double middle = static_cast<double>(references_.size() + 1) / 2.0;
  for (std::size_t i = 0; i < s.size(); ++i) out[i] = std::max(0.0, sign_of(sides[i]) * (ranks_[i] - middle));
}

/// `s`: all names beyond a cut on either side, among m names. Their ranks within a side equal their ranks among all names.
void Sorter::size_by_rank(std::span<const double> s, std::span<const std::int8_t> sides, std::size_t m, double* out) {
  const double middle = static_cast<double>(m + 1) / 2.0;
  const std::span<double> of_side = room(side_values_, s.size() + 1);
  const std::span<std::int32_t> places = room(side_places_, s.size() + 1);
  for (const int sign : {-1, 1}) {
    std::size_t n = 0;
    // Ranks count from the side's own end of the order.
    for (std::size_t i = 0; i < s.size(); ++i) {
      of_side[n] = -sign * s[i];
      places[n] = static_cast<std::int32_t>(i);
      n += sign_of(sides[i]) == sign;
    }
    average_ranks(of_side.first(n), rank_, ranks_);
    for (std::size_t k = 0; k < n; ++k) out[static_cast<std::size_t>(places[k])] = std::max(0.0, middle - ranks_[k]);
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
  r.assign(names.s.size(), kNaN);
  m.assign(names.s.size(), 0.0);
  if (!plan_.has_categories) {
    const std::size_t n_ranked = rank_members(names.s, {}, names.is_reference);
    if (n_ranked == 0) return;
    std::copy(ranks_.begin(), ranks_.end(), r.begin());
    std::fill(m.begin(), m.end(), static_cast<double>(n_ranked));
    return;
  }
  group_by_cell(names.cells, names.n_cells);
  for (std::size_t cell = 0; cell + 1 < begin_.size(); ++cell) {
    const auto first = static_cast<std::size_t>(begin_[cell]), last = static_cast<std::size_t>(begin_[cell + 1]);
    const auto members = std::span<const std::int32_t>(members_).subspan(first, last - first);
    const std::span<double> values = room(values_, members.size());
    for (std::size_t j = 0; j < members.size(); ++j) values[j] = names.s[static_cast<std::size_t>(members[j])];
    const std::size_t n_ranked = rank_members(values, members, names.is_reference);
    for (std::size_t j = 0; n_ranked > 0 && j < members.size(); ++j) {
      r[static_cast<std::size_t>(members[j])] = ranks_[j];
      m[static_cast<std::size_t>(members[j])] = static_cast<double>(n_ranked);
    }
  }
}

}  // namespace fractile
