// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "types/nearest.hpp"

namespace fractile {

enum class OptionType : std::uint8_t {
  boolean,
  whole,
  real,
  choice,
  text,
  texts,
  wholes,
  numbers,
  two_reals,
  bps_map,
  universe,
  resid,
  switch_
};
std::string_view option_type_name(OptionType type) noexcept;

/// The declared properties of an option, as run_options.def writes them.
struct OptionDeclaration {
  double min = 0.0;
  double max = 0.0;  ///< inclusive; min == max: unbounded
  std::vector<std::string_view> choices = {};
  bool zero_is_null = false;        ///< 0 in the struct is null on the wire
  std::string_view zero_name = {};  ///< 0 in the struct is this word on the wire
  bool in_run_id = true;
  bool is_later = false;  ///< no part of the run_id while it has its initial value
  std::string_view doc = {};
};

/// One option of a run, as every surface spells it.
struct OptionInfo : OptionDeclaration {
  std::string_view name;
  OptionType type = OptionType::boolean;
  std::string default_text;  ///< as JSON
};

/// Every option of a run, in the order of the documentation.
std::span<const OptionInfo> run_options();
const OptionInfo* find_option(std::string_view name);

}  // namespace fractile
