// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "stats/resampled_means.hpp"

#include <algorithm>
#include <array>
#include <vector>

#include "parallel/workers.hpp"
#include "stats/moments.hpp"

namespace fractile {
namespace {

constexpr std::size_t kSeries = 8;         // adjacent in a strip
constexpr std::size_t kDraws = 4;          // multiplied together
constexpr std::size_t kMeansPerTask = 32;  // whose counts stay in the second-level cache

/// The frame less its means, as strips of kSeries series. The product reads a strip from front to end.
std::vector<double> centred_strips(const Frame& frame, int threads) {
  const std::size_t n_strips = (frame.series + kSeries - 1) / kSeries;
  std::vector<double> strips(n_strips * frame.periods * kSeries, 0.0);
  parallel_for(threads, static_cast<int>(n_strips), [&](int task, int) {
    const auto strip = static_cast<std::size_t>(task);
    for (std::size_t k = 0; k < kSeries && strip * kSeries + k < frame.series; ++k) {
      const std::vector<double> column = frame.column(strip * kSeries + k);
      const double centre = mean(column);
      for (std::size_t t = 0; t < frame.periods; ++t) strips[(strip * frame.periods + t) * kSeries + k] = column[t] - centre;
    }
  });
  return strips;
}

/// The number of times that each draw of a block takes each period; the counts of kDraws draws are adjacent.
class Counts {
 public:
  explicit Counts(std::size_t periods) : periods_(periods), index_(periods), counts_(kMeansPerTask * periods) {}

  void fill(std::int64_t first, std::int64_t last, const Resampling& resampling) {
    std::fill(counts_.begin(), counts_.end(), 0.0);
    for (std::int64_t draw = first; draw < last; ++draw) {
      fill_stationary(index_, resampling.block, resampling.seed, static_cast<std::uint64_t>(draw));
      const auto d = static_cast<std::size_t>(draw - first);
      double* const group = counts_.data() + d / kDraws * periods_ * kDraws + d % kDraws;
      for (const std::uint32_t t : index_) group[t * kDraws] += 1.0;
    }
  }
  const double* group(std::size_t g) const noexcept { return counts_.data() + g * periods_ * kDraws; }

 private:
  std::size_t periods_;
  std::vector<std::uint32_t> index_;
  std::vector<double> counts_;
};

/// Multiplies counts and a strip. Sums run over the periods in order, so that no bit depends on the width of vectors.
std::array<double, kDraws * kSeries> multiply(const double* counts, const double* strip, std::size_t periods) noexcept {
  std::array<double, kDraws * kSeries> sum{};
  for (std::size_t t = 0; t < periods; ++t, counts += kDraws, strip += kSeries)
    for (std::size_t d = 0; d < kDraws; ++d)
      for (std::size_t k = 0; k < kSeries; ++k) sum[d * kSeries + k] += counts[d] * strip[k];
  return sum;
}

}  // namespace

void resample_means(const Frame& frame, const Resampling& resampling, const Workers& workers, const DrawConsumer& consume) {
  const std::vector<double> strips = centred_strips(frame, workers.threads);
  const std::size_t n_strips = (frame.series + kSeries - 1) / kSeries;
  const auto per_task = static_cast<std::int64_t>(kMeansPerTask);
  const auto body = [&](int task, int) {
    Counts counts(frame.periods);
    const std::int64_t first = task * per_task, last = std::min(first + per_task, resampling.draws);
    counts.fill(first, last, resampling);
    std::vector<double> means(kMeansPerTask * frame.series);
    for (std::size_t strip = 0; strip < n_strips; ++strip) {
      const std::size_t from = strip * kSeries, n = std::min(kSeries, frame.series - from);
      for (std::size_t g = 0; g < kMeansPerTask / kDraws; ++g) {
        const auto sum = multiply(counts.group(g), strips.data() + strip * frame.periods * kSeries, frame.periods);
        for (std::size_t d = 0; d < kDraws; ++d)
          for (std::size_t k = 0; k < n; ++k)
            means[(g * kDraws + d) * frame.series + from + k] = sum[d * kSeries + k] / static_cast<double>(frame.periods);
      }
    }
    for (std::int64_t draw = first; draw < last; ++draw)
      consume(draw, {means.data() + static_cast<std::size_t>(draw - first) * frame.series, frame.series});
  };
  parallel_for(workers.threads, static_cast<int>((resampling.draws + per_task - 1) / per_task), body, workers.poll);
}

}  // namespace fractile
