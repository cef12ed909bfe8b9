// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "ingest/date_text.hpp"

/// Dates in a format that the user names, and guesses of formats that fit a column.
namespace fractile {

/// Throws INVALID_VALUE unless it is unix_s, unix_ms, unix_us, unix_ns or made of %Y %y %m %d %b %B %j %H %I %M %S %f %p %z with
/// a year, and a month or %j.
void check_date_format(const std::string& format);
/// Reads the whole text. A format without a day means the last calendar day of the month. An offset (%z) is dropped.
bool parse_with_format(std::string_view text, std::string_view format, Instant& out) noexcept;
/// Epoch numbers: `format` is unix_s, unix_ms, unix_us or unix_ns. False for another format, and beyond the years of a Day.
bool parse_unix(double number, std::string_view format, Instant& out) noexcept;

/// The formats that fit all texts shown to it.
class FormatGuess {
 public:
  FormatGuess();
  void see(std::string_view text);
  void see_number(double number);
  /// The best format first; several formats if they read different dates.
  std::vector<std::string> fitting() const;

 private:
  struct Candidate {
    std::string format;
    std::uint64_t dates = 0;  ///< a hash of what it has read
  };
  std::vector<Candidate> left_;
};

}  // namespace fractile
