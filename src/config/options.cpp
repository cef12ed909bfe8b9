// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "config/options.hpp"

#include <algorithm>

#include "config/option_values.hpp"

namespace fractile {
namespace {

/// "single, double_" as names without spaces and trailing underscores.
std::vector<std::string_view> split_names(std::string_view text) {
  std::vector<std::string_view> out;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(','), text.size());
    std::string_view name = text.substr(0, end);
    while (name.starts_with(' ')) name.remove_prefix(1);
    while (name.ends_with('_') || name.ends_with(' ')) name.remove_suffix(1);
    out.push_back(name);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return out;
}

OptionInfo make_option(std::string_view name, OptionType type, OptionDeclaration declaration, std::string default_text,
                       std::vector<std::string_view> choices) {
  OptionInfo option{std::move(declaration), name, type, std::move(default_text)};
  if (option.choices.empty()) option.choices = std::move(choices);
  return option;
}

/// The modules that `analysis` may name.
std::vector<std::string_view> analysis_names() {
  return {
#define FRACTILE_ANALYSIS(name) #name,
#include "schema/analysis_modules.def"
#undef FRACTILE_ANALYSIS
  };
}

const std::vector<OptionInfo>& table() {
  static const std::vector<OptionInfo> options = [] {
    const RunConfig initial_values;
    std::vector<OptionInfo> out;
#define FRACTILE_OPTION(field_type, name, initial, ...)                                                                         \
  {                                                                                                                             \
    const OptionDeclaration declaration{__VA_ARGS__};                                                                           \
    out.push_back(make_option(#name, type_of(&initial_values.name), declaration, write_value(declaration, initial_values.name), \
                              choices_of<field_type>()));                                                                       \
  }
#define FRACTILE_SPELLING(kind, name, initial, ...) \
  out.push_back(make_option(#name, OptionType::kind, OptionDeclaration{__VA_ARGS__}, initial, {}));
#include "fractile/run_options.def"
    for (OptionInfo& option : out)
      if (option.name == "analysis") option.choices = analysis_names();
    return out;
  }();
  return options;
}

}  // namespace

#define FRACTILE_CHOICE(type, ...)                       \
  template <>                                            \
  std::vector<std::string_view> choices_of<type>() {     \
    static const auto names = split_names(#__VA_ARGS__); \
    return names;                                        \
  }
#include "fractile/run_options.def"

std::string_view option_type_name(OptionType type) noexcept {
  switch (type) {
    case OptionType::boolean: return "boolean";
    case OptionType::whole: return "whole";
    case OptionType::real: return "real";
    case OptionType::choice: return "choice";
    case OptionType::text: return "text";
    case OptionType::texts: return "texts";
    case OptionType::wholes: return "wholes";
    case OptionType::numbers: return "numbers";
    case OptionType::two_reals: return "two_reals";
    case OptionType::bps_map: return "bps_map";
    case OptionType::universe: return "universe";
    case OptionType::resid: return "resid";
    case OptionType::switch_: return "switch";
  }
  return "";
}

std::span<const OptionInfo> run_options() { return table(); }

const OptionInfo* find_option(std::string_view name) {
  const auto found = std::find_if(table().begin(), table().end(), [&](const OptionInfo& o) { return o.name == name; });
  return found == table().end() ? nullptr : &*found;
}

}  // namespace fractile
