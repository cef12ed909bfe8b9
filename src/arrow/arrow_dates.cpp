// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include <date/tz.h>

#include <algorithm>
#include <cstdlib>
#include <string_view>

#include "arrow/arrow_column.hpp"
#include "arrow/arrow_visit.hpp"
#include "fractile/error.hpp"
#include "types/date_text.hpp"

namespace fractile {
namespace {

constexpr std::int64_t kNanosPerSecond = 1000000000;
constexpr std::int64_t kSecondsPerDay = 86400;
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

[[noreturn]] void refuse_text(const ArrowSchema& schema, std::string_view text, std::int64_t row) {
  throw Error(ErrorCode::COLUMN_TYPE, "expected ISO dates such as 2020-01-02 or 2020-01-02T08:30:00 in column \"" +
                                          arrow::column_name(schema) + "\", found \"" + std::string(text.substr(0, 40)) +
                                          "\" at row " + std::to_string(row) + ". Convert the column to dates.");
}

/// Reads each text of a dictionary once, as there are far fewer than rows. One that is no date is refused
/// only where a row has it.
template <class Visit>
void visit_text_dictionary(const ArrowSchema& schema, const arrow::Chunk& chunk, Visit&& visit) {
  struct Entry {
    Instant instant;
    bool is_missing = false;
    bool is_bad = false;
    std::string_view text;
  };
  const arrow::Chunk values = arrow::dictionary_chunk(chunk);
  std::vector<Entry> entries(static_cast<std::size_t>(values.length));
  read_texts(*schema.dictionary, values, [&](std::int64_t i, std::string_view text, bool null) {
    Entry& entry = entries[static_cast<std::size_t>(i)];
    entry.is_missing = null || text.empty();
    entry.is_bad = !entry.is_missing && !parse_instant(text, entry.instant);
    entry.text = text;
  });
  const std::vector<std::int64_t> indices = arrow::read_indices(schema, chunk);
  for (std::size_t i = 0; i < indices.size(); ++i) {
    const auto row = static_cast<std::int64_t>(i);
    if (indices[i] < 0) {
      visit(row, true, Instant{});
      continue;
    }
    const Entry& entry = entries[static_cast<std::size_t>(indices[i])];
    if (entry.is_bad) refuse_text(schema, entry.text, chunk.first_row + row);
    visit(row, entry.is_missing, entry.instant);
  }
}

/// Calls visit(i, is_null, local instant) for any type of date.
template <class Visit>
void visit_instants(const ArrowSchema& schema, const arrow::Chunk& chunk, Visit&& visit) {
  const ArrowType type = describe_type(schema);
  if (type.kind == ArrowKind::text && schema.dictionary) return visit_text_dictionary(schema, chunk, visit);
  if (type.kind == ArrowKind::text)
    return read_texts(schema, chunk, [&](std::int64_t i, std::string_view text, bool null) {
      Instant instant;
      const bool is_missing = null || text.empty();
      if (!is_missing && !parse_instant(text, instant)) refuse_text(schema, text, chunk.first_row + i);
      visit(i, is_missing, instant);
    });
  if (type.kind == ArrowKind::date && type.bits == 32)
    return arrow::visit_values<std::int32_t>(*chunk.array, chunk.offset, chunk.length,
                                             [&](std::int64_t i, bool null, std::int32_t day) {
                                               visit(i, null || day == kMissingDay, Instant{day * kSecondsPerDay, 0});
                                             });
  if (type.kind != ArrowKind::date && type.kind != ArrowKind::timestamp)
    arrow::refuse_type(schema, "dates (date, timestamp or ISO text)");
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

bool is_dictionary_of_values(const ArrowSchema& schema) {
  return schema.dictionary && describe_type(schema).kind != ArrowKind::text;
}

}  // namespace

void read_days(const ArrowSchema& schema, const arrow::Chunk& chunk, Day* out) {
  if (is_dictionary_of_values(schema)) return arrow::read_through_dictionary(schema, chunk, kMissingDay, out, read_days);
  // A date beyond the reach of Day is held to its ends: it lies outside any calendar just the same.
  constexpr std::int64_t kFirst = kMissingDay + 1, kLast = std::numeric_limits<Day>::max();
  visit_instants(schema, chunk, [&](std::int64_t i, bool null, const Instant& t) {
    out[i] = null ? kMissingDay : static_cast<Day>(std::clamp(floor_divide(t.seconds, kSecondsPerDay), kFirst, kLast));
  });
}

void read_times(const ArrowSchema& schema, const arrow::Chunk& chunk, std::int64_t* out) {
  if (is_dictionary_of_values(schema)) return arrow::read_through_dictionary(schema, chunk, kMissingTime, out, read_times);
  visit_instants(schema, chunk,
                 [&](std::int64_t i, bool null, const Instant& t) { out[i] = null ? kMissingTime : to_micros(t); });
}

}  // namespace fractile
