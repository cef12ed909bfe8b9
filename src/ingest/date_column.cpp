// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "ingest/date_column.hpp"

#include <date/tz.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <string_view>
#include <vector>

#include "arrow/arrow_visit.hpp"
#include "fractile/error.hpp"
#include "ingest/number_text.hpp"
#include "types/quoted_text.hpp"

namespace fractile {
namespace {

/// Seconds from 1970 to the year 9999; zones are not looked up beyond.
constexpr std::int64_t kFarFuture = 253402300800;

/// From an instant to local time in a zone; remembers the last offset and how long it holds.
class LocalTime {
 public:
  LocalTime(const ArrowSchema& schema, const std::string& zone) {
    if (zone.empty() || zone == "UTC" || zone == "Etc/UTC" || zone == "GMT" || zone == "Z") return;
    if (parse_offset(zone, offset_)) return;
    try {
      zone_ = date::locate_zone(zone);
    } catch (const std::exception&) {
      throw Error(ErrorCode::COLUMN_TYPE, "expected a time zone of the tz database in column \"" + arrow::column_name(schema) +
                                              "\", found \"" + zone + "\". Convert the column to local time without a zone.");
    }
  }
  std::int64_t offset_seconds(std::int64_t unix_seconds) {
    if (zone_ && std::abs(unix_seconds) < kFarFuture && (unix_seconds < begin_ || unix_seconds >= end_)) {
      const auto info = zone_->get_info(date::sys_seconds(std::chrono::seconds(unix_seconds)));
      begin_ = info.begin.time_since_epoch().count();
      end_ = info.end.time_since_epoch().count();
      offset_ = info.offset.count();
    }
    return offset_;
  }

