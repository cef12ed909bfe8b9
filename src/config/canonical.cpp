// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
//
// Options as canonical JSON text: the text of a run_id.
#include <fmt/format.h>

#include <map>
#include <nlohmann/json.hpp>

#include "config/option_values.hpp"

namespace fractile {
namespace {

template <class Values, class Show>
std::string list(const Values& values, Show&& show) {
  std::string out = "[";
  for (const auto& value : values) out += (out.size() > 1 ? "," : "") + std::string(show(value));
  return out + "]";
}

std::string write_rule(const UniverseRule& rule) {
  if (rule.is_list) return rule.texts.empty() ? list(rule.numbers, write_number) : list(rule.texts, write_text);
  const auto bound = [](const std::optional<double>& x) { return x ? write_number(*x) : std::string("null"); };
  return fmt::format("{{\"max\":{},\"min\":{}}}", bound(rule.max), bound(rule.min));
}

}  // namespace

std::string write_number(double x) { return fmt::format("{}", x + 0.0); }

std::string write_text(std::string_view text) {
  using Json = nlohmann::json;
  return Json(std::string(text)).dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string write_value(const OptionDeclaration&, bool x) { return x ? "true" : "false"; }
std::string write_value(const OptionDeclaration& option, int x) {
  if (x == 0 && !option.zero_name.empty()) return write_text(option.zero_name);
  return option.zero_is_null && x == 0 ? "null" : std::to_string(x);
}
std::string write_value(const OptionDeclaration&, double x) { return write_number(x); }
std::string write_value(const OptionDeclaration&, const std::string& x) { return x.empty() ? "null" : write_text(x); }
std::string write_value(const OptionDeclaration&, const Texts& x) { return list(x, write_text); }
std::string write_value(const OptionDeclaration&, const Wholes& x) { return list(x, write_number); }
std::string write_value(const OptionDeclaration&, const Numbers& x) { return list(x, write_number); }
std::string write_value(const OptionDeclaration&, const TwoReals& x) { return list(x, write_number); }

std::string write_value(const OptionDeclaration& option, const Levels& x) {
  std::string out = "{";
  for (std::size_t i = 0; i < x.size(); ++i)
    out += fmt::format("{}{}:{}", i ? "," : "", write_text(option.choices[i]), write_number(x[i]));
  return out + "}";
}

std::string write_value(const OptionDeclaration&, const Universe& rules) {
  if (rules.empty()) return "null";
  std::string out = "{";
  for (const UniverseRule& rule : rules) out += (out.size() > 1 ? "," : "") + write_text(rule.column) + ":" + write_rule(rule);
  return out + "}";
}

std::string write_value(const OptionDeclaration&, Drift x) {
  const std::string_view name = choices_of<Drift>()[static_cast<std::size_t>(x)];
  return x == Drift::book ? write_text(name) : std::string(name);
}

std::string config_to_json(const RunConfig& config, bool in_run_id) {
  std::map<std::string_view, std::string> entries;  // sorted by name
  const auto add = [&](std::string_view name, std::string text) {
    const OptionInfo& option = *find_option(name);
    if (in_run_id && (!option.in_run_id || (option.is_later && text == option.default_text))) return;
    entries[name] = std::move(text);
  };
#define FRACTILE_OPTION(type, name, initial, ...) add(#name, write_value(*find_option(#name), config.name));
#include "fractile/run_options.def"
  std::string out = "{";
  for (const auto& [name, text] : entries) out += (out.size() > 1 ? "," : "") + write_text(name) + ":" + text;
  return out + "}";
}

}  // namespace fractile
