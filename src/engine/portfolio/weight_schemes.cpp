// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "engine/portfolio/weight_schemes.hpp"

namespace fractile {
namespace {

// By value of the option; run_options.def spells the values. Sorter::size_cell() computes the sizes that come from the ranking.
constexpr WeightScheme kWeightSchemes[] = {
    {Weight::equal, "weight=\"equal\"", nullptr, false, false}, {Weight::value, "weight=\"value\"", "mcap", false, true},
    {Weight::volume, "weight=\"volume\"", "adv", false, true},  {Weight::rank, "weight=\"rank\"", nullptr, true, false},
    {Weight::signal, "weight=\"signal\"", nullptr, true, true},
};

}  // namespace

const WeightScheme& find_weight_scheme(Weight weight) noexcept {
  for (const WeightScheme& scheme : kWeightSchemes)
    if (scheme.weight == weight) return scheme;
  return kWeightSchemes[0];
}

}  // namespace fractile
