// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "engine/portfolio/weight_schemes.hpp"

namespace fractile {
namespace {

// By value of the option; run_options.def spells the values. Sorter::size_cell() computes the sizes that come from the ranking.
constexpr WeightScheme kWeightSchemes[] = {
    {.weight = Weight::equal, .option = "weight=\"equal\""},
    {.weight = Weight::value, .option = "weight=\"value\"", .column = "mcap", .is_clipped = true},
    {.weight = Weight::volume, .option = "weight=\"volume\"", .column = "adv", .is_clipped = true},
    {.weight = Weight::rank, .option = "weight=\"rank\"", .is_from_ranking = true},
    {.weight = Weight::signal, .option = "weight=\"signal\"", .is_from_ranking = true, .is_clipped = true},
};

}  // namespace

const WeightScheme& find_weight_scheme(Weight weight) noexcept {
  for (const WeightScheme& scheme : kWeightSchemes)
    if (scheme.weight == weight) return scheme;
  return kWeightSchemes[0];
}

}  // namespace fractile
