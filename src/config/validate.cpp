// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
//
// The values and pairs of options that a run accepts.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "config/option_values.hpp"
#include "fractile/error.hpp"

namespace fractile {
namespace {

[[noreturn]] void refuse(std::string_view option, const std::string& expected, const std::string& found,
                         const std::string& what_to_do) {
  throw Error(ErrorCode::INVALID_VALUE, fmt::format("expected {}={}, found {}. {}", option, expected, found, what_to_do));
}

void check_number(const OptionInfo& option, double x, const char* what) {
  if (!std::isfinite(x)) refuse(option.name, what, fmt::format("{}", x), fmt::format("The default is {}.", option.default_text));
  if (option.min < option.max && !(x >= option.min && x <= option.max))
    refuse(option.name, fmt::format("{} from {} to {}", what, option.min, option.max), fmt::format("{}", x),
           fmt::format("The nearest is {}.", std::clamp(x, option.min, option.max)));
}

// Each overload checks the range of one type of field.
void check_value(const OptionInfo& option, int x) {
  const bool has_zero = option.zero_is_null || !option.zero_name.empty();
  if (!(has_zero && x == 0)) check_number(option, x, "a whole number");
}
void check_value(const OptionInfo& option, double x) { check_number(option, x, "a number"); }
void check_value(const OptionInfo& option, const TwoReals& x) {
  for (const double each : x) check_number(option, each, "two numbers");
}
template <class Number>
void check_numbers(const OptionInfo& option, const std::vector<Number>& numbers) {
  if (numbers.empty()) refuse(option.name, "at least one number", "none", fmt::format("The default is {}.", option.default_text));
  for (const Number each : numbers) check_number(option, static_cast<double>(each), "numbers");
  for (std::size_t i = 0; i < numbers.size(); ++i)
    if (std::find(numbers.begin(), numbers.begin() + static_cast<std::ptrdiff_t>(i), numbers[i]) !=
        numbers.begin() + static_cast<std::ptrdiff_t>(i))
      refuse(option.name, "different numbers", fmt::format("{} twice", write_number(static_cast<double>(numbers[i]))),
             "Name it once.");
}
void check_value(const OptionInfo& option, const Wholes& numbers) { check_numbers(option, numbers); }
void check_value(const OptionInfo& option, const Numbers& numbers) { check_numbers(option, numbers); }
void check_value(const OptionInfo& option, const Levels& levels) {
  for (const double bps : levels) {
    check_number(option, bps, "basis points");
    if (bps < 0) refuse(option.name, "basis points of 0 or more", write_number(bps), "The nearest is 0.");
  }
}
void check_value(const OptionInfo& option, const Texts& names) {
  if (option.choices.empty()) return;
  for (const std::string& name : names)
    if (std::find(option.choices.begin(), option.choices.end(), name) == option.choices.end())
      refuse(option.name, "names of docs/options.md", write_text(name),
             fmt::format("Did you mean \"{}\"?", nearest_name(name, option.choices)));
}
void check_value(const OptionInfo& option, const Universe& rules) {
  for (const UniverseRule& rule : rules) {
    if (rule.min && rule.max && !(*rule.min <= *rule.max))
      refuse(option.name, "a min not above its max for \"" + rule.column + "\"",
             fmt::format("{} and {}", write_number(*rule.min), write_number(*rule.max)), "Exchange them.");
  }
}
template <class Choice>
  requires std::is_enum_v<Choice>
void check_value(const OptionInfo& option, Choice x) {
  if (static_cast<std::size_t>(x) >= option.choices.size())
    refuse(option.name, "one of its names", std::to_string(static_cast<int>(x)),
           fmt::format("The default is {}.", option.default_text));
}
template <class T>
void check_value(const OptionInfo& option, const std::optional<T>& x) {
  if (x) check_value(option, *x);
}
void check_value(const OptionInfo&, bool) {}
void check_value(const OptionInfo&, const std::string&) {}

void check_percents(const RunConfig& config) {
  const auto [a, b] = config.fractile;
  if (a > 0 && a <= b && b < 100) return;
  const bool is_swapped = b > 0 && b < a && a < 100;
  refuse("fractile", "(a, b) percent with 0 < a <= b < 100", write_value({}, config.fractile),
         is_swapped ? fmt::format("The nearest is [{}, {}].", b, a) : "The default is [10, 90].");
}

void check_exit_percents(const RunConfig& config) {
  if (!config.exit_fractile) return;
  const auto [a, b] = config.fractile;
  const auto [c, d] = *config.exit_fractile;
  if (a <= c && c <= d && d <= b) return;
  refuse("exit_fractile", fmt::format("(c, d) percent with {} <= c <= d <= {} (fractile is ({}, {}))", a, b, a, b),
         write_value({}, *config.exit_fractile), "Widen fractile, or narrow exit_fractile.");
}

void check_factors(const RunConfig& config) {
  constexpr std::size_t kMostFactors = 64;
  if (config.factors.size() > kMostFactors)
    refuse("factors", "at most 64 columns", std::to_string(config.factors.size()), "Name fewer.");
  for (auto name = config.factors.begin(); name != config.factors.end(); ++name)
    if (std::find(config.factors.begin(), name, *name) != name)
      refuse("factors", "different names", write_text(*name) + " twice", "Name it once.");
}

void check_power_law(const RunConfig& config) {
  const auto [beta, alpha] = config.tc_value;
  if (beta < 0 || alpha < 0)
    refuse("tc_value", "beta and alpha of 0 or more", write_value({}, config.tc_value),
           fmt::format("The nearest is [{}, {}].", std::max(beta, 0.0), std::max(alpha, 0.0)));
}

[[noreturn]] void refuse_pair(const std::string& found, const std::string& what_to_do) {
  throw Error(ErrorCode::REFUSED_COMBINATION, fmt::format("expected options that go together, found {}. {}", found, what_to_do));
}

void check_ranking(const RunConfig& config) {
  const bool is_double = config.sort_method == SortMethod::double_;
  if (is_double && config.double_var.empty())
    refuse_pair("sort_method=\"double\" without double_var", "Pass double_var=\"cap\" or another panel column.");
  const bool has_double_sort = has_analysis(config, "double_sort");
  if (has_double_sort && config.double_var.empty())
    refuse_pair("analysis \"double_sort\" without double_var", "Pass double_var=\"cap\" or another panel column.");
  if (!is_double && !has_double_sort && !config.double_var.empty())
    refuse_pair("double_var with sort_method=\"single\"",
                "Pass sort_method=\"double\" or analysis=[\"double_sort\"], or leave double_var out.");
  if (has_double_sort && !config.rank_within.empty())
    refuse_pair("rank_within with analysis \"double_sort\"", "Leave one of them out: a double sort has its own bins.");
  if (is_double && !config.rank_within.empty())
    refuse_pair("rank_within with sort_method=\"double\"", "Leave one of them out: a double sort has its own bins.");
  if (config.exit_fractile && config.overlap != 1)
    refuse_pair("exit_fractile with overlap", "Leave one of them out: both hold a name for longer.");
}

/// Options that need a signal which ranks names.
void check_values(const RunConfig& config) {
  if (config.input_type == InputType::value) return;
  const std::string suffix = " with an input_type other than \"value\"";
  const auto refuse_with = [&](bool is_asked, const std::string& option, const char* what_to_do) {
    if (is_asked) refuse_pair(option + suffix, what_to_do);
  };
  refuse_with(config.resid != Resid::off, "resid", "Pass resid=\"off\" or input_type=\"value\".");
  refuse_with(config.sort_method == SortMethod::double_, "sort_method=\"double\"", "Pass input_type=\"value\".");
  for (const char* name : {"fractile", "quantiles", "double_sort"})
    refuse_with(has_analysis(config, name), fmt::format("analysis \"{}\"", name), "Pass input_type=\"value\".");
  refuse_with(config.weight == Weight::rank, "weight=\"rank\"", "Pass input_type=\"value\" or weight=\"equal\".");
  refuse_with(config.weight == Weight::signal, "weight=\"signal\"", "Pass input_type=\"value\" or weight=\"equal\".");
  refuse_with(!config.rank_within.empty(), "rank_within", "Pass input_type=\"value\".");
  refuse_with(!config.breakpoints.empty(), "breakpoints", "Pass input_type=\"value\".");
  refuse_with(config.exit_fractile.has_value(), "exit_fractile", "Pass input_type=\"value\".");
  if (config.input_type != InputType::weight) return;
  if (config.weight != Weight::equal)
    refuse_pair("input_type=\"weight\" with a weight other than \"equal\"", "Pass weight=\"equal\".");
  if (config.max_weight != 1.0) refuse_pair("max_weight with input_type=\"weight\"", "Cap the weights of the signal itself.");
}

void check_combinations(const RunConfig& config) {
  check_values(config);
  check_ranking(config);
  if (has_analysis(config, "capacity") && !config.calc_turnover)
    refuse_pair("analysis \"capacity\" with calc_turnover=False", "Pass calc_turnover=True.");
  if (config.overlap == 1) return;
  if (config.hold_days != 1)
    refuse_pair("overlap with hold_days other than 1", "Leave one of them out: both hold a name for longer.");
  if (config.drift != Drift::false_) refuse_pair("overlap with drift", "Leave one of them out: overlapping weights are targets.");
}

}  // namespace

void validate(const RunConfig& config) {
#define FRACTILE_OPTION(type, name, initial, ...) check_value(*find_option(#name), config.name);
#include "fractile/run_options.def"
  check_percents(config);
  check_exit_percents(config);
  check_factors(config);
  check_power_law(config);
  check_combinations(config);
}

}  // namespace fractile
