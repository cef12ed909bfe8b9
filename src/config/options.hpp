// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "types/nearest.hpp"

namespace fractile {

enum class OptionType : std::uint8_t { boolean, whole, real, choice, text, texts, two_reals, bps_map, universe, resid };
std::string_view option_type_name(OptionType type) noexcept;

/// One option of a run, as every surface spells it.
struct OptionInfo {
  std::string_view name;
  OptionType type;
  std::string_view default_text;  ///< as JSON
  std::vector<std::string_view> choices;
  double min = 0.0;
  double max = 0.0;  ///< inclusive; min == max: unbounded
  std::string_view doc;
};

/// Every option of a run, in the order of the documentation.
std::span<const OptionInfo> run_options();
const OptionInfo* find_option(std::string_view name);

}  // namespace fractile
