// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <bit>
#include <cstdint>
#include <string>
#include <string_view>

#include "ingest/read_options.hpp"

/// The one reader of numbers that are written as texts.
namespace fractile {

enum class NumberText : std::uint8_t {
  missing,
  number,
  zero_padded,  ///< a whole number with zeros in front: a code, unless its column is known to be a number
  inexact,      ///< a whole number that float64 cannot hold
  text,
};

/// Reads " 1.5 ", "-2e3", "inf"; "1,234" and "1,5" where the rules say so. `out` is set for number, zero_padded and inexact,
/// before any scale.
NumberText read_number(std::string_view text, const ColumnRules& rules, double& out) noexcept;
/// Empty, a usual text for a missing value (NA, NaN, null, ...), or one of the rules'.
bool is_missing_text(std::string_view trimmed, const ColumnRules& rules) noexcept;
/// NA, NULL, None and the like: missing in columns of numbers and dates, a value among texts.
bool is_usual_missing_text(std::string_view trimmed) noexcept;
/// The remedy for a text among numbers: read its marks, or make it missing.
std::string number_remedy(std::string_view text, const ColumnRules& rules);
/// The remedy of the first of several such texts of one column: all of them are made missing.
std::string number_remedy(const std::vector<std::string>& texts, const ColumnRules& rules);
/// True for 0 to 9, whatever the locale.
constexpr bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }
/// Without ASCII spaces and tabs at both ends.
std::string_view trim(std::string_view text) noexcept;
/// float64 holds every smaller whole number.
inline constexpr double kFirstInexact = 9007199254740992.0;
/// True if float64 holds the whole number of this magnitude.
constexpr bool is_exact(std::uint64_t magnitude) noexcept {
  return magnitude == 0 || magnitude >> std::countr_zero(magnitude) < std::uint64_t{1} << 53;
}

}  // namespace fractile
