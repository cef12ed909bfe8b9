// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace fractile {

// Enumerators are spelled as on the wire.
enum class Weight : std::uint8_t { equal, value, volume };
enum class Resid : std::uint8_t { off, industry, factor, all };
enum class Method : std::uint8_t { long_short, long_only };
enum class InputType : std::uint8_t { value, fractile, position, weight };
enum class SortMethod : std::uint8_t { single, double_ };
enum class TcModel : std::uint8_t { naive, power_law };
enum class Lookahead : std::uint8_t { warn, error };
enum class CharacteristicsAsof : std::uint8_t { previous_day, return_day };

/// One condition of `universe`: a range, or a list of values (numbers or texts).
struct UniverseRule {
  std::string column;
  std::optional<double> min;
  std::optional<double> max;
  std::vector<double> numbers;
  std::vector<std::string> texts;
  bool is_list = false;
};

/// Every option of a run, as docs/methodology.md means it. Names are the same on every surface.
struct RunConfig {
  std::vector<std::string> byvar_list{"overall"};
  std::array<double, 2> fractile{10.0, 90.0};  ///< percent
  Weight weight = Weight::equal;
  Resid resid = Resid::off;
  bool from_open = false;
  int mincos = 10;
  bool calc_turnover = true;
  int lag = 0;  ///< trading days
  Method method = Method::long_short;
  InputType input_type = InputType::value;
  SortMethod sort_method = SortMethod::single;
  std::string double_var;  ///< "" where none
  int double_frac = 3;
  double upper_pct = 95.0;  ///< percent
  TcModel tc_model = TcModel::naive;
  std::array<double, 3> tc_level_bps{2.0, 5.0, 10.0};  ///< big, median, small
  std::array<double, 2> tc_value{0.35, 0.4};           ///< beta, alpha
  double gmv_musd = 10.0;                              ///< million dollars
  bool drift = false;
  Lookahead lookahead = Lookahead::warn;
  CharacteristicsAsof characteristics_asof = CharacteristicsAsof::previous_day;
  std::vector<UniverseRule> universe;
  int hold_days = 1;            ///< trading days
  std::vector<std::string> analysis;  ///< names of further tables, ascending, each once
  int n_fractile = 10;
  bool keep_weights = false;
  int threads = 0;  ///< 0: as many as the machine has
};

inline bool has_analysis(const RunConfig& config, std::string_view name) noexcept {
  for (const std::string& asked : config.analysis)
    if (asked == name) return true;
  return false;
}

/// Reads options from JSON text: an object whose keys are the options of docs/api. `sigvar` and
/// `resid_style` are accepted. Unknown options and values are refused with the nearest valid name.
/// `sigvar`, where given, receives the option of that name. Throws UNKNOWN_OPTION, INVALID_VALUE,
/// REFUSED_COMBINATION.
RunConfig parse_config(const std::string& json_text, std::string* sigvar = nullptr);
/// All options as JSON, keys sorted, numbers in their shortest form: equal configs, equal text.
/// `identity`: leave out threads and keep_weights, which change no number.
std::string config_to_json(const RunConfig& config, bool identity = false);

}  // namespace fractile
