// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <set>

#include "config/options.hpp"
#include "fractile/config.hpp"
#include "fractile/error.hpp"

namespace fractile {
namespace {

using Json = nlohmann::json;

std::string shown(const Json& value) {
  std::string text = value.dump(-1, ' ', false, Json::error_handler_t::replace);
  constexpr std::size_t kLongest = 100;
  return text.size() > kLongest ? text.substr(0, kLongest) + "..." : text;
}

[[noreturn]] void refuse(const OptionInfo& option, const std::string& expected, const std::string& found,
                         const std::string& what_to_do) {
  throw Error(ErrorCode::INVALID_VALUE, fmt::format("expected {}={}, found {}. {}", option.name, expected, found, what_to_do));
}

std::string list_of(const std::vector<std::string_view>& names) {
  std::string out;
  for (const auto name : names) out += (out.empty() ? "" : ", ") + fmt::format("\"{}\"", name);
  return out;
}

bool read_bool(const OptionInfo& option, const Json& value) {
  if (value.is_boolean()) return value;
  refuse(option, "true or false", shown(value), fmt::format("The default is {}.", option.default_text));
}

double read_real(const OptionInfo& option, const Json& value, const char* what = "a number") {
  if (value.is_number()) {
    const double x = value;
    const bool is_bounded = option.min < option.max;
    if (std::isfinite(x) && (!is_bounded || (x >= option.min && x <= option.max))) return x;
    if (std::isfinite(x))
      refuse(option, fmt::format("{} from {} to {}", what, option.min, option.max), shown(value),
             fmt::format("The nearest is {}.", std::clamp(x, option.min, option.max)));
  }
  refuse(option, what, shown(value), fmt::format("The default is {}.", option.default_text));
}

int read_whole(const OptionInfo& option, const Json& value) {
  const std::string what =
      option.zero_name.empty() ? "a whole number" : fmt::format("a whole number or \"{}\"", option.zero_name);
  const double x = read_real(option, value, what.c_str());
  if (x == std::floor(x)) return static_cast<int>(x);
  refuse(option, "a whole number", shown(value), fmt::format("The nearest is {}.", std::round(x)));
}

int read_choice(const OptionInfo& option, const Json& value) {
  const auto& choices = option.choices;
  if (value.is_string()) {
    const std::string text = value;
    const auto found = std::find(choices.begin(), choices.end(), text);
    if (found != choices.end()) return static_cast<int>(found - choices.begin());
    refuse(option, "one of " + list_of(choices), shown(value), fmt::format("Did you mean \"{}\"?", nearest_name(text, choices)));
  }
  refuse(option, "one of " + list_of(choices), shown(value), fmt::format("The default is {}.", option.default_text));
}

std::string read_text(const OptionInfo& option, const Json& value) {
  if (value.is_string()) return value;
  if (value.is_null()) return "";
  refuse(option, "a name", shown(value), fmt::format("The default is {}.", option.default_text));
}

std::vector<std::string> read_texts(const OptionInfo& option, const Json& value) {
  std::vector<std::string> out;
  if (value.is_string()) {
    out.push_back(value);
  } else if (value.is_array()) {
    for (const Json& entry : value) {
      if (!entry.is_string()) refuse(option, "a list of names", shown(value), "Write [\"overall\", \"year\"].");
      out.push_back(entry);
    }
  } else {
    refuse(option, "a list of names", shown(value), fmt::format("The default is {}.", option.default_text));
  }
  std::set<std::string> seen;
  for (const std::string& name : out) {
    if (!seen.insert(name).second) refuse(option, "different names", fmt::format("\"{}\" twice", name), "Name it once.");
    if (option.choices.empty()) continue;
    if (std::find(option.choices.begin(), option.choices.end(), name) == option.choices.end())
      refuse(option, "names among " + list_of(option.choices), fmt::format("\"{}\"", name),
             fmt::format("Did you mean \"{}\"?", nearest_name(name, option.choices)));
  }
  return out;
}

/// A list of numbers, or one number alone, each given once.
template <class Number, class Read>
std::vector<Number> read_numbers(const OptionInfo& option, const Json& value, Read&& read) {
  std::vector<Number> out;
  const bool are_numbers = std::all_of(value.begin(), value.end(), [](const Json& entry) { return entry.is_number(); });
  if (value.is_number()) {
    out.push_back(read(value));
  } else if (value.is_array() && !value.empty() && are_numbers) {
    for (const Json& entry : value) out.push_back(read(entry));
  } else {
    refuse(option, "a list of numbers", shown(value), fmt::format("The default is {}.", option.default_text));
  }
  return out;
}

std::array<double, 2> read_two(const OptionInfo& option, const Json& value) {
  if (value.is_array() && value.size() == 2) return {read_real(option, value[0]), read_real(option, value[1])};
  refuse(option, "two numbers", shown(value), fmt::format("The default is {}.", option.default_text));
}

std::array<double, 3> read_levels(const OptionInfo& option, const Json& value, std::array<double, 3> levels) {
  if (value.is_null()) return levels;
  if (!value.is_object())
    refuse(option, "a map of big, median, small to basis points", shown(value),
           fmt::format("The default is {}.", option.default_text));
  for (const auto& [key, level] : value.items()) {
    const auto at = std::find(option.choices.begin(), option.choices.end(), key);
    if (at == option.choices.end())
      refuse(option, "keys among " + list_of(option.choices), fmt::format("\"{}\"", key),
             fmt::format("Did you mean \"{}\"?", nearest_name(key, option.choices)));
    levels[static_cast<std::size_t>(at - option.choices.begin())] = read_real(option, level);
  }
  return levels;
}

std::vector<UniverseRule> read_universe(const OptionInfo& option, const Json& value) {
  constexpr const char* kExample = "Write {\"cap\": [1, 2], \"adv\": {\"min\": 1e6}}.";
  std::vector<UniverseRule> rules;
  if (value.is_null()) return rules;
  if (!value.is_object()) refuse(option, "a map of columns to lists or ranges", shown(value), kExample);
  for (const auto& [column, condition] : value.items()) {
    UniverseRule rule;
    rule.column = column;
    if (condition.is_array()) {
      rule.is_list = true;
      for (const Json& member : condition) {
        if (member.is_string())
          rule.texts.push_back(member);
        else if (member.is_number() || member.is_boolean())
          rule.numbers.push_back(member.is_boolean() ? (member.get<bool>() ? 1.0 : 0.0) : member.get<double>() + 0.0);
        else
          refuse(option, "a list of numbers or texts for \"" + column + "\"", shown(member), kExample);
      }
      std::sort(rule.numbers.begin(), rule.numbers.end());
      std::sort(rule.texts.begin(), rule.texts.end());
    } else if (condition.is_object()) {
      for (const auto& [key, bound] : condition.items()) {
        if (key != "min" && key != "max")
          refuse(option, "min and max for \"" + column + "\"", fmt::format("\"{}\"", key),
                 fmt::format("Did you mean \"{}\"?", nearest_name(key, {"min", "max"})));
        if (bound.is_null()) continue;
        (key == "min" ? rule.min : rule.max) = read_real(option, bound) + 0.0;
      }
      if (rule.min && rule.max && *rule.min > *rule.max)
        refuse(option, "a min not above its max for \"" + column + "\"", shown(condition), "Exchange them.");
    } else {
      refuse(option, "a list or a range for \"" + column + "\"", shown(condition), kExample);
    }
    rules.push_back(std::move(rule));
  }
  std::sort(rules.begin(), rules.end(), [](const auto& a, const auto& b) { return a.column < b.column; });
  return rules;
}

/// Parses JSON and refuses equal keys, of which nlohmann would silently take the last.
Json parse_strictly(const std::string& text) {
  constexpr int kDeepest = 16;
  std::vector<std::set<std::string>> keys;
  std::string twice;
  const auto watch = [&](int depth, Json::parse_event_t event, Json& parsed) {
    // The function that shows a value in a message recurses once per level.
    if (depth > kDeepest) throw std::runtime_error(fmt::format("more than {} levels", kDeepest));
    if (event == Json::parse_event_t::object_start) keys.emplace_back();
    if (event == Json::parse_event_t::object_end) keys.pop_back();
    if (event == Json::parse_event_t::key && !keys.back().insert(parsed.get<std::string>()).second)
      twice = parsed.get<std::string>();
    return true;
  };
  constexpr std::size_t kLongest = std::size_t{1} << 20;
  Json json;
  try {
    if (text.size() > kLongest) throw std::runtime_error("more than 1 MB");
    json = Json::parse(text, watch);
  } catch (const std::exception& error) {
    throw Error(ErrorCode::INVALID_VALUE,
                fmt::format("expected options as a JSON object, found: {}. Write {{\"lag\": 1}}.", error.what()));
  }
  if (!twice.empty())
    throw Error(ErrorCode::INVALID_VALUE, fmt::format("expected each option once, found \"{}\" twice. Name it once.", twice));
  if (!json.is_object())
    throw Error(ErrorCode::INVALID_VALUE,
                fmt::format("expected options as a JSON object, found {}. Write {{\"lag\": 1}}.", shown(json)));
  return json;
}

// Each overload reads a value into a field, by the type of the field.
void read_value(const OptionInfo& option, const Json& value, bool& out) { out = read_bool(option, value); }
void read_value(const OptionInfo& option, const Json& value, int& out) {
  const bool is_zero = (option.zero_is_null && value.is_null()) || (!option.zero_name.empty() && value == option.zero_name);
  out = is_zero ? 0 : read_whole(option, value);
}
void read_value(const OptionInfo& option, const Json& value, double& out) { out = read_real(option, value); }
void read_value(const OptionInfo& option, const Json& value, std::string& out) { out = read_text(option, value); }
void read_value(const OptionInfo& option, const Json& value, Texts& out) {
  out = value.is_null() && option.default_text == "[]" ? Texts{} : read_texts(option, value);
}
void read_value(const OptionInfo& option, const Json& value, Wholes& out) {
  out = read_numbers<int>(option, value, [&](const Json& entry) { return read_whole(option, entry); });
}
void read_value(const OptionInfo& option, const Json& value, Numbers& out) {
  out = read_numbers<double>(option, value, [&](const Json& entry) { return read_real(option, entry) + 0.0; });
}
void read_value(const OptionInfo& option, const Json& value, TwoReals& out) { out = read_two(option, value); }
void read_value(const OptionInfo& option, const Json& value, Levels& out) { out = read_levels(option, value, out); }
void read_value(const OptionInfo& option, const Json& value, Universe& out) { out = read_universe(option, value); }
void read_value(const OptionInfo& option, const Json& value, Resid& out) {
  if (!value.is_boolean()) out = static_cast<Resid>(read_choice(option, value));  // read_resid() reads true and false
}
/// true and false, or a name.
void read_value(const OptionInfo& option, const Json& value, Drift& out) {
  out = value.is_boolean() ? (value.get<bool>() ? Drift::true_ : Drift::false_) : static_cast<Drift>(read_choice(option, value));
}
template <class T>
void read_value(const OptionInfo& option, const Json& value, std::optional<T>& out) {
  out.reset();
  if (!value.is_null()) read_value(option, value, out.emplace());
}
template <class Choice>
  requires std::is_enum_v<Choice>
void read_value(const OptionInfo& option, const Json& value, Choice& out) {
  out = static_cast<Choice>(read_choice(option, value));
}

void read_option(const OptionInfo& option, const Json& value, RunConfig& config) {
#define FRACTILE_OPTION(type, field, initial, ...) \
  if (option.name == #field) return read_value(option, value, config.field);
#include "fractile/run_options.def"
}

std::string read_sigvar(const Json& value) {
  if (!value.is_string()) refuse(*find_option("sigvar"), "a column name", shown(value), "The default is \"signal\".");
  return value;
}

/// resid=true means resid_style, whose names are those of resid without "off".
void read_resid(const Json& json, RunConfig& config) {
  const int style = json.contains("resid_style") ? read_choice(*find_option("resid_style"), json["resid_style"]) : 2;
  if (json.contains("resid") && json["resid"].is_boolean())
    config.resid = json["resid"].get<bool>() ? static_cast<Resid>(style + 1) : Resid::off;
}

/// One order for equal sets, so that equal options have equal text.
void normalise(RunConfig& config) {
  auto& groups = config.byvar_list;
  groups.erase(std::remove(groups.begin(), groups.end(), "overall"), groups.end());
  groups.insert(groups.begin(), "overall");
  std::sort(config.analysis.begin(), config.analysis.end());
}

}  // namespace

RunConfig parse_config(const std::string& text, std::string* sigvar) {
  const Json json = parse_strictly(text);
  std::vector<std::string_view> names;
  for (const OptionInfo& option : run_options()) names.push_back(option.name);
  RunConfig config;
  for (const auto& [key, value] : json.items()) {
    const OptionInfo* option = find_option(key);
    if (!option)
      throw Error(ErrorCode::UNKNOWN_OPTION,
                  fmt::format("expected an option of a run, found \"{}\". Did you mean \"{}\"?", key, nearest_name(key, names)));
    read_option(*option, value, config);
    if (key != "sigvar") continue;
    std::string name = read_sigvar(value);
    if (sigvar) *sigvar = std::move(name);
  }
  read_resid(json, config);
  normalise(config);
  validate(config);
  return config;
}

}  // namespace fractile
