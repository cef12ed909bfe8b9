// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
//
// Benchmarks of the loops of a day (google-benchmark). Each compares its answer with a plain loop before the timing.
#include "engine/kernels/kernels.hpp"

#include <benchmark/benchmark.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

#include "engine/portfolio/rank.hpp"

namespace fractile {
namespace {

constexpr std::size_t kSlots = 5000;  // a day of the benchmark markets
constexpr double kCovered = 0.52;

std::vector<double> make_slots() {
  std::mt19937_64 random(1);
  std::normal_distribution<double> normal;
  std::uniform_real_distribution<double> uniform;
  std::vector<double> slots(kSlots);
  for (double& x : slots) x = uniform(random) < kCovered ? normal(random) : std::nan("");
  return slots;
}

void require(bool is_right, benchmark::State& state) {
  if (!is_right) state.SkipWithError("wrong answer");
}

void count(benchmark::State& state, std::size_t items) {
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(items));
}

void pack(benchmark::State& state) {
  const std::vector<double> slots = make_slots();
  std::vector<double> expected, out(kSlots + kKernelPadding);
  std::copy_if(slots.begin(), slots.end(), std::back_inserter(expected), [](double x) { return x == x; });
  const std::size_t n = pack_numbers(slots.data(), slots.size(), out.data());
  require(n == expected.size() && std::equal(expected.begin(), expected.end(), out.begin()), state);
  for (auto _ : state) benchmark::DoNotOptimize(pack_numbers(slots.data(), slots.size(), out.data()));
  count(state, kSlots);
}
BENCHMARK(pack)->Name("pack_numbers, a slot");

void tails(benchmark::State& state) {
  const std::vector<double> slots = make_slots();
  constexpr double kLow = -1.2816, kHigh = 1.2816;
  std::vector<double> expected, out(kSlots + kKernelPadding);
  std::copy_if(slots.begin(), slots.end(), std::back_inserter(expected), [](double x) { return x <= kLow || x >= kHigh; });
  std::vector<std::int32_t> places(kSlots + kKernelPadding);
  const TailCount found = pack_tails(slots.data(), slots.size(), kLow, kHigh, out.data(), places.data());
  require(found.tails == expected.size() && std::equal(expected.begin(), expected.end(), out.begin()), state);
  for (auto _ : state)
    benchmark::DoNotOptimize(pack_tails(slots.data(), slots.size(), kLow, kHigh, out.data(), places.data()).tails);
  count(state, kSlots);
}
BENCHMARK(tails)->Name("pack_tails, a slot");

void cuts(benchmark::State& state) {
  const std::vector<double> slots = make_slots();
  std::vector<double> sorted;
  std::copy_if(slots.begin(), slots.end(), std::back_inserter(sorted), [](double x) { return x == x; });
  std::sort(sorted.begin(), sorted.end());
  RankScratch scratch;
  CutGuess guess;
  const bool has_guess = state.range(0) != 0;
  const Tails first = find_tails(slots, 10, 90, guess, scratch);
  const auto n_short = static_cast<std::size_t>(std::count(first.side.begin(), first.side.end(), kShort));
  require(first.n_names == sorted.size() && n_short == sorted.size() / 10, state);
  for (auto _ : state) {
    if (!has_guess) guess = {};
    benchmark::DoNotOptimize(find_tails(slots, 10, 90, guess, scratch).at.size());
  }
  count(state, sorted.size());
}
BENCHMARK(cuts)->Arg(1)->Arg(0)->ArgName("with the cuts of the day before")->Name("find_tails, a name");

struct Names {
  std::vector<float> exposures;
  std::vector<RowIndex> rows;
  std::vector<std::uint16_t> industry;
  FactorRows factors() const { return {{exposures.data(), false}, rows.data(), rows.size()}; }
};

Names make_names() {
  std::mt19937_64 random(2);
  std::normal_distribution<float> normal;
  Names names;
  for (std::size_t i = 0; i < kSlots * kExposureStride; ++i) names.exposures.push_back(normal(random));
  const std::vector<double> slots = make_slots();
  for (std::size_t i = 0; i < kSlots; ++i)
    if (slots[i] == slots[i]) names.rows.push_back(static_cast<RowIndex>(i));
  for (std::size_t i = 0; i < names.rows.size(); ++i) names.industry.push_back(static_cast<std::uint16_t>(random() % 60));
  return names;
}

void exposures(benchmark::State& state) {
  const Names names = make_names();
  const std::vector<double> weights(names.rows.size(), 0.25);
  double sums[kExposureStride] = {}, expected = 0.0;
  sum_exposures(names.factors(), weights.data(), sums);
  for (std::size_t i = 0; i < names.rows.size(); ++i) expected += 0.25 * names.factors().read(i, 3);
  require(sums[3] == expected, state);
  for (auto _ : state) sum_exposures(names.factors(), weights.data(), sums);
  count(state, names.rows.size());
}
BENCHMARK(exposures)->Name("sum_exposures, a name");

void cross_products(benchmark::State& state) {
  const Names names = make_names();
  std::vector<double> sums(60 * kExposureStride), gram(kExposureStride * kExposureStride);
  add_factors(names.factors(), names.industry.data(), sums.data(), gram.data());
  double expected = 0.0;
  for (std::size_t i = 0; i < names.rows.size(); ++i) expected += names.factors().read(i, 5) * names.factors().read(i, 2);
  require(gram[5 * kExposureStride + 2] == expected, state);
  for (auto _ : state) add_factors(names.factors(), names.industry.data(), sums.data(), gram.data());
  count(state, names.rows.size());
}
BENCHMARK(cross_products)->Name("add_factors, a name");

void fit(benchmark::State& state) {
  const Names names = make_names();
  const double beta[kExposureStride] = {0.1, -0.2, 0.3, 0.0, 0.5, -0.6, 0.7, 0.0};
  const std::vector<double> offset(60, 0.0);
  std::vector<double> y(names.rows.size(), 1.0);
  double products[kExposureStride] = {};
  subtract_fit(names.factors(), names.industry.data(), beta, offset.data(), y.data(), products);
  double fitted = 1.0;
  for (int k = 0; k < kNExposures; ++k) fitted -= beta[k] * names.factors().read(0, k);
  require(std::fabs(y[0] - fitted) < 1e-12, state);
  for (auto _ : state) subtract_fit(names.factors(), names.industry.data(), beta, offset.data(), y.data(), products);
  count(state, names.rows.size());
}
BENCHMARK(fit)->Name("subtract_fit, a name");

void finite(benchmark::State& state) {
  std::vector<double> values(16384, 1.5);
  for (std::size_t i = 7; i < values.size(); i += 50) values[i] = std::nan("");
  std::vector<std::int32_t> places(values.size() + 1);
  require(find_not_finite(values.data(), values.size(), places.data()) == (values.size() - 7 + 49) / 50, state);
  for (auto _ : state) benchmark::DoNotOptimize(find_not_finite(values.data(), values.size(), places.data()));
  count(state, values.size());
}
BENCHMARK(finite)->Name("find_not_finite, a value");

}  // namespace
}  // namespace fractile

int main(int argc, char** argv) {
  benchmark::AddCustomContext("kernels", fractile::kernel_target());
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
