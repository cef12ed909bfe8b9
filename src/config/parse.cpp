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
  const double x = read_real(option, value, "a whole number");
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
    const double bps = read_real(option, level);
    if (bps < 0) refuse(option, "basis points of 0 or more", shown(level), "The nearest is 0.");
    levels[static_cast<std::size_t>(at - option.choices.begin())] = bps;
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

[[noreturn]] void refuse_pair(const std::string& found, const std::string& what_to_do) {
  throw Error(ErrorCode::REFUSED_COMBINATION, fmt::format("expected options that go together, found {}. {}", found, what_to_do));
}

void check_combinations(const RunConfig& config) {
  if (config.resid != Resid::off && config.input_type != InputType::value)
    refuse_pair("resid with an input_type other than \"value\"", "Pass resid=\"off\" or input_type=\"value\".");
  if (config.input_type == InputType::weight && config.weight != Weight::equal)
    refuse_pair("input_type=\"weight\" with a weight other than \"equal\"", "Pass weight=\"equal\".");
  if (config.sort_method == SortMethod::double_ && config.input_type != InputType::value)
    refuse_pair("sort_method=\"double\" with an input_type other than \"value\"", "Pass input_type=\"value\".");
  if (has_analysis(config, "fractile") && config.input_type != InputType::value)
    refuse_pair("analysis \"fractile\" with an input_type other than \"value\"", "Pass input_type=\"value\".");
  if (config.sort_method == SortMethod::double_ && config.double_var.empty())
    refuse_pair("sort_method=\"double\" without double_var", "Pass double_var=\"cap\" or another panel column.");
  if (config.sort_method == SortMethod::single && !config.double_var.empty())
    refuse_pair("double_var with sort_method=\"single\"", "Pass sort_method=\"double\", or leave double_var out.");
}

