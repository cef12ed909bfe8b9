// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "engine/portfolio/weight_schemes.hpp"

#include <algorithm>
#include <array>

namespace fractile {
namespace {

// One line per value of the option; run_options.def spells the values. Sorter::size_names() in sorter.cpp computes the sizes that
// do not come from the panel.
constexpr WeightScheme kWeightSchemes[] = {
    {.weight = Weight::equal, .option = "weight=\"equal\""},
    {.weight = Weight::value, .option = "weight=\"value\"", .column = "mcap", .is_clipped = true},
    {.weight = Weight::volume, .option = "weight=\"volume\"", .column = "adv", .is_clipped = true},
    {.weight = Weight::rank, .option = "weight=\"rank\"", .size = SizeSource::rank},
    {.weight = Weight::signal, .option = "weight=\"signal\"", .size = SizeSource::signal, .is_clipped = true},
};

#define FRACTILE_CHOICE(type, ...)                  \
  [[maybe_unused]] consteval auto values_of(type) { \
    using enum type;                                \
    return std::array{__VA_ARGS__};                 \
  }
#include "fractile/run_options.def"

constexpr bool is_declared(Weight weight) {
  return std::ranges::any_of(kWeightSchemes, [=](const WeightScheme& scheme) { return scheme.weight == weight; });
}
static_assert(std::ranges::all_of(values_of(Weight{}), is_declared), "a value of the option weight has no line above");

}  // namespace

const WeightScheme& find_weight_scheme(Weight weight) noexcept {
  for (const WeightScheme& scheme : kWeightSchemes)
    if (scheme.weight == weight) return scheme;
  return kWeightSchemes[0];  // no value comes here
}

}  // namespace fractile
