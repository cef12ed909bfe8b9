// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <variant>

namespace fractile {

/// Days since 1970-01-01 (proleptic Gregorian).
using Day = std::int32_t;
/// Number of a trading day in a snapshot's calendar: 0, 1, 2, ... without gaps.
using DateIndex = std::int32_t;
/// Rank of a security among the snapshot's ids in security order: ascending integers, texts by their UTF-8 bytes.
using SecurityIndex = std::int32_t;
/// Place of a panel row in a snapshot's columns. Rows are date-major, securities ascending within a day.
using RowIndex = std::int32_t;

inline constexpr Day kMissingDay = std::numeric_limits<Day>::min();
/// A placeholder for a missing id. Only the bitmap beside it says that the id is missing: this number is also an ordinary id.
inline constexpr std::int64_t kMissingId = std::numeric_limits<std::int64_t>::min();
inline constexpr std::int64_t kMissingTime = std::numeric_limits<std::int64_t>::min();
/// A missing value in a column of whole numbers or of text codes.
inline constexpr std::int32_t kMissingCode = std::numeric_limits<std::int32_t>::min();
inline constexpr RowIndex kNoRow = -1;
/// A missing real, or a statistic that is not defined.
inline constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

/// The kind of a snapshot's security ids.
enum class IdType : std::uint8_t { integer, text };
constexpr std::string_view id_type_name(IdType type) noexcept { return type == IdType::text ? "text" : "integer"; }
/// An id of either kind.
using SecurityId = std::variant<std::int64_t, std::string>;
/// The digits of an integer, or the text itself.
std::string format_id(const SecurityId& id);

/// How reals are stored in a snapshot and read in a run.
enum class Storage : std::uint8_t { float32, float64 };

struct CivilDate {
  int year;
  int month;  ///< 1 ... 12
  int day;    ///< 1 ... 31
};

/// Conversions between days and civil dates in O(1). The first is exact for every Day, the second for years -32767 ... 32767.
CivilDate civil_from_day(Day day) noexcept;
Day day_from_civil(int year, int month, int day) noexcept;
/// "2020-01-02".
std::string format_day(Day day);
/// Reads "2020-01-02" (a time after it is refused). Returns false if the text is not a date.
bool parse_day(std::string_view text, Day& out) noexcept;

}  // namespace fractile
