// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "config/options.hpp"
#include "fractile/config.hpp"

/// Values of options by the type of their field: their kind, and their canonical JSON text.
namespace fractile {

/// The names of an enumeration, in the order of its values. Empty for other types.
template <class T>
std::vector<std::string_view> choices_of() {
  return {};
}
#define FRACTILE_CHOICE(type, ...) \
  template <>                      \
  std::vector<std::string_view> choices_of<type>();
#include "fractile/run_options.def"

constexpr OptionType type_of(const bool*) { return OptionType::boolean; }
constexpr OptionType type_of(const int*) { return OptionType::whole; }
constexpr OptionType type_of(const double*) { return OptionType::real; }
constexpr OptionType type_of(const std::string*) { return OptionType::text; }
constexpr OptionType type_of(const Texts*) { return OptionType::texts; }
constexpr OptionType type_of(const Wholes*) { return OptionType::wholes; }
constexpr OptionType type_of(const Numbers*) { return OptionType::numbers; }
constexpr OptionType type_of(const TwoReals*) { return OptionType::two_reals; }
constexpr OptionType type_of(const MaybeReal*) { return OptionType::real; }
constexpr OptionType type_of(const MaybeTwoReals*) { return OptionType::two_reals; }
constexpr OptionType type_of(const Levels*) { return OptionType::bps_map; }
constexpr OptionType type_of(const Universe*) { return OptionType::universe; }
constexpr OptionType type_of(const Resid*) { return OptionType::resid; }
constexpr OptionType type_of(const Drift*) { return OptionType::switch_; }
template <class Choice>
  requires std::is_enum_v<Choice>
constexpr OptionType type_of(const Choice*) {
  return OptionType::choice;
}

/// The shortest text that reads back to the same bits.
std::string write_number(double x);
/// A JSON string.
std::string write_text(std::string_view text);

// Values as canonical JSON.
std::string write_value(const OptionDeclaration& option, bool x);
std::string write_value(const OptionDeclaration& option, int x);
std::string write_value(const OptionDeclaration& option, double x);
std::string write_value(const OptionDeclaration& option, const std::string& x);
std::string write_value(const OptionDeclaration& option, const Texts& x);
std::string write_value(const OptionDeclaration& option, const Wholes& x);
std::string write_value(const OptionDeclaration& option, const Numbers& x);
std::string write_value(const OptionDeclaration& option, const TwoReals& x);
std::string write_value(const OptionDeclaration& option, const Levels& x);
std::string write_value(const OptionDeclaration& option, const Universe& x);
/// The names true and false are written without quotes.
std::string write_value(const OptionDeclaration& option, Drift x);
template <class T>
std::string write_value(const OptionDeclaration& option, const std::optional<T>& x) {
  return x ? write_value(option, *x) : "null";
}
template <class Choice>
  requires std::is_enum_v<Choice>
std::string write_value(const OptionDeclaration&, Choice x) {
  return write_text(choices_of<Choice>()[static_cast<std::size_t>(x)]);
}

}  // namespace fractile