 private:
  const date::time_zone* zone_ = nullptr;
  std::int64_t offset_ = 0;
  std::int64_t begin_ = 1;
  std::int64_t end_ = 0;
};

std::int64_t floor_divide(std::int64_t a, std::int64_t b) { return a / b - (a % b < 0 ? 1 : 0); }
std::int64_t floor_remainder(std::int64_t a, std::int64_t b) { return a % b < 0 ? a % b + b : a % b; }

std::int64_t ticks_per_second(DateUnit unit) {
  switch (unit) {
    case DateUnit::millisecond: return 1000;
    case DateUnit::microsecond: return 1000000;
    case DateUnit::nanosecond: return kNanosPerSecond;
    default: return 1;
  }
}

bool is_dictionary_of_values(const ArrowSchema& schema) {
  return schema.dictionary && describe_type(schema).kind != ArrowKind::text;
}

/// Several formats fit: usually no row tells day and month apart.
std::string name_formats(const std::vector<std::string>& formats) {
  std::string swapped = formats[0];
  const auto day = swapped.find("%d"), month = swapped.find("%m");
  if (day != std::string::npos && month != std::string::npos) std::swap(swapped[day + 1], swapped[month + 1]);
  std::string all;
  for (const std::string& format : formats) all += (all.empty() ? "" : " or ") + ("--date-format " + quote_for_shell(format));
  return (formats.size() == 2 && formats[1] == swapped ? "No row tells day and month apart. Name the right format: "
                                                       : "Several formats fit. Name the right one: ") +
         all;
}

bool is_whole(double number) { return number == std::floor(number) && std::fabs(number) < 9e18; }

}  // namespace

DateColumnReader::Read DateColumnReader::read_text(std::string_view given, Instant& out, bool& has_offset) const {
  const std::string_view text = trim(given);
  has_offset = false;
  if (!rules_.null_texts.empty() && rules_.is_null_text(text)) return Read::missing;
  if (parse_iso(text, out, has_offset)) return Read::date;
  if (text.empty() || text == "NaT" || is_usual_missing_text(text)) return Read::missing;
  double number = 0.0;
  const bool is_number = fractile::read_number(text, ColumnRules{}, number) != NumberText::text;
  if (is_number && rules_.is_null_number(number)) return Read::missing;
  // 20200102.0, as a column with missing values is written.
  Day day = 0;
  if (is_number && text.size() == 10 && text.ends_with(".0") && is_whole(number) &&
      parse_eight_digits(static_cast<std::int64_t>(number), day)) {
    out = {day * kSecondsPerDay, 0};
    return Read::date;
  }
  if (rules_.date_format.empty()) return Read::failed;
  if (is_number && parse_unix(number, rules_.date_format, out)) return Read::date;
  if (parse_with_format(text, rules_.date_format, out)) return Read::date;
  // 202001.0 by %Y%m.
  if (is_number && text.ends_with(".0") && parse_with_format(text.substr(0, text.size() - 2), rules_.date_format, out))
    return Read::date;
  return Read::failed;
}

DateColumnReader::Read DateColumnReader::read_number(double number, Instant& out) const {
  if (number != number || rules_.is_null_number(number)) return Read::missing;
  Day day = 0;
  if (is_whole(number) && parse_eight_digits(static_cast<std::int64_t>(number), day)) {
    out = {day * kSecondsPerDay, 0};
    return Read::date;
  }
  if (rules_.date_format.empty()) return Read::failed;
  if (parse_unix(number, rules_.date_format, out)) return Read::date;
  if (is_whole(number) && parse_with_format(fmt::format("{:.0f}", number), rules_.date_format, out)) return Read::date;
  return Read::failed;
}

void DateColumnReader::note_offset(bool has_offset, std::string_view text, std::int64_t row) {
  std::optional<Example>& first = has_offset ? first_aware_ : first_naive_;
  if (!first) first = Example{std::string(text), row};
}

void DateColumnReader::fail(std::string_view text, std::int64_t row) {
  if (!guess_) guess_.emplace();
  if (!first_failed_) first_failed_ = Example{std::string(text), row};
  guess_->see(trim(text));
}

template <class Visit>
void DateColumnReader::visit_texts(const ArrowSchema& schema, const arrow::Chunk& chunk, Visit&& visit) {
  read_texts(schema, chunk, [&](std::int64_t i, std::string_view text, bool null) {
    Instant instant;
    bool has_offset = false;
    const Read read = null ? Read::missing : read_text(text, instant, has_offset);
    if (read == Read::failed) fail(text, chunk.first_row + i);
    if (read == Read::date && (has_offset ? !first_aware_ : !first_naive_)) note_offset(has_offset, text, chunk.first_row + i);
    visit(i, read != Read::date, instant);
  });
}

/// Each text of a dictionary is read once, as there are far fewer than rows. A wrong one is refused only if a row has it.
template <class Visit>
void DateColumnReader::visit_text_dictionary(const ArrowSchema& schema, const arrow::Chunk& chunk, Visit&& visit) {
  struct Entry {
    Instant instant;
    Read read = Read::missing;
    bool has_offset = false;
    bool is_seen = false;
    std::string_view text;
  };
  const arrow::Chunk values = arrow::dictionary_chunk(chunk);
  std::vector<Entry> entries(static_cast<std::size_t>(values.length));
  read_texts(*schema.dictionary, values, [&](std::int64_t i, std::string_view text, bool null) {
    Entry& entry = entries[static_cast<std::size_t>(i)];
    entry.text = text;
    if (!null) entry.read = read_text(text, entry.instant, entry.has_offset);
  });
  arrow::visit_indices(schema, chunk, [&](std::int64_t row, std::int64_t index) {
    if (index < 0) return visit(row, true, Instant{});
    Entry& entry = entries[static_cast<std::size_t>(index)];
    if (!entry.is_seen) {
      entry.is_seen = true;
      if (entry.read == Read::failed) fail(entry.text, chunk.first_row + row);
      if (entry.read == Read::date) note_offset(entry.has_offset, entry.text, chunk.first_row + row);
    }
    visit(row, entry.read != Read::date, entry.instant);
  });
}

template <class Visit>
void DateColumnReader::visit_numbers(const ArrowSchema& schema, const arrow::Chunk& chunk, Visit&& visit) {
  std::vector<double> numbers(static_cast<std::size_t>(chunk.length));
  read_doubles(schema, chunk, numbers.data());
  double last = std::numeric_limits<double>::quiet_NaN();
  Instant instant;
  Read read = Read::missing;
  for (std::int64_t i = 0; i < chunk.length; ++i) {
    const double number = numbers[static_cast<std::size_t>(i)];
    if (number != last) read = read_number(last = number, instant);
    if (read == Read::failed)
      fail(is_whole(number) ? fmt::format("{:.0f}", number) : fmt::format("{}", number), chunk.first_row + i);
    visit(i, read != Read::date, instant);
  }
}

void DateColumnReader::finish() const {
  if (first_failed_) {
    const std::vector<std::string> formats = guess_->fitting();
    const std::string found = show_text(first_failed_->text);
    std::string remedy;
    if (!rules_.date_format.empty())
      remedy = fmt::format("date_format \"{}\" does not fit it. Correct the format or the text", rules_.date_format);
    else if (formats.empty())
      remedy = "No format fits the whole column. Correct the text";
    else if (formats.size() == 1)
      remedy = fmt::format("Name the format: --date-format {}", quote_for_shell(formats[0]));
    else
      remedy = name_formats(formats);
    if (formats.empty() || !rules_.date_format.empty())
      remedy += fmt::format(", or make it missing: {}", null_remedy(rules_.column, first_failed_->text));
    throw Error(
        ErrorCode::COLUMN_TYPE,
        fmt::format("expected ISO dates such as 2020-01-02 or 2020-01-02T08:30:00, or 20200102, in column \"{}\", found {} at "
                    "row {}. {}.",
                    rules_.column, found, first_failed_->row, remedy));
  }
  if (first_aware_ && first_naive_)
    throw Error(
        ErrorCode::COLUMN_TYPE,
        fmt::format("expected dates that all have a zone offset or all have none in column \"{}\", found {} at row {} and "
                    "{} at row {}. Write all of them in one way.",
                    rules_.column, show_text(first_aware_->text), first_aware_->row, show_text(first_naive_->text),
                    first_naive_->row));
}

/// Calls visit(i, is_null, local instant) for any type of date.
template <class Visit>
void DateColumnReader::visit_instants(const ArrowSchema& schema, const arrow::Chunk& chunk, Visit&& visit) {
  const ArrowType type = describe_type(schema);
  if (type.kind == ArrowKind::text && schema.dictionary) return visit_text_dictionary(schema, chunk, visit);
  if (type.kind == ArrowKind::text) return visit_texts(schema, chunk, visit);
  if (type.kind == ArrowKind::integer || type.kind == ArrowKind::real || type.kind == ArrowKind::decimal || type.name == "null")
    return visit_numbers(schema, chunk, visit);
  if (type.kind == ArrowKind::date && type.bits == 32)
    return arrow::visit_values<std::int32_t>(*chunk.array, chunk.offset, chunk.length,
                                             [&](std::int64_t i, bool null, std::int32_t day) {
                                               visit(i, null || day == kMissingDay, Instant{day * kSecondsPerDay, 0});
                                             });
  if (type.kind != ArrowKind::date && type.kind != ArrowKind::timestamp)
    arrow::refuse_type(schema, "dates (date, timestamp, ISO text or eight digits)");
  const std::int64_t ticks = ticks_per_second(type.unit);
  LocalTime local(schema, type.timezone);
  arrow::visit_values<std::int64_t>(*chunk.array, chunk.offset, chunk.length, [&](std::int64_t i, bool null, std::int64_t t) {
    // numpy writes a missing time as the smallest number, and some exporters give no bitmap with it.
    if (null || t == kMissingTime) return visit(i, true, Instant{});
    // Far beyond any date that is told apart later; so the offset of a zone can be added.
    constexpr std::int64_t kLimit = INT64_MAX / 4;
    const std::int64_t seconds = std::clamp(floor_divide(t, ticks), -kLimit, kLimit);
    const std::int64_t nanos = floor_remainder(t, ticks) * (kNanosPerSecond / ticks);
    visit(i, false, Instant{seconds + local.offset_seconds(seconds), nanos});
  });
}

void DateColumnReader::read_days(const ArrowSchema& schema, const arrow::Chunk& chunk, Day* out) {
  if (is_dictionary_of_values(schema))
    return arrow::read_through_dictionary(
        schema, chunk, kMissingDay, out,
        [&](const ArrowSchema& s, const arrow::Chunk& values, Day* to) { read_days(s, values, to); });
  // A date beyond the reach of Day is held to its ends: it lies outside any calendar just the same.
  constexpr std::int64_t kFirst = kMissingDay + 1, kLast = std::numeric_limits<Day>::max();
  visit_instants(schema, chunk, [&](std::int64_t i, bool null, const Instant& t) {
    out[i] = null ? kMissingDay : static_cast<Day>(std::clamp(floor_divide(t.seconds, kSecondsPerDay), kFirst, kLast));
  });
}

void DateColumnReader::read_times(const ArrowSchema& schema, const arrow::Chunk& chunk, std::int64_t* out) {
  if (is_dictionary_of_values(schema))
    return arrow::read_through_dictionary(
        schema, chunk, kMissingTime, out,
        [&](const ArrowSchema& s, const arrow::Chunk& values, std::int64_t* to) { read_times(s, values, to); });
  visit_instants(schema, chunk,
                 [&](std::int64_t i, bool null, const Instant& t) { out[i] = null ? kMissingTime : to_micros(t); });
}

namespace {

template <class Work>
void read_alone(const ArrowSchema& schema, Work&& work) {
  ColumnRules rules;
  rules.column = arrow::column_name(schema);
  DateColumnReader reader(std::move(rules));
  work(reader);
  reader.finish();
}

}  // namespace

void read_days(const ArrowSchema& schema, const arrow::Chunk& chunk, Day* out) {
  read_alone(schema, [&](DateColumnReader& reader) { reader.read_days(schema, chunk, out); });
}

void read_times(const ArrowSchema& schema, const arrow::Chunk& chunk, std::int64_t* out) {
  read_alone(schema, [&](DateColumnReader& reader) { reader.read_times(schema, chunk, out); });
}

}  // namespace fractile
