// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "ingest/number_text.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <string>

namespace fractile {
namespace {

constexpr std::size_t kLongest = 400;  // characters of a number

/// Rewrites a number with the marks of the rules as one with a point. False if the marks have other places than in a number:
/// groups of thousands have three digits, and end before the decimal mark.
bool normalise(std::string_view text, const ColumnRules& rules, std::array<char, kLongest>& buffer, std::size_t& size) noexcept {
  size = 0;
  bool in_fraction = false;
  int group = -1;  // digits since the last separator; -1: none yet
  int lead = 0;    // digits before the first
  for (const char c : text) {
    if (rules.thousands != '\0' && c == rules.thousands) {
      if (in_fraction || (group < 0 ? lead < 1 || lead > 3 : group != 3)) return false;
      group = 0;
      continue;
    }
    if (is_digit(c)) {
      if (!in_fraction) ++(group < 0 ? lead : group);
    } else if (c == rules.decimal || c == 'e' || c == 'E') {
      if (!in_fraction && group >= 0 && group != 3) return false;
      if (c == rules.decimal && in_fraction) return false;
      in_fraction = true;
    } else if (c == '.') {
      return false;
    }
    buffer[size++] = c == rules.decimal ? '.' : c;
  }
  return in_fraction || group < 0 || group == 3;
}

}  // namespace

std::string_view trim(std::string_view text) noexcept {
  const auto is_space = [](char c) { return c == ' ' || c == '\t' || c == '\r'; };
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  return text;
}

std::string number_remedy(std::string_view text, const ColumnRules& rules) {
  return number_remedy(std::vector<std::string>{std::string(text)}, rules);
}

std::string number_remedy(const std::vector<std::string>& texts, const ColumnRules& rules) {
  const std::string_view text = trim(texts.front());
  const auto reads_with = [&](char decimal, char thousands) {
    ColumnRules other = rules;
    other.decimal = decimal;
    other.thousands = thousands;
    double number = 0.0;
    return read_number(text, other, number) == NumberText::number;
  };
  std::string remedy;
  double number = 0.0;
  if (rules.thousands == '\0' && rules.decimal == '.') {
    // "1,234" is either.
    if (reads_with('.', ',')) remedy = "Read its thousands: --thousands ,";
    if (reads_with(',', '\0'))
      remedy += remedy.empty() ? "Read its decimal comma: --decimal ," : " (or its decimal comma: --decimal ,)";
    if (remedy.empty() && reads_with(',', '.')) remedy = "Read its marks: --thousands . --decimal ,";
  }
  if (rules.thousands == '\0' && rules.decimal == ',' && reads_with('.', '\0')) remedy = "Read its decimal point: --decimal .";
  if (text.ends_with('%') && text.size() > 1 && read_number(text.substr(0, text.size() - 1), rules, number) == NumberText::number)
    return "Write it without the % sign, as a fraction: 0.05, not 5%";
  if (!remedy.empty()) return remedy + ", or make it missing: " + null_remedy(rules.column, text);
  std::vector<std::string> bare;
  for (const std::string& each : texts) bare.emplace_back(trim(each));
  return (bare.size() == 1 ? "Make it missing: " : "Make them missing: ") + null_remedy(rules.column, bare);
}

bool is_usual_missing_text(std::string_view text) noexcept {
  constexpr std::string_view kMissing[] = {"NA",   "NaN",  "nan",  "null", "NULL", "N/A",     "n/a",
                                           "#N/A", "<NA>", "None", ".",    "\\N",  "#N/A N/A"};
  return text.size() <= 8 && std::find(std::begin(kMissing), std::end(kMissing), text) != std::end(kMissing);
}

bool is_missing_text(std::string_view text, const ColumnRules& rules) noexcept {
  return text.empty() || is_usual_missing_text(text) || rules.is_null_text(text);
}

NumberText read_number(std::string_view given, const ColumnRules& rules, double& out) noexcept {
  std::string_view text = trim(given);
  if (text.empty()) return NumberText::missing;
  if (!rules.null_texts.empty() && rules.is_null_text(text)) return NumberText::missing;
  std::array<char, kLongest> buffer;
  std::size_t size = 0;
  const std::string_view whole = text;
  const bool has_plus = text.size() > 1 && text[0] == '+' && (is_digit(text[1]) || text[1] == '.');
  if (has_plus) text.remove_prefix(1);
  if (rules.decimal != '.' || rules.thousands != '\0') {
    if (text.size() > kLongest || !normalise(text, rules, buffer, size))
      return is_usual_missing_text(whole) ? NumberText::missing : NumberText::text;
    text = {buffer.data(), size};
  }
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), out);
  if (end != text.data() + text.size() || failed == std::errc::invalid_argument)
    return is_usual_missing_text(whole) ? NumberText::missing : NumberText::text;
  if (failed == std::errc::result_out_of_range) out = std::strtod(std::string(text).c_str(), nullptr);
  if (out != out) return is_usual_missing_text(whole) ? NumberText::missing : NumberText::text;
  if (!rules.null_numbers.empty() && rules.is_null_number(out)) return NumberText::missing;
  std::string_view digits = text;
  if (digits[0] == '-') digits.remove_prefix(1);
  if (digits.size() < 2 || !is_digit(digits[0]) || (digits[0] != '0' && digits.size() < 16)) return NumberText::number;
  if (!std::all_of(digits.begin(), digits.end(), is_digit)) return NumberText::number;
  if (digits[0] == '0') return NumberText::zero_padded;
  std::uint64_t exact = 0;
  const auto [last, overflow] = std::from_chars(digits.data(), digits.data() + digits.size(), exact);
  return overflow == std::errc{} && is_exact(exact) ? NumberText::number : NumberText::inexact;
}

}  // namespace fractile
