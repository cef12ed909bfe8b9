// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <utility>

#include "engine/portfolio/rank.hpp"

namespace fractile {
namespace {

using Key = RankScratch::Key;

constexpr int kDigitBits = 11;
constexpr std::size_t kDigits = std::size_t{1} << kDigitBits;
constexpr std::array<int, 3> kShifts{31, 42, 53};  // the highest 33 bits, three digits
constexpr std::size_t kFewValues = 256;            // comparisons are faster below
constexpr std::size_t kBuckets = 4096;             // about one name each, for the names of one day

bool is_below(const Key& a, const Key& b) noexcept { return a.key < b.key; }

/// Maps doubles to whole numbers in the same order; 0 and -0 map to one number.
std::uint64_t to_key(double value) noexcept {
  const auto bits = std::bit_cast<std::uint64_t>(value + 0.0);
  return bits >> 63 ? ~bits : bits | (std::uint64_t{1} << 63);
}

/// Sorts keys that are in order except for their low bits. Gives up after a number of moves that is linear in the keys.
bool sort_neighbours(std::vector<Key>& keys) {
  std::size_t moves = 4 * keys.size();
  for (std::size_t i = 1; i < keys.size(); ++i) {
    const Key taken = keys[i];
    std::size_t j = i;
    for (; j > 0 && taken.key < keys[j - 1].key; --j) {
      if (moves-- == 0) {
        keys[j] = taken;
        return false;
      }
      keys[j] = keys[j - 1];
    }
    keys[j] = taken;
  }
  return true;
}

/// A radix sort by the highest bits, and insertion for the others.
void sort_keys(std::vector<Key>& keys, std::vector<Key>& buffer) {
  if (keys.size() < kFewValues) {
    std::sort(keys.begin(), keys.end(), is_below);
    return;
  }
  std::array<std::array<std::uint32_t, kDigits>, kShifts.size()> counts{};
  for (const Key& key : keys)
    for (std::size_t pass = 0; pass < kShifts.size(); ++pass) ++counts[pass][(key.key >> kShifts[pass]) % kDigits];
  buffer.resize(keys.size());
  for (std::size_t pass = 0; pass < kShifts.size(); ++pass) {
    auto& begin = counts[pass];
    std::uint32_t next = 0;
    for (std::uint32_t& count : begin) next += std::exchange(count, next);
    for (const Key& key : keys) buffer[begin[(key.key >> kShifts[pass]) % kDigits]++] = key;
    keys.swap(buffer);
  }
  if (!sort_neighbours(keys)) std::sort(keys.begin(), keys.end(), is_below);
}

/// Equal parts of the range of the values, about one value each. The range comes from a sample; what lies beyond it is in the
/// first or the last part.
struct Parts {
  double low = 0.0;
  double scale = 0.0;  ///< parts per unit; 0 or not finite: the sample has no range

  explicit Parts(std::span<const double> values) {
    constexpr std::size_t kSample = 32, kNearLow = 4;
    std::array<double, kSample> sample;
    for (std::size_t i = 0; i < kSample; ++i) sample[i] = values[i * values.size() / kSample];
    std::sort(sample.begin(), sample.end());
    // The range reaches as far beyond these two as they are apart: 3.5 standard deviations of a normal distribution.
    const double near_low = sample[kNearLow], near_high = sample[kSample - 1 - kNearLow];
    low = near_low - (near_high - near_low);
    scale = static_cast<double>(kBuckets) / (3.0 * (near_high - near_low));
  }
  bool are_usable() const noexcept { return std::isfinite(scale) && scale > 0.0 && std::isfinite(low); }
  /// Rounding is monotonic: a larger value is never in a lower part.
  void find(std::span<const double> values, std::int32_t* out) const noexcept {
    for (std::size_t i = 0; i < values.size(); ++i) {
      const double place = (values[i] - low) * scale;
      out[i] = static_cast<std::int32_t>(std::min(std::max(place, 0.0), static_cast<double>(kBuckets - 1)));
    }
  }
};

/// Puts the keys of the values into parts of their range, which insertion then sorts. Gives up if the values fill few parts.
bool sort_by_range(std::span<const double> values, RankScratch& scratch) {
  if (values.size() < kFewValues) return false;
  const Parts parts(values);
  if (!parts.are_usable()) return false;
  std::vector<Key>& keys = scratch.order;
  scratch.parts.resize(values.size());
  parts.find(values, scratch.parts.data());
  std::array<std::uint32_t, kBuckets> begin{};
  for (const std::int32_t part : scratch.parts) ++begin[static_cast<std::size_t>(part)];
  const std::uint32_t n_first = begin.front(), n_last = begin.back();
  std::uint32_t next = 0;
  for (std::uint32_t& count : begin) next += std::exchange(count, next);
  for (std::size_t i = 0; i < values.size(); ++i)
    keys[begin[static_cast<std::size_t>(scratch.parts[i])]++] = {to_key(values[i]), static_cast<std::int32_t>(i)};
  std::sort(keys.begin(), keys.begin() + n_first, is_below);
  std::sort(keys.end() - n_last, keys.end(), is_below);
  return sort_neighbours(keys);
}

}  // namespace

void average_ranks(std::span<const double> values, RankScratch& scratch, std::vector<double>& out) {
  auto& order = scratch.order;
  order.resize(values.size());
  if (!sort_by_range(values, scratch)) {
    for (std::size_t i = 0; i < values.size(); ++i) order[i] = {to_key(values[i]), static_cast<std::int32_t>(i)};
    sort_keys(order, scratch.unsorted);
  }
  out.resize(values.size());
  for (std::size_t first = 0; first < order.size();) {
    std::size_t end = first + 1;
    while (end < order.size() && order[end].key == order[first].key) ++end;
    const double rank = static_cast<double>(first + end + 1) / 2.0;
    for (std::size_t i = first; i < end; ++i) out[static_cast<std::size_t>(order[i].at)] = rank;
    first = end;
  }
}

}  // namespace fractile
