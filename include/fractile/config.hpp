// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace fractile {

/// One condition of `universe`: a range, or a list of values (numbers or texts).
struct UniverseRule {
  std::string column;
  std::optional<double> min;
  std::optional<double> max;
  std::vector<double> numbers;
  std::vector<std::string> texts;
  bool is_list = false;
};

using Texts = std::vector<std::string>;
using Wholes = std::vector<int>;
using Numbers = std::vector<double>;
using TwoReals = std::array<double, 2>;
using MaybeReal = std::optional<double>;
using MaybeTwoReals = std::optional<TwoReals>;
using Levels = std::array<double, 3>;  ///< basis points: big, median, small
using Universe = std::vector<UniverseRule>;

// Enumerators are spelled as on the wire.
#define FRACTILE_CHOICE(type, ...) enum class type : std::uint8_t { __VA_ARGS__ };
#include "fractile/run_options.def"

/// Every option of a run, as docs/methodology.md defines it; docs/options.md lists them. Names are the same on every surface.
struct RunConfig {
#define FRACTILE_OPTION(type, name, initial, ...) type name = initial;
#include "fractile/run_options.def"
};

/// True if `analysis` names the module.
inline bool has_analysis(const RunConfig& config, std::string_view name) noexcept {
  for (const std::string& asked : config.analysis)
    if (asked == name) return true;
  return false;
}

/// Checks every option and every pair of options. A Backtester calls it before any work, and so does parse_config(). Throws
/// INVALID_VALUE, REFUSED_COMBINATION.
void validate(const RunConfig& config);

/// Reads options from JSON text: an object whose keys are the options of docs/options.md. `sigvar`, if given, receives the
/// option of that name. Throws UNKNOWN_OPTION, INVALID_VALUE, REFUSED_COMBINATION, naming the nearest valid name or value.
RunConfig parse_config(const std::string& json_text, std::string* sigvar = nullptr);

/// All options as JSON, keys sorted, numbers in their shortest form: equal configs, equal text.
/// `in_run_id`: leave out the options that change no number, and later options that have their initial value.
std::string config_to_json(const RunConfig& config, bool in_run_id = false);

}  // namespace fractile
