// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "fractile/types.hpp"

#include <gtest/gtest.h>

#include <limits>
#include <set>
#include <string>

#include "fractile/error.hpp"
#include "types/hash.hpp"

namespace fractile {
namespace {

TEST(Dates, KnownDays) {
  EXPECT_EQ(day_from_civil(1970, 1, 1), 0);
  EXPECT_EQ(day_from_civil(1969, 12, 31), -1);
  EXPECT_EQ(day_from_civil(2000, 2, 29), 11016);
  EXPECT_EQ(day_from_civil(2020, 1, 2), 18263);
  EXPECT_EQ(day_from_civil(1600, 3, 1) - day_from_civil(1600, 2, 28), 2);
  EXPECT_EQ(day_from_civil(1900, 3, 1) - day_from_civil(1900, 2, 28), 1);
}

TEST(Dates, CivilIsTheInverseAndDaysFollowEachOther) {
  CivilDate before = civil_from_day(-800001);
  for (Day day = -800000; day <= 3000000; ++day) {
    const CivilDate date = civil_from_day(day);
    ASSERT_EQ(day_from_civil(date.year, date.month, date.day), day);
    ASSERT_TRUE(date.month >= 1 && date.month <= 12 && date.day >= 1 && date.day <= 31);
    const bool is_next = date.day == before.day + 1 && date.month == before.month && date.year == before.year;
    ASSERT_TRUE(is_next || date.day == 1) << format_day(day);
    before = date;
  }
}

TEST(Dates, TextAndBack) {
  Day day = 0;
  for (const char* text : {"2020-01-02", "1999-12-31", "0001-01-01", "2024-02-29"}) {
    ASSERT_TRUE(parse_day(text, day)) << text;
    EXPECT_EQ(format_day(day), text);
  }
}

TEST(Dates, TextsThatAreNoDates) {
  Day day = 0;
  for (const char* text :
       {"", "2020-1-2", "2020-02-30", "2021-02-29", "2020-13-01", "2020-00-10", "2020-01-00", "2020-01-32", "2020/01/02",
        "20200102", "2020-01-02 ", "2020-01-02T00:00:00", " 020-01-02", "-020-01-02", "2020-+1-02"})
    EXPECT_FALSE(parse_day(text, day)) << text;
}

TEST(Dates, TheEndsOfDayAreDates) {
  EXPECT_EQ(format_day(std::numeric_limits<Day>::max()), "5881580-07-11");
  EXPECT_EQ(format_day(kMissingDay + 1), "-5877641-06-24");
}

TEST(Errors, TableIsWhole) {
  std::set<std::string_view> names;
  std::set<int> numbers;
#define FRACTILE_X(name_, number_, category_, http_)          \
  {                                                           \
    const ErrorInfo info = error_info(ErrorCode::name_);      \
    EXPECT_EQ(info.name, #name_);                             \
    EXPECT_EQ(static_cast<int>(info.code), number_);          \
    EXPECT_EQ(info.category, ErrorCategory::category_);       \
    EXPECT_EQ(info.http_status, http_);                       \
    EXPECT_TRUE(names.insert(info.name).second) << info.name; \
    EXPECT_TRUE(numbers.insert(number_).second) << info.name; \
  }
  FRACTILE_ERROR_TABLE(FRACTILE_X)
#undef FRACTILE_X
  EXPECT_EQ(error_info(static_cast<ErrorCode>(12345)).name, "INTERNAL");
}

TEST(Errors, MessageBeginsWithTheName) {
  const Error error(ErrorCode::INVALID_VALUE, "expected 1, found 2 in \"lag\". Change it.");
  EXPECT_STREQ(error.what(), "INVALID_VALUE: expected 1, found 2 in \"lag\". Change it.");
  EXPECT_EQ(error.code(), ErrorCode::INVALID_VALUE);
  EXPECT_STREQ(Error(ErrorCode::NO_SNAPSHOTS, "No snapshots found in snapshots/.").what(), "No snapshots found in snapshots/.");
}

TEST(Hash, IsXxh3InOnePieceAndInParts) {
  // The 128-bit XXH3 of nothing, from its specification.
  EXPECT_EQ(hash_text(""), "99aa06d3014798d86001c324468d497f");
  const std::string text(5000, 'x');
  StreamHash hash;
  for (int part = 0; part < 5; ++part) hash.update(text.data() + 1000 * part, 1000);
  EXPECT_EQ(hash.digest(), hash_bytes(text.data(), text.size()));
  EXPECT_EQ(to_hex(hash.digest()), hash_text(text));
  hash.reset();
  EXPECT_EQ(to_hex(hash.digest()), hash_text(""));
}

}  // namespace
}  // namespace fractile