/// nlohmann keeps the last of equal keys; a request that says two things is refused instead.
Json parse_strictly(const std::string& text) {
  constexpr int kDeepest = 16;
  std::vector<std::set<std::string>> keys;
  std::string twice;
  const auto watch = [&](int depth, Json::parse_event_t event, Json& parsed) {
    // What shows a value goes down its levels one call each.
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

void apply(const OptionInfo& option, const Json& value, RunConfig& config, std::string* sigvar) {
  const std::string_view name = option.name;
  if (name == "sigvar") {
    if (!value.is_string()) refuse(option, "a column name", shown(value), "The default is \"signal\".");
    if (sigvar) *sigvar = value;
  } else if (name == "byvar_list") {
    config.byvar_list = read_texts(option, value);
    auto& list = config.byvar_list;
    list.erase(std::remove(list.begin(), list.end(), "overall"), list.end());
    list.insert(list.begin(), "overall");
  } else if (name == "fractile") {
    config.fractile = read_two(option, value);
    const auto [a, b] = config.fractile;
    if (b > 0 && b < a && a < 100)
      refuse(option, "(a, b) percent with 0 < a <= b < 100", shown(value), fmt::format("The nearest is [{}, {}].", b, a));
    if (!(a > 0 && a <= b && b < 100))
      refuse(option, "(a, b) percent with 0 < a <= b < 100", shown(value), "The default is [10, 90].");
  } else if (name == "weight") {
    config.weight = static_cast<Weight>(read_choice(option, value));
  } else if (name == "from_open") {
    config.from_open = read_bool(option, value);
  } else if (name == "mincos") {
    config.mincos = read_whole(option, value);
  } else if (name == "calc_turnover") {
    config.calc_turnover = read_bool(option, value);
  } else if (name == "lag") {
    config.lag = read_whole(option, value);
  } else if (name == "method") {
    config.method = static_cast<Method>(read_choice(option, value));
  } else if (name == "input_type") {
    config.input_type = static_cast<InputType>(read_choice(option, value));
  } else if (name == "sort_method") {
    config.sort_method = static_cast<SortMethod>(read_choice(option, value));
  } else if (name == "double_var") {
    config.double_var = read_text(option, value);
  } else if (name == "double_frac") {
    config.double_frac = read_whole(option, value);
  } else if (name == "upper_pct") {
    config.upper_pct = read_real(option, value);
  } else if (name == "tc_model") {
    config.tc_model = static_cast<TcModel>(read_choice(option, value));
  } else if (name == "tc_level") {
    config.tc_level_bps = read_levels(option, value, config.tc_level_bps);
  } else if (name == "tc_value") {
    config.tc_value = read_two(option, value);
    if (const auto [beta, alpha] = config.tc_value; beta < 0 || alpha < 0)
      refuse(option, "beta and alpha of 0 or more", shown(value),
             fmt::format("The nearest is [{}, {}].", std::max(beta, 0.0), std::max(alpha, 0.0)));
  } else if (name == "gmv_musd") {
    config.gmv_musd = read_real(option, value);
  } else if (name == "drift") {
    config.drift = read_bool(option, value);
  } else if (name == "lookahead") {
    config.lookahead = static_cast<Lookahead>(read_choice(option, value));
  } else if (name == "characteristics_asof") {
    config.characteristics_asof = static_cast<CharacteristicsAsof>(read_choice(option, value));
  } else if (name == "universe") {
    config.universe = read_universe(option, value);
  } else if (name == "hold_days") {
    config.hold_days = read_whole(option, value);
  } else if (name == "analysis") {
    config.analysis = value.is_null() ? std::vector<std::string>{} : read_texts(option, value);
    std::sort(config.analysis.begin(), config.analysis.end());
    config.analysis.erase(std::unique(config.analysis.begin(), config.analysis.end()), config.analysis.end());
  } else if (name == "n_fractile") {
    config.n_fractile = read_whole(option, value);
  } else if (name == "keep_weights") {
    config.keep_weights = read_bool(option, value);
  } else if (name == "threads") {
    config.threads = value.is_null() ? 0 : read_whole(option, value);
  }
}

Resid read_resid(const Json& json) {
  const OptionInfo& resid = *find_option("resid");
  const OptionInfo& style = *find_option("resid_style");
  const int style_at = json.contains("resid_style") ? read_choice(style, json["resid_style"]) : 2;
  if (!json.contains("resid")) return Resid::off;
  const Json& value = json["resid"];
  if (value.is_boolean()) return value.get<bool>() ? static_cast<Resid>(style_at + 1) : Resid::off;
  return static_cast<Resid>(read_choice(resid, value));
}

/// The shortest text that reads back to the same bits.
std::string number(double x) { return fmt::format("{}", x + 0.0); }

std::string json_text(std::string_view text) {
  return Json(std::string(text)).dump(-1, ' ', false, Json::error_handler_t::replace);
}

template <class Values, class Show>
std::string list(const Values& values, Show&& show) {
  std::string out = "[";
  for (const auto& value : values) out += (out.size() > 1 ? "," : "") + std::string(show(value));
  return out + "]";
}

std::string choice(const char* name, int at) { return json_text(find_option(name)->choices[static_cast<std::size_t>(at)]); }

std::string universe_to_json(const std::vector<UniverseRule>& rules) {
  if (rules.empty()) return "null";
  std::string out = "{";
  for (const UniverseRule& rule : rules) {
    if (out.size() > 1) out += ",";
    out += json_text(rule.column) + ":";
    if (rule.is_list) {
      out += rule.texts.empty() ? list(rule.numbers, number) : list(rule.texts, json_text);
    } else {
      out +=
          fmt::format("{{\"max\":{},\"min\":{}}}", rule.max ? number(*rule.max) : "null", rule.min ? number(*rule.min) : "null");
    }
  }
  return out + "}";
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
    apply(*option, value, config, sigvar);
  }
  config.resid = read_resid(json);
  check_combinations(config);
  return config;
}

std::string config_to_json(const RunConfig& config, bool identity) {
  const auto boolean = [](bool x) { return std::string(x ? "true" : "false"); };
  std::vector<std::pair<std::string, std::string>> entries{
      {"analysis", list(config.analysis, json_text)},
      {"byvar_list", list(config.byvar_list, json_text)},
      {"calc_turnover", boolean(config.calc_turnover)},
      {"characteristics_asof", choice("characteristics_asof", static_cast<int>(config.characteristics_asof))},
      {"double_frac", std::to_string(config.double_frac)},
      {"double_var", config.double_var.empty() ? "null" : json_text(config.double_var)},
      {"drift", boolean(config.drift)},
      {"fractile", list(config.fractile, number)},
      {"from_open", boolean(config.from_open)},
      {"gmv_musd", number(config.gmv_musd)},
      {"hold_days", std::to_string(config.hold_days)},
      {"input_type", choice("input_type", static_cast<int>(config.input_type))},
      {"keep_weights", boolean(config.keep_weights)},
      {"lag", std::to_string(config.lag)},
      {"lookahead", choice("lookahead", static_cast<int>(config.lookahead))},
      {"method", choice("method", static_cast<int>(config.method))},
      {"mincos", std::to_string(config.mincos)},
      {"n_fractile", std::to_string(config.n_fractile)},
      {"resid", choice("resid", static_cast<int>(config.resid))},
      {"sort_method", choice("sort_method", static_cast<int>(config.sort_method))},
      {"tc_level", fmt::format("{{\"big\":{},\"median\":{},\"small\":{}}}", number(config.tc_level_bps[0]),
                               number(config.tc_level_bps[1]), number(config.tc_level_bps[2]))},
      {"tc_model", choice("tc_model", static_cast<int>(config.tc_model))},
      {"tc_value", list(config.tc_value, number)},
      {"threads", config.threads > 0 ? std::to_string(config.threads) : "null"},
      {"universe", universe_to_json(config.universe)},
      {"upper_pct", number(config.upper_pct)},
      {"weight", choice("weight", static_cast<int>(config.weight))},
  };
  std::string out = "{";
  for (const auto& [name, value] : entries) {
    if (identity && (name == "threads" || name == "keep_weights")) continue;
    out += (out.size() > 1 ? "," : "") + json_text(name) + ":" + value;
  }
  return out + "}";
}

}  // namespace fractile
