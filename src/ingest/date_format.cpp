// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "ingest/date_format.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "fractile/error.hpp"
#include "ingest/number_text.hpp"

namespace fractile {
namespace {

constexpr std::array<std::string_view, 12> kMonths{"january", "february", "march",     "april",   "may",      "june",
                                                   "july",    "august",   "september", "october", "november", "december"};
constexpr std::string_view kDirectives = "YymdbBjHIMSfpz%";

char lower(char c) noexcept { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

/// Reads digits at the front; their count is within the two bounds.
bool take_number(std::string_view& text, int least, int most, int& out) noexcept {
  int n = 0;
  out = 0;
  while (n < most && !text.empty() && is_digit(text[0])) {
    out = out * 10 + (text[0] - '0');
    text.remove_prefix(1);
    ++n;
  }
  return n >= least;
}

bool take_word(std::string_view& text, std::string_view word) noexcept {
  if (text.size() < word.size()) return false;
  for (std::size_t i = 0; i < word.size(); ++i)
    if (lower(text[i]) != word[i]) return false;
  text.remove_prefix(word.size());
  return true;
}

bool take_month(std::string_view& text, bool is_short, int& out) noexcept {
  for (std::size_t m = 0; m < kMonths.size(); ++m)
    if (take_word(text, is_short ? kMonths[m].substr(0, 3) : kMonths[m])) {
      out = static_cast<int>(m) + 1;
      return true;
    }
  return false;
}

struct Fields {
  int year = 0, month = 0, day = 0, day_of_year = 0, hour = 0, minute = 0, second = 0;
  std::int64_t nanos = 0;
  bool is_twelve = false, is_afternoon = false;
};

bool take_field(std::string_view& text, char directive, bool is_packed, Fields& out) noexcept {
  // Adjacent fields must have all their digits; other fields may lack a leading zero.
  const int least = is_packed ? 2 : 1;
  switch (directive) {
    case 'Y': return take_number(text, 4, 4, out.year);
    case 'y':
      if (!take_number(text, 2, 2, out.year)) return false;
      out.year += out.year < 69 ? 2000 : 1900;  // as POSIX has it
      return true;
    case 'm': return take_number(text, least, 2, out.month);
    case 'd': return take_number(text, least, 2, out.day) && out.day > 0;
    case 'j': return take_number(text, is_packed ? 3 : 1, 3, out.day_of_year) && out.day_of_year > 0;
    case 'b': return take_month(text, true, out.month);
    case 'B': return take_month(text, false, out.month);
    case 'H': return take_number(text, least, 2, out.hour) && out.hour < 24;
    case 'I': return out.is_twelve = take_number(text, least, 2, out.hour) && out.hour >= 1 && out.hour <= 12;
    case 'M': return take_number(text, 2, 2, out.minute) && out.minute < 60;
    case 'S': return take_number(text, 2, 2, out.second) && out.second < 60;
    case 'f': return take_fraction(text, out.nanos);
    case 'p': out.is_afternoon = take_word(text, "pm"); return out.is_afternoon || take_word(text, "am");
    case 'z': {
      std::int64_t dropped = 0;
      std::size_t n = 0;
      while (n < text.size() && (is_digit(text[n]) || std::string_view("+-:Z").find(text[n]) != std::string_view::npos)) ++n;
      const bool is_offset = parse_offset(text.substr(0, n), dropped);
      text.remove_prefix(n);
      return is_offset;
    }
    default: return take(text, '%');
  }
}

bool to_instant(const Fields& fields, bool has_day, Instant& out) noexcept {
  if (fields.year < 1 || (fields.day_of_year == 0 && (fields.month < 1 || fields.month > 12))) return false;
  Day day = 0;
  if (fields.day_of_year > 0) {
    day = day_from_civil(fields.year, 1, 1) + fields.day_of_year - 1;
    if (civil_from_day(day).year != fields.year) return false;
  } else if (!has_day) {
    day = (fields.month == 12 ? day_from_civil(fields.year + 1, 1, 1) : day_from_civil(fields.year, fields.month + 1, 1)) - 1;
  } else {
    day = day_from_civil(fields.year, fields.month, fields.day);
    if (civil_from_day(day).day != fields.day) return false;
  }
  const int hour = fields.is_twelve ? fields.hour % 12 + (fields.is_afternoon ? 12 : 0) : fields.hour;
  out = {day * kSecondsPerDay + (hour * 60 + fields.minute) * 60 + fields.second, fields.nanos};
  return true;
}

constexpr std::string_view kUnix[] = {"unix_s", "unix_ms", "unix_us", "unix_ns"};

bool has_directive(std::string_view format, std::string_view any_of) {
  for (std::size_t i = 0; i + 1 < format.size(); ++i)
    if (format[i] == '%') {
      if (any_of.find(format[++i]) != std::string_view::npos) return true;
    }
  return false;
}

}  // namespace

void check_date_format(const std::string& format) {
  if (std::find(std::begin(kUnix), std::end(kUnix), format) != std::end(kUnix)) return;
  const auto refuse = [&](std::string_view found) {
    throw Error(
        ErrorCode::INVALID_VALUE,
        fmt::format("expected date_format as unix_s, unix_ms, unix_us, unix_ns, or of the fields %Y %y %m %b %B %d %j %H %I "
                    "%M %S %f %p %z with a year and a month, found \"{}\"{}. Write it like %d/%m/%Y.",
                    format.substr(0, 80), found));
  };
  for (std::size_t i = 0; i < format.size(); ++i)
    if (format[i] == '%' && (++i == format.size() || kDirectives.find(format[i]) == std::string_view::npos))
      refuse(i < format.size() ? fmt::format(" with the field %{}", format[i]) : std::string(" with an open %"));
  if (!has_directive(format, "Yy") || !has_directive(format, "mbBj")) refuse("");
  // Texts of this shape are dates without any format, which have the month first.
  if (format.starts_with("%Y-%d-%m") || format.starts_with("%Y%d%m"))
    refuse(", while 2020-03-04 and 20200304 are 4 March in every column");
}

bool parse_with_format(std::string_view text, std::string_view format, Instant& out) noexcept {
  Fields fields;
  bool has_day = false;
  for (std::size_t i = 0; i < format.size(); ++i) {
    if (format[i] != '%' || i + 1 == format.size()) {
      if (!take(text, format[i])) return false;
      continue;
    }
    const char directive = format[++i];
    has_day |= directive == 'd';
    const bool is_packed = i + 1 < format.size() && format[i + 1] == '%';
    if (!take_field(text, directive, is_packed || (i >= 3 && format[i - 3] == '%'), fields)) return false;
  }
  return text.empty() && to_instant(fields, has_day, out);
}

bool parse_unix(double number, std::string_view format, Instant& out) noexcept {
  const auto* const found = std::find(std::begin(kUnix), std::end(kUnix), format);
  if (found == std::end(kUnix)) return false;
  constexpr double kTicks[] = {1.0, 1e3, 1e6, 1e9};
  const double ticks = kTicks[found - std::begin(kUnix)];
  if (!(std::fabs(number / ticks) < 2e11)) return false;
  const double second = std::floor(number / ticks);
  out.seconds = static_cast<std::int64_t>(second);
  // The rest is exact: both are whole, or fractions of a second of a few digits.
  const double rest = number - second * ticks;
  out.nanos = std::clamp<std::int64_t>(std::llround(rest * (1e9 / ticks)), 0, kNanosPerSecond - 1);
  return true;
}

FormatGuess::FormatGuess() {
  constexpr std::string_view kDateParts[] = {"%d/%m/%Y", "%m/%d/%Y", "%Y/%m/%d",  "%d.%m.%Y",  "%m.%d.%Y", "%Y.%m.%d",
                                             "%d-%m-%Y", "%m-%d-%Y", "%Y-%m-%d",  "%d%b%Y",    "%d-%b-%Y", "%d %b %Y",
                                             "%d-%b-%y", "%d%b%y",   "%b %d, %Y", "%B %d, %Y", "%d %B %Y", "%d/%m/%y",
                                             "%m/%d/%y", "%d.%m.%y", "%m.%d.%y",  "%d-%m-%y",  "%m-%d-%y", "%y/%m/%d",
                                             "%y.%m.%d", "%y-%m-%d", "%Y%m%d",    "%d%m%Y",    "%m%d%Y",   "%Y年%m月%d日"};
  constexpr std::string_view kTimes[] = {"",          " %H:%M",  " %H:%M:%S", " %H:%M:%S.%f", " %I:%M %p",   " %I:%M:%S %p",
                                         "T%H:%M:%S", " %H%M%S", "T%H%M%S",   "T%H:%M:%S%z",  " %H:%M:%S%z", ":%H:%M:%S"};
  for (const std::string_view date : kDateParts)
    for (const std::string_view time : kTimes) left_.push_back({std::string(date) + std::string(time)});
  for (const std::string_view other :
       {"%Y-%m", "%Y%m",         "%m/%Y",      "%Y/%m",  "%Y.%m",  "%m-%Y",  "%b %Y",  "%b-%Y",   "%b-%y",   "%B %Y",
        "%Ym%m", "%Y%m%d%H%M%S", "%Y%m%d%H%M", "%y%m%d", "%d%m%y", "%m%d%y", "unix_s", "unix_ms", "unix_us", "unix_ns"})
    left_.push_back({std::string(other)});
}

void FormatGuess::see(std::string_view text) {
  double number = 0.0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), number);
  const bool is_number = failed == std::errc{} && end == text.data() + text.size();
  std::vector<Candidate> left;
  for (Candidate& candidate : left_) {
    Instant instant;
    const bool is_epoch = candidate.format.starts_with("unix");
    const bool is_read = is_epoch ? is_number && parse_unix(number, candidate.format, instant)
                                  : parse_with_format(text, candidate.format, instant);
    // Only dates of 1980 to 2100 are guessed from epoch numbers.
    if (!is_read || (is_epoch && (instant.seconds < 315532800 || instant.seconds > 4102444800))) continue;
    constexpr std::uint64_t kOdd = 0x9e3779b97f4a7c15;
    candidate.dates = (candidate.dates ^ static_cast<std::uint64_t>(instant.seconds)) * kOdd;
    candidate.dates = (candidate.dates ^ static_cast<std::uint64_t>(instant.nanos)) * kOdd;
    left.push_back(std::move(candidate));
  }
  left_ = std::move(left);
}

void FormatGuess::see_number(double number) {
  see(number == std::floor(number) && std::fabs(number) < 1e18 ? fmt::format("{:.0f}", number) : fmt::format("{}", number));
}

std::vector<std::string> FormatGuess::fitting() const {
  // The list is in order of likelihood. %b and %B read one date in May.
  std::vector<std::string> out;
  std::vector<std::uint64_t> read;
  for (const Candidate& candidate : left_) {
    if (std::find(read.begin(), read.end(), candidate.dates) != read.end()) continue;
    read.push_back(candidate.dates);
    out.push_back(candidate.format);
  }
  return out;
}

}  // namespace fractile
