// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <type_traits>
#include <vector>

/// The ranks of a series, and those of any part of it without a sort.
namespace fractile {

/// The number of a value that is missing.
inline constexpr std::int32_t kNoRank = -1;

/// A day with fewer names has no rank correlation (methodology section 8).
inline constexpr std::int32_t kMinCorrelatedNames = 10;

/// What `tied` equal values take from twelve times the sum of squared ranks about their mean.
constexpr std::int64_t tie_loss(std::int64_t tied) noexcept { return tied * tied * tied - tied; }

/// Memory for the counts of `n` values, in whole vectors of eight.
constexpr std::size_t padded_counts(std::size_t n) noexcept {
  constexpr std::size_t kLanes = 8;
  return (n + kLanes - 1) / kLanes * kLanes;
}

/// The sum of tie_loss() of counts. `n` is one of padded_counts().
template <class Count>
std::int64_t sum_tie_losses(const Count* counts, std::size_t n) noexcept;

/// Turns counts of values into twice their average rank, less 1 and less `centre`: 2 * below + count - centre, modulo the range
/// of the type. `n` is one of padded_counts(). The counts together must not be above the largest signed number.
void to_twice_ranks(std::uint16_t* counts, std::size_t n, std::uint16_t centre) noexcept;
void to_twice_ranks(std::uint32_t* counts, std::size_t n, std::uint32_t centre) noexcept;

/// Places in an order whose values are equal.
struct TiedPlaces {
  std::int32_t begin, end;
};

/// Ranks by the number of a value: twice the average rank, less the mean of all, and 0 for kNoRank.
template <class Number>
struct CentredRanks {
  const Number* of_number = nullptr;
  std::int64_t squares = 0;  ///< their sum over the names
};

/// The correlation of two lists of such ranks; NaN if one is constant. All sums are whole numbers, so it has the same bits in
/// every order of the names.
double correlate_centred(std::int64_t products, std::int64_t squares_a, std::int64_t squares_b) noexcept;

/// A series as whole numbers in the order of its values, equal for equal values. `Number` is std::int16_t or std::int32_t: the
/// counts of a day of several thousand names in 16 bits fit into the first-level cache.
template <class Number>
class RankedSeries {
 public:
  /// The largest number of names and of numbers.
  static constexpr std::size_t kMaxNames = std::numeric_limits<Number>::max();
  /// `numbers`: from 0 to n_numbers - 1, none missing. O(names + n_numbers).
  void set(std::span<const Number> numbers, std::int32_t n_numbers);
  /// The same for the numbers 0 to n_names - 1, each once, but that a tie has the number of its first place.
  void set_places(std::int32_t n_names, std::span<const TiedPlaces> ties);
  std::int32_t names() const noexcept { return names_; }
  /// The ranks of all names.
  CentredRanks<Number> all() const noexcept { return {centred_.data() + 1, sum_squares(names_, ties_)}; }
  /// The ranks that the others have without the names whose numbers are `gone`. `out`: their memory. O(n_numbers + gone).
  CentredRanks<Number> without(std::span<const Number> gone, std::vector<Number>& out) const;

 private:
  using Count = std::make_unsigned_t<Number>;
  static std::int64_t sum_squares(std::int64_t n, std::int64_t ties) noexcept { return (n * n * n - n - ties) / 3; }
  std::int64_t rank(std::span<const Number> gone, std::vector<Number>& out) const;

  std::int32_t names_ = 0;
  std::int64_t ties_ = 0;        // what equal values take from the sum of squares
  std::vector<Count> counts_;    // by number
  std::vector<Number> centred_;  // by number + 1
};

extern template class RankedSeries<std::int16_t>;
extern template class RankedSeries<std::int32_t>;

}  // namespace fractile
