// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "arrow/arrow_column.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>
#include <limits>

#include "arrow/arrow_visit.hpp"
#include "fractile/error.hpp"
#include "fractile/types.hpp"

namespace fractile {
namespace {

__extension__ using Int128 = __int128;
__extension__ using UInt128 = unsigned __int128;

/// A whole number of 128 bits as decimal digits.
std::string digits_of(UInt128 magnitude) {
  std::string digits;
  do digits.insert(digits.begin(), static_cast<char>('0' + static_cast<int>(magnitude % 10)));
  while ((magnitude /= 10) != 0);
  return digits;
}

UInt128 magnitude_of(Int128 value) { return value < 0 ? -static_cast<UInt128>(value) : static_cast<UInt128>(value); }

/// Through digits, so that a decimal is the number that its text is.
double decimal_to_double(Int128 value, int scale) {
  if (value == static_cast<std::int64_t>(value) && scale == 0) return static_cast<double>(static_cast<std::int64_t>(value));
  const std::string text = (value < 0 ? "-" : "") + digits_of(magnitude_of(value)) + "e" + std::to_string(-scale);
  double number = 0.0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

/// Calls visit(i, is_null, value) for decimals of up to 38 digits; the scale is that of the type.
template <class Visit>
void visit_decimals(const ArrowType& type, const arrow::Chunk& chunk, Visit&& visit) {
  const auto width = static_cast<std::size_t>(type.bits / 8);
  const char* values = arrow::buffer<char>(*chunk.array, 1);
  for (std::int64_t i = 0; i < chunk.length; ++i) {
    const std::int64_t at = chunk.offset + i;
    if (!values || arrow::is_null(*chunk.array, at)) {
      visit(i, true, Int128{0});
      continue;
    }
    const char* const from = values + static_cast<std::size_t>(at) * width;
    std::int64_t words[4] = {};
    std::memcpy(words, from, width);
    if (type.bits == 32) words[0] = static_cast<std::int32_t>(words[0]);
    if (type.bits < 128) words[1] = words[0] < 0 ? -1 : 0;
    if (type.bits == 256 && (words[2] != words[1] >> 63 || words[3] != words[2]))
      throw Error(ErrorCode::COLUMN_TYPE, "expected decimals of up to 38 digits, found more. Convert the column to float64.");
    const auto low = static_cast<UInt128>(static_cast<std::uint64_t>(words[0]));
    visit(i, false, static_cast<Int128>(static_cast<UInt128>(words[1]) << 64 | low));
  }
}

/// Calls visit(i, is_null, value) for integers and decimals.
template <class Visit>
void visit_wholes(const ArrowType& type, const arrow::Chunk& chunk, Visit&& visit) {
  if (type.kind == ArrowKind::decimal)
    visit_decimals(type, chunk, visit);
  else if (type.is_unsigned && type.bits == 64)
    arrow::visit_values<std::uint64_t>(*chunk.array, chunk.offset, chunk.length,
                                       [&](std::int64_t i, bool null, std::uint64_t v) { visit(i, null, Int128{v}); });
  else
    arrow::visit_numbers<std::int64_t>(type, *chunk.array, chunk.offset, chunk.length,
                                       [&](std::int64_t i, bool null, std::int64_t v) { visit(i, null, Int128{v}); });
}

/// The digits of each number that float64 cannot hold; "" for another one.
std::vector<std::string> inexact_digits(const ArrowSchema& schema, const arrow::Chunk& chunk) {
  const ArrowType type = describe_type(schema);
  std::vector<std::string> out(static_cast<std::size_t>(chunk.length));
  if (type.kind == ArrowKind::decimal && type.scale > 0) return out;
  visit_wholes(type, chunk, [&](std::int64_t i, bool null, Int128 value) {
    const UInt128 magnitude = magnitude_of(value);
    if (null || magnitude >> 53 == 0 || static_cast<UInt128>(static_cast<double>(magnitude)) == magnitude) return;
    out[static_cast<std::size_t>(i)] =
        (value < 0 ? "-" : "") + digits_of(magnitude) + std::string(static_cast<std::size_t>(std::max(0, -type.scale)), '0');
  });
  return out;
}

}  // namespace

namespace arrow {

std::string column_name(const ArrowSchema& schema) { return schema.name ? schema.name : ""; }

[[noreturn]] void refuse_type(const ArrowSchema& schema, const char* expected) {
  throw Error(ErrorCode::COLUMN_TYPE, std::string("expected ") + expected + " in column \"" + column_name(schema) + "\", found " +
                                          describe_type(schema).name + ". Convert the column first.");
}

double half_to_double(std::uint16_t bits) noexcept {
  const int exponent = bits >> 10 & 31, mantissa = bits & 1023;
  double value = exponent == 0    ? std::ldexp(mantissa, -24)
                 : exponent == 31 ? (mantissa ? kNaN : std::numeric_limits<double>::infinity())
                                  : std::ldexp(mantissa + 1024, exponent - 25);
  return bits >> 15 ? -value : value;
}

ArrowType index_type(const ArrowSchema& schema) {
  ArrowSchema plain = schema;
  plain.dictionary = nullptr;
  return describe_type(plain);
}

/// The index of each row of a dictionary column; -1 if the row is null.
void refuse_index(const ArrowSchema& schema, std::int64_t index, std::int64_t n_values) {
  throw Error(ErrorCode::UNREADABLE_SIGNAL, "expected dictionary indices below " + std::to_string(n_values) + ", found " +
                                                std::to_string(index) + " in column \"" + column_name(schema) +
                                                "\". Check the data's source.");
}

std::vector<std::int64_t> read_indices(const ArrowSchema& schema, const Chunk& chunk) {
  std::vector<std::int64_t> out(static_cast<std::size_t>(chunk.length));
  visit_indices(schema, chunk, [&](std::int64_t i, std::int64_t index) { out[static_cast<std::size_t>(i)] = index; });
  return out;
}

Chunk dictionary_chunk(const Chunk& chunk) {
  const ArrowArray* values = chunk.array->dictionary;
  return {values, values ? values->offset : 0, values ? values->length : 0};
}

Texts::Texts(const ArrowSchema& schema, const ArrowArray& array, const std::string& column) : array_(array), column_(column) {
  const std::string_view format = schema.format;
  if (format == "vu") {
    views_ = buffer<char>(array, 1);
    return;
  }
  // The text buffer ends with the array's last text.
  if (array.length == 0) return;
  const std::int64_t n = array.offset + array.length;
  texts_ = buffer<char>(array, 2);
  if (format == "u") {
    short_offsets_ = buffer<std::int32_t>(array, 1);
    if (short_offsets_) size_ = short_offsets_[n];
  } else {
    long_offsets_ = buffer<std::int64_t>(array, 1);
    if (long_offsets_) size_ = long_offsets_[n];
  }
}

void Texts::refuse(const std::string& found) const {
  throw Error(ErrorCode::UNREADABLE_SIGNAL,
              "expected a text inside its buffer, found " + found + " in column \"" + column_ + "\". Check the data's source.");
}

void Texts::refuse_range(std::int64_t begin, std::int64_t end) const {
  refuse("it from " + std::to_string(begin) + " to " + std::to_string(end));
}

std::string_view Texts::view_at(std::int64_t at) const {
  // A string_view has 16 bytes. It contains a text of up to 12 bytes, or points into a numbered buffer. The last
  // buffer has the sizes of those buffers.
  if (!views_) return {};
  const char* view = views_ + at * 16;
  std::int32_t length = 0, number = 0, place = 0;
  std::memcpy(&length, view, 4);
  if (length < 0) refuse("a length of " + std::to_string(length));
  if (length <= 12) return {view + 4, static_cast<std::size_t>(length)};
  std::memcpy(&number, view + 8, 4);
  std::memcpy(&place, view + 12, 4);
  if (number < 0 || number >= array_.n_buffers - 3 || place < 0) refuse("buffer " + std::to_string(number));
  const char* texts = buffer<char>(array_, 2 + number);
  const auto* sizes = buffer<std::int64_t>(array_, array_.n_buffers - 1);
  if (!texts || (sizes && std::int64_t{place} + length > sizes[number]))
    refuse("it at " + std::to_string(place) + " of buffer " + std::to_string(number));
  return {texts + place, static_cast<std::size_t>(length)};
}

}  // namespace arrow

void read_doubles(const ArrowSchema& schema, const arrow::Chunk& chunk, double* out) {
  if (schema.dictionary) return arrow::read_through_dictionary(schema, chunk, kNaN, out, read_doubles);
  const ArrowType type = describe_type(schema);
  if (type.name == "null") {
    std::fill(out, out + chunk.length, kNaN);
    return;
  }
  if (type.kind == ArrowKind::decimal)
    return visit_decimals(type, chunk, [&](std::int64_t i, bool null, Int128 value) {
      out[i] = null ? kNaN : decimal_to_double(value, type.scale);
    });
  const bool is_read = arrow::visit_numbers<double>(type, *chunk.array, chunk.offset, chunk.length,
                                                    [&](std::int64_t i, bool null, double v) { out[i] = null ? kNaN : v; });
  if (!is_read) arrow::refuse_type(schema, "numbers");
}

void read_integers(const ArrowSchema& schema, const arrow::Chunk& chunk, std::int64_t missing, std::int64_t* out) {
  if (schema.dictionary)
    return arrow::read_through_dictionary(schema, chunk, missing, out,
                                          [&](const ArrowSchema& values_schema, const arrow::Chunk& values, std::int64_t* to) {
                                            read_integers(values_schema, values, missing, to);
                                          });
  const ArrowType type = describe_type(schema);
  if (type.kind == ArrowKind::integer && type.bits == 64 && type.is_unsigned) {
    arrow::visit_values<std::uint64_t>(*chunk.array, chunk.offset, chunk.length, [&](std::int64_t i, bool null, std::uint64_t v) {
      if (!null && v > static_cast<std::uint64_t>(INT64_MAX))
        throw Error(ErrorCode::COLUMN_TYPE, "expected whole numbers up to 9223372036854775807 in column \"" +
                                                arrow::column_name(schema) + "\", found " + std::to_string(v) + " at row " +
                                                std::to_string(chunk.first_row + i) + ". Number the securities anew.");
      out[i] = null ? missing : static_cast<std::int64_t>(v);
    });
    return;
  }
  const bool is_read =
      arrow::visit_numbers<std::int64_t>(type, *chunk.array, chunk.offset, chunk.length,
                                         [&](std::int64_t i, bool null, std::int64_t v) { out[i] = null ? missing : v; });
  if (!is_read) arrow::refuse_type(schema, "whole numbers");
}

std::optional<InexactWhole> find_inexact(const ArrowSchema& schema, const arrow::Chunk& chunk,
                                         const std::function<bool(std::string_view digits)>& skips) {
  const bool is_dictionary = schema.dictionary != nullptr;
  const std::vector<std::string> digits =
      is_dictionary ? inexact_digits(*schema.dictionary, arrow::dictionary_chunk(chunk)) : inexact_digits(schema, chunk);
  const std::vector<std::int64_t> indices = is_dictionary ? arrow::read_indices(schema, chunk) : std::vector<std::int64_t>{};
  for (std::int64_t i = 0; i < chunk.length; ++i) {
    const std::int64_t at = is_dictionary ? indices[static_cast<std::size_t>(i)] : i;
    if (at < 0 || digits[static_cast<std::size_t>(at)].empty() || skips(digits[static_cast<std::size_t>(at)])) continue;
    return InexactWhole{i, digits[static_cast<std::size_t>(at)]};
  }
  return std::nullopt;
}

void read_texts(const ArrowSchema& schema, const arrow::Chunk& chunk,
                const std::function<void(std::int64_t, std::string_view, bool)>& sink) {
  if (describe_type(schema).kind != ArrowKind::text) arrow::refuse_type(schema, "text");
  arrow::visit_texts(schema, chunk, [&](std::int64_t i, std::string_view text, bool null) {
    sink(i, text, null);
    return true;
  });
}

}  // namespace fractile
