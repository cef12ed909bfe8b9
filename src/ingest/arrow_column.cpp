// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "ingest/arrow_column.hpp"

#include <date/tz.h>

#include <charconv>
#include <cmath>
#include <cstring>
#include <limits>
#include <map>
#include <mutex>

#include "fractile/error.hpp"

namespace fractile {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr std::int64_t kNanosPerSecond = 1000000000;
constexpr std::int64_t kSecondsPerDay = 86400;
using Chunk = ArrowBatches::Chunk;

std::string column_name(const ArrowSchema& schema) { return schema.name ? schema.name : ""; }

[[noreturn]] void refuse_type(const ArrowSchema& schema, const char* expected) {
  throw Error(ErrorCode::COLUMN_TYPE, std::string("expected ") + expected + " in column \"" + column_name(schema) +
                                          "\", found " + describe_type(schema).name + ". Convert the column first.");
}

template <class T>
const T* buffer(const ArrowArray& array, std::int64_t i) {
  return i < array.n_buffers ? static_cast<const T*>(array.buffers[i]) : nullptr;
}

bool is_null(const ArrowArray& array, std::int64_t at) {
  if (array.null_count == 0) return false;
  const auto* bits = buffer<std::uint8_t>(array, 0);
  return bits && (bits[at / 8] >> (at % 8) & 1) == 0;
}

/// Calls visit(i, is_null, value) with plain values of type T.
template <class T, class Visit>
void visit_values(const ArrowArray& array, std::int64_t offset, std::int64_t length, Visit&& visit) {
  const T* values = buffer<T>(array, 1);
  const bool may_be_null = array.null_count != 0 && buffer<std::uint8_t>(array, 0);
  for (std::int64_t i = 0; i < length; ++i)
    if (may_be_null && is_null(array, offset + i))
      visit(i, true, T{});
    else
      visit(i, !values, values ? values[offset + i] : T{});
}

double half_to_double(std::uint16_t bits) {
  const int exponent = bits >> 10 & 31, mantissa = bits & 1023;
  double value = exponent == 0    ? std::ldexp(mantissa, -24)
                 : exponent == 31 ? (mantissa ? kNaN : std::numeric_limits<double>::infinity())
                                  : std::ldexp(mantissa + 1024, exponent - 25);
  return bits >> 15 ? -value : value;
}

/// Visits any plain numeric array as type V (double or int64), by its Arrow type.
template <class V, class Visit>
bool visit_numbers(const ArrowType& type, const ArrowArray& array, std::int64_t offset, std::int64_t length,
                   Visit&& visit) {
  const auto cast = [&](std::int64_t i, bool null, auto value) { visit(i, null, static_cast<V>(value)); };
  if (type.kind == ArrowKind::integer) {
    switch (type.bits * (type.is_unsigned ? -1 : 1)) {
      case 8: visit_values<std::int8_t>(array, offset, length, cast); return true;
      case -8: visit_values<std::uint8_t>(array, offset, length, cast); return true;
      case 16: visit_values<std::int16_t>(array, offset, length, cast); return true;
      case -16: visit_values<std::uint16_t>(array, offset, length, cast); return true;
      case 32: visit_values<std::int32_t>(array, offset, length, cast); return true;
      case -32: visit_values<std::uint32_t>(array, offset, length, cast); return true;
      case 64: visit_values<std::int64_t>(array, offset, length, cast); return true;
      default: visit_values<std::uint64_t>(array, offset, length, cast); return true;
    }
  }
  if (type.kind == ArrowKind::boolean) {
    const auto* bits = buffer<std::uint8_t>(array, 1);
    for (std::int64_t i = 0; i < length; ++i) {
      const std::int64_t at = offset + i;
      const bool null = !bits || is_null(array, at);
      visit(i, null, static_cast<V>(null ? 0 : bits[at / 8] >> (at % 8) & 1));
    }
    return true;
  }
  if constexpr (std::is_same_v<V, double>) {
    if (type.kind == ArrowKind::real) {
      if (type.bits == 64)
        visit_values<double>(array, offset, length, cast);
      else if (type.bits == 32)
        visit_values<float>(array, offset, length, cast);
      else
        visit_values<std::uint16_t>(array, offset, length,
                                    [&](std::int64_t i, bool null, std::uint16_t v) { visit(i, null, half_to_double(v)); });
      return true;
    }
  }
  return false;
}

ArrowType index_type(const ArrowSchema& schema) {
  ArrowSchema plain = schema;
  plain.dictionary = nullptr;
  return describe_type(plain);
}

/// Where each row of a dictionary column points; -1 where it is null.
std::vector<std::int64_t> read_indices(const ArrowSchema& schema, const Chunk& chunk) {
  std::vector<std::int64_t> out(static_cast<std::size_t>(chunk.length), -1);
  const std::int64_t n_values = chunk.array->dictionary ? chunk.array->dictionary->length : 0;
  visit_numbers<std::int64_t>(index_type(schema), *chunk.array, chunk.offset, chunk.length,
                              [&](std::int64_t i, bool null, std::int64_t index) {
                                if (null) return;
                                if (index < 0 || index >= n_values)
                                  throw Error(ErrorCode::UNREADABLE_SIGNAL,
                                              "expected dictionary indices below " + std::to_string(n_values) +
                                                  ", found " + std::to_string(index) + " in column \"" +
                                                  column_name(schema) + "\". Check the data's source.");
                                out[static_cast<std::size_t>(i)] = index;
                              });
  return out;
}

Chunk dictionary_chunk(const Chunk& chunk) {
  const ArrowArray* values = chunk.array->dictionary;
  return {values, values ? values->offset : 0, values ? values->length : 0};
}

/// Reads the dictionary's values with `read`, then spreads them over the rows.
template <class V, class Read>
void read_through_dictionary(const ArrowSchema& schema, const Chunk& chunk, V missing, V* out, Read&& read) {
  const Chunk values = dictionary_chunk(chunk);
  std::vector<V> read_values(static_cast<std::size_t>(values.length));
  if (values.array) read(*schema.dictionary, values, read_values.data());
  const std::vector<std::int64_t> indices = read_indices(schema, chunk);
  for (std::size_t i = 0; i < indices.size(); ++i)
    out[i] = indices[i] < 0 ? missing : read_values[static_cast<std::size_t>(indices[i])];
}

std::string_view text_at(const std::string& format, const ArrowArray& array, std::int64_t at) {
  if (format == "u") {
    const auto* offsets = buffer<std::int32_t>(array, 1);
    return {buffer<char>(array, 2) + offsets[at], static_cast<std::size_t>(offsets[at + 1] - offsets[at])};
  }
  if (format == "U") {
    const auto* offsets = buffer<std::int64_t>(array, 1);
    return {buffer<char>(array, 2) + offsets[at], static_cast<std::size_t>(offsets[at + 1] - offsets[at])};
  }
  // string_view: 16 bytes; texts of up to 12 bytes stand inside, longer ones in a numbered buffer.
  const char* view = buffer<char>(array, 1) + at * 16;
  std::int32_t length = 0, number = 0, place = 0;
  std::memcpy(&length, view, 4);
  if (length <= 12) return {view + 4, static_cast<std::size_t>(length)};
  std::memcpy(&number, view + 8, 4);
  std::memcpy(&place, view + 12, 4);
  return {buffer<char>(array, 2 + number) + place, static_cast<std::size_t>(length)};
}

/// Nanoseconds of "2020-01-02", "2020-01-02T08:30", "2020-01-02 08:30:00.123". False where it is none.
bool parse_time(std::string_view text, std::int64_t& out) {
  Day day = 0;
  if (text.size() < 10 || !parse_day(text.substr(0, 10), day)) return false;
  std::int64_t nanos = 0;
  text.remove_prefix(10);
  if (!text.empty()) {
    if (text[0] != 'T' && text[0] != ' ') return false;
    text.remove_prefix(1);
    if (text.ends_with('Z')) text.remove_suffix(1);
    int parts[3] = {0, 0, 0};
    std::size_t at = 0;
    for (int p = 0; p < 3; ++p) {
      if (p == 2 && at == text.size()) break;
      if (p > 0) {
        if (at >= text.size() || text[at] != ':') return false;
        ++at;
      }
      if (at + 2 > text.size()) return false;
      const auto read = std::from_chars(text.data() + at, text.data() + at + 2, parts[p]);
      if (read.ec != std::errc() || read.ptr != text.data() + at + 2) return false;
      at += 2;
    }
    if (parts[0] < 0 || parts[0] > 23 || parts[1] < 0 || parts[1] > 59 || parts[2] < 0 || parts[2] > 59) return false;
    nanos = ((parts[0] * 60 + parts[1]) * 60 + parts[2]) * kNanosPerSecond;
    if (at < text.size()) {
      if (text[at] != '.' || at + 1 == text.size()) return false;
      std::int64_t scale = kNanosPerSecond / 10;
      for (++at; at < text.size(); ++at, scale /= 10) {
        if (text[at] < '0' || text[at] > '9') return false;
        nanos += (text[at] - '0') * scale;
      }
    }
  }
  out = day * kSecondsPerDay * kNanosPerSecond + nanos;
  return true;
}

/// From an instant to local time in a zone; remembers the last offset and how long it holds.
class LocalTime {
 public:
  explicit LocalTime(const ArrowSchema& schema, const std::string& zone) {
    if (zone.empty() || zone == "UTC" || zone == "Etc/UTC" || zone == "GMT" || zone == "Z") return;
    if ((zone[0] == '+' || zone[0] == '-') && zone.size() == 6) {
      offset_ = (zone[0] == '-' ? -1 : 1) * (std::stoi(zone.substr(1, 2)) * 3600 + std::stoi(zone.substr(4, 2)) * 60);
      return;
    }
    try {
      zone_ = date::locate_zone(zone);
    } catch (const std::exception&) {
      throw Error(ErrorCode::COLUMN_TYPE, "expected a time zone of the tz database in column \"" +
                                              column_name(schema) + "\", found \"" + zone +
                                              "\". Convert the column to local time without a zone.");
    }
  }
  std::int64_t offset_seconds(std::int64_t unix_seconds) {
    if (zone_ && (unix_seconds < begin_ || unix_seconds >= end_)) {
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

std::int64_t ticks_per_second(DateUnit unit) {
  switch (unit) {
    case DateUnit::millisecond: return 1000;
    case DateUnit::microsecond: return 1000000;
    case DateUnit::nanosecond: return kNanosPerSecond;
    default: return 1;
  }
}

/// Calls visit(i, is_null, local seconds since 1970, nanoseconds within the second) for any date type.
template <class Visit>
void visit_instants(const ArrowSchema& schema, const Chunk& chunk, Visit&& visit) {
  const ArrowType type = describe_type(schema);
  if (type.kind == ArrowKind::date && type.bits == 32) {
    visit_values<std::int32_t>(*chunk.array, chunk.offset, chunk.length, [&](std::int64_t i, bool null, std::int32_t day) {
      visit(i, null, day * kSecondsPerDay, std::int64_t{0});
    });
  } else if (type.kind == ArrowKind::date || type.kind == ArrowKind::timestamp) {
    const std::int64_t ticks = ticks_per_second(type.unit);
    LocalTime local(schema, type.timezone);
    visit_values<std::int64_t>(*chunk.array, chunk.offset, chunk.length, [&](std::int64_t i, bool null, std::int64_t t) {
      // pandas and numpy write a missing time as the smallest number where they give no bitmap.
      if (null || t == kMissingTime) return visit(i, true, std::int64_t{0}, std::int64_t{0});
      const std::int64_t seconds = floor_divide(t, ticks);
      const std::int64_t nanos = (t - seconds * ticks) * (kNanosPerSecond / ticks);
      visit(i, false, seconds + local.offset_seconds(seconds), nanos);
    });
  } else if (type.kind == ArrowKind::text) {
    read_texts(schema, chunk, [&](std::int64_t i, std::string_view text, bool null) {
      std::int64_t nanos = 0;
      if (!null && !parse_time(text, nanos))
        throw Error(ErrorCode::COLUMN_TYPE, "expected ISO dates such as 2020-01-02 or 2020-01-02T08:30:00 in column \"" +
                                                column_name(schema) + "\", found \"" + std::string(text.substr(0, 40)) +
                                                "\" at row " + std::to_string(i) + ". Convert the column to dates.");
      const std::int64_t seconds = floor_divide(nanos, kNanosPerSecond);
      visit(i, null, seconds, nanos - seconds * kNanosPerSecond);
    });
  } else {
    refuse_type(schema, "dates (date, timestamp or ISO text)");
  }
}

bool is_dictionary_of_values(const ArrowSchema& schema) {
  return schema.dictionary && describe_type(schema).kind != ArrowKind::text;
}

}  // namespace

void read_doubles(const ArrowSchema& schema, const Chunk& chunk, double* out) {
  if (schema.dictionary)
    return read_through_dictionary(schema, chunk, kNaN, out, read_doubles);
  const ArrowType type = describe_type(schema);
  if (type.name == "null") return std::fill(out, out + chunk.length, kNaN);
  const bool is_read = visit_numbers<double>(type, *chunk.array, chunk.offset, chunk.length,
                                             [&](std::int64_t i, bool null, double v) { out[i] = null ? kNaN : v; });
  if (!is_read) refuse_type(schema, "numbers");
}

void read_integers(const ArrowSchema& schema, const Chunk& chunk, std::int64_t missing, std::int64_t* out) {
  if (schema.dictionary)
    return read_through_dictionary(schema, chunk, missing, out,
                                   [&](const ArrowSchema& s, const Chunk& c, std::int64_t* o) { read_integers(s, c, missing, o); });
  const ArrowType type = describe_type(schema);
  if (type.kind == ArrowKind::integer && type.bits == 64 && type.is_unsigned)
    visit_values<std::uint64_t>(*chunk.array, chunk.offset, chunk.length, [&](std::int64_t i, bool null, std::uint64_t v) {
      if (!null && v > static_cast<std::uint64_t>(INT64_MAX))
        throw Error(ErrorCode::COLUMN_TYPE, "expected whole numbers up to 9223372036854775807 in column \"" +
                                                column_name(schema) + "\", found " + std::to_string(v) + " at row " +
                                                std::to_string(i) + ". Number the securities anew.");
    });
  const bool is_read = visit_numbers<std::int64_t>(type, *chunk.array, chunk.offset, chunk.length,
                                                   [&](std::int64_t i, bool null, std::int64_t v) { out[i] = null ? missing : v; });
  if (!is_read) refuse_type(schema, "whole numbers");
}

void read_days(const ArrowSchema& schema, const Chunk& chunk, Day* out) {
  if (is_dictionary_of_values(schema))
    return read_through_dictionary(schema, chunk, kMissingDay, out, read_days);
  visit_instants(schema, chunk, [&](std::int64_t i, bool null, std::int64_t seconds, std::int64_t) {
    out[i] = null ? kMissingDay : static_cast<Day>(floor_divide(seconds, kSecondsPerDay));
  });
}

void read_times(const ArrowSchema& schema, const Chunk& chunk, std::int64_t* out) {
  if (is_dictionary_of_values(schema))
    return read_through_dictionary(schema, chunk, kMissingTime, out, read_times);
  // Beyond the years that nanoseconds reach, a time is held to their ends.
  constexpr std::int64_t kLimit = INT64_MAX / kNanosPerSecond - 1;
  visit_instants(schema, chunk, [&](std::int64_t i, bool null, std::int64_t seconds, std::int64_t nanos) {
    out[i] = null ? kMissingTime : std::min(std::max(seconds, -kLimit), kLimit) * kNanosPerSecond + nanos;
  });
}

void read_texts(const ArrowSchema& schema, const Chunk& chunk,
                const std::function<void(std::int64_t, std::string_view, bool)>& sink) {
  if (describe_type(schema).kind != ArrowKind::text) refuse_type(schema, "text");
  if (!schema.dictionary) {
    const std::string format = schema.format;
    for (std::int64_t i = 0; i < chunk.length; ++i) {
      const bool null = is_null(*chunk.array, chunk.offset + i);
      sink(i, null ? std::string_view() : text_at(format, *chunk.array, chunk.offset + i), null);
    }
    return;
  }
  const Chunk values = dictionary_chunk(chunk);
  const std::string format = schema.dictionary->format;
  const std::vector<std::int64_t> indices = read_indices(schema, chunk);
  for (std::size_t i = 0; i < indices.size(); ++i) {
    const bool null = indices[i] < 0 || is_null(*values.array, values.offset + indices[i]);
    sink(static_cast<std::int64_t>(i), null ? std::string_view() : text_at(format, *values.array, values.offset + indices[i]),
         null);
  }
}

}  // namespace fractile
