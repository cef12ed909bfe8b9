// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "engine/portfolio/weigher.hpp"

#include <algorithm>
#include <cmath>

#include "engine/panel/as_of.hpp"
#include "fractile/types.hpp"

namespace fractile {

Weigher::Weigher(const PanelView& panel, const RunConfig& config)
    : panel_(panel), config_(config), scheme_(find_weight_scheme(config.weight)) {
  if (scheme_.column) {
    panel.require(scheme_.column, scheme_.option);
    size_ = panel.reals(scheme_.column);
  }
  has_sizes_ = config.input_type == InputType::weight || scheme_.size != SizeSource::panel;
}

bool Weigher::has_enough(const Book& book) const noexcept {
  if (book.n_long < config_.mincos) return false;
  return config_.method == Method::long_only || book.n_short >= config_.mincos;
}

int Weigher::choose(const SidedNames& names, DateIndex n, Book& book) const {
  book.clear();
  int without_size = 0;
  if (size_)
    without_size = take_weighted(names, n, book);
  else if (has_sizes_)
    take(names, [sizes = names.sizes](std::size_t i) { return std::fabs(sizes[i]); }, book);
  else
    take(names, [](std::size_t) { return 1.0; }, book);
  if (!has_enough(book)) book.clear();
  return without_size;
}

void Weigher::weigh(Book& book) {
  if (book.is_flat()) return;
  if (is_weighted())
    set_weights(book);
  else
    set_equal_weights(book);
  if (is_weighted() && config_.max_weight < 1.0) {
    cap_side(true, book);
    cap_side(false, book);
  }
  look_up_rows(book);
}

/// Takes the names with a side and a size as weights; weigh() scales them later. A loop without branches.
template <class SizeOf>
void Weigher::take(const SidedNames& names, SizeOf&& size_of, Book& book) const {
  const int shortest = config_.method == Method::long_only ? kLong : kShort;
  const bool has_securities = !names.securities.empty();
  book.row.resize(names.rows.size());
  book.weight.resize(names.rows.size());
  if (has_securities) book.security.resize(names.rows.size());
  std::size_t kept = 0;
  int n_long = 0;
  for (std::size_t i = 0; i < names.rows.size(); ++i) {
    const int side = names.sides[i];
    const double size = size_of(i);
    book.row[kept] = names.rows[i];
    book.weight[kept] = side * size;
    if (has_securities) book.security[kept] = names.securities[i];
    const bool is_held = (side != kFlat) & (side >= shortest) & (size != 0.0);
    n_long += is_held & (side == kLong);
    kept += is_held;
  }
  book.row.resize(kept);
  book.weight.resize(kept);
  if (has_securities) book.security.resize(kept);
  book.n_long = n_long;
  book.n_short = static_cast<int>(kept) - n_long;
}

int Weigher::take_weighted(const SidedNames& names, DateIndex n, Book& book) const {
  const bool long_only = config_.method == Method::long_only;
  const AsOf as_of(panel_, config_);
  int without_size = 0;
  for (std::size_t i = 0; i < names.rows.size(); ++i) {
    const std::int8_t side = names.sides[i];
    if (side == kFlat || (long_only && side == kShort)) continue;
    const RowIndex row = names.rows[i];
    const RowIndex asof = as_of.find_row(row, n);
    const double magnitude = asof == kNoRow ? kNaN : size_[asof];
    if (!(magnitude > 0.0)) {
      ++without_size;
      continue;
    }
    book.row.push_back(row);
    book.weight.push_back(side * magnitude);
    if (!names.securities.empty()) book.security.push_back(names.securities[i]);
    ++(side == kLong ? book.n_long : book.n_short);
  }
  return without_size;
}

void Weigher::set_equal_weights(Book& book) noexcept {
  const double of_long = 1.0 / book.n_long, of_short = -1.0 / book.n_short;
  for (double& w : book.weight) w = w > 0.0 ? of_long : of_short;
}

/// Scales the weights, so that those of each side sum to 1 or -1.
void Weigher::set_weights(Book& book) {
  if (scheme_.is_clipped) {
    clip_side(true, book);
    clip_side(false, book);
  }
  double sum_long = 0.0, sum_short = 0.0;
  const auto add_up = [&] {
    sum_long = sum_short = 0.0;
    for (const double w : book.weight) {
      sum_short += std::signbit(w) ? -w : 0.0;
      sum_long += std::signbit(w) ? 0.0 : w;
    }
  };
  add_up();
  if (std::isinf(sum_long) || std::isinf(sum_short)) {
    // Weights near the largest double overflow their sum. Divided by 2^64, no number of names can make the sum overflow.
    for (double& w : book.weight) w = std::ldexp(w, -64);
    add_up();
  }
  // The sign bit gives the side even if a weight has become 0.
  for (double& w : book.weight) w /= std::signbit(w) ? sum_short : sum_long;
}

void Weigher::look_up_rows(Book& book) const {
  book.security.resize(book.row.size());
  book.previous.resize(book.row.size());
  for (std::size_t i = 0; i < book.row.size(); ++i) book.security[i] = panel_.security_of_row(book.row[i]);
  for (std::size_t i = 0; i < book.row.size(); ++i) book.previous[i] = panel_.previous_row(book.row[i]);
}

void Weigher::clip_side(bool is_long, Book& book) {
  side_values_.clear();
  for (const double w : book.weight)
    if ((w > 0.0) == is_long) side_values_.push_back(std::fabs(w));
  if (side_values_.empty()) return;
  const double q = config_.upper_pct / 100.0;
  const double low = quantile(side_values_, 1.0 - q), high = quantile(side_values_, q);
  for (double& w : book.weight)
    if ((w > 0.0) == is_long) w = std::copysign(std::clamp(std::fabs(w), low, std::max(low, high)), w);
}

/// Sets weights above the cap to the cap, and scales up the others in proportion until no weight is above it.
void Weigher::cap_side(bool is_long, Book& book) {
  const double cap = config_.max_weight;
  side_places_.clear();
  bool is_any_above = false;
  for (std::size_t i = 0; i < book.weight.size(); ++i) {
    if (std::signbit(book.weight[i]) == is_long) continue;
    side_places_.push_back(i);
    is_any_above |= std::fabs(book.weight[i]) > cap;
  }
  if (!is_any_above) return;
  const auto n = static_cast<double>(side_places_.size());
  const auto set = [&](std::size_t i, double size) { book.weight[i] = is_long ? size : -size; };
  if (n * cap <= 1.0) {
    for (const std::size_t i : side_places_) set(i, 1.0 / n);
    return;
  }
  double growth = 1.0;
  for (std::size_t n_capped = 0;;) {
    double rest = 0.0;
    std::size_t n_above = 0;
    for (const std::size_t i : side_places_) {
      const double size = std::fabs(book.weight[i]);
      if (growth * size > cap)
        ++n_above;
      else
        rest += size;
    }
    if (n_above == n_capped || !(rest > 0.0)) break;
    n_capped = n_above;
    growth = std::max(growth, (1.0 - cap * static_cast<double>(n_capped)) / rest);
  }
  for (const std::size_t i : side_places_) set(i, std::min(cap, growth * std::fabs(book.weight[i])));
}

double quantile(std::vector<double>& values, double q) {
  const double place = q * static_cast<double>(values.size() - 1);
  const auto below = static_cast<std::size_t>(place);
  const double share = place - static_cast<double>(below);
  const auto at = values.begin() + static_cast<std::ptrdiff_t>(below);
  std::nth_element(values.begin(), at, values.end());
  const double a = *at;
  if (share == 0.0 || below + 1 >= values.size()) return a;
  const double b = *std::min_element(at + 1, values.end());
  return a + (b - a) * share;
}

}  // namespace fractile
