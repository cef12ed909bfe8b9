// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "ingest/ids.hpp"

#include <fmt/format.h>

#include <array>
#include <cmath>
#include <cstring>

#include "arrow/arrow_visit.hpp"
#include "fractile/error.hpp"
#include "types/id_text.hpp"

namespace fractile {
namespace {

/// Whole floats below this bound differ from their neighbours.
constexpr double kMaxWholeReal = 9007199254740992.0;
constexpr std::int32_t kNotSeen = -2;

[[noreturn]] void refuse(const std::string& column, const std::string& expected, const std::string& found, std::int64_t row,
                         const std::string& remedy) {
  const std::string where = row < 0 ? "" : fmt::format(" at row {}", row);
  throw Error(ErrorCode::COLUMN_TYPE,
              fmt::format("expected {} in column \"{}\", found {}{}. {}", expected, column, found, where, remedy));
}

/// a == b. Ids of 8 to 16 bytes take two comparisons of whole words.
bool is_same(std::string_view a, std::string_view b) noexcept {
  if (a.size() != b.size()) return false;
  if (a.size() < 8 || a.size() > 16) return a == b;
  std::array<std::uint64_t, 4> words;
  std::memcpy(&words[0], a.data(), 8);
  std::memcpy(&words[1], b.data(), 8);
  std::memcpy(&words[2], a.data() + a.size() - 8, 8);
  std::memcpy(&words[3], b.data() + b.size() - 8, 8);
  return words[0] == words[1] && words[2] == words[3];
}

/// Calls visit(i, is_null, number) for every entry of a plain array of numbers.
template <class Visit>
void visit_ids(const ArrowSchema& schema, const arrow::Chunk& chunk, const std::string& column, Visit&& visit) {
  const ArrowType type = describe_type(schema);
  if (type.name == "null") {
    for (std::int64_t i = 0; i < chunk.length; ++i) visit(i, true, std::int64_t{0});
  } else if (type.kind == ArrowKind::integer && type.bits == 64 && type.is_unsigned) {
    arrow::visit_values<std::uint64_t>(*chunk.array, chunk.offset, chunk.length, [&](std::int64_t i, bool null, std::uint64_t v) {
      if (!null && v > static_cast<std::uint64_t>(INT64_MAX))
        refuse(column, "whole numbers up to 9223372036854775807", std::to_string(v), chunk.first_row + i,
               "Number the securities anew.");
      visit(i, null, static_cast<std::int64_t>(v));
    });
  } else if (type.kind == ArrowKind::integer) {
    arrow::visit_numbers<std::int64_t>(type, *chunk.array, chunk.offset, chunk.length, visit);
  } else {
    const auto put = [&](std::int64_t i, bool null, double v) {
      const bool is_missing = null || v != v;
      if (!is_missing && (v != std::floor(v) || std::fabs(v) >= kMaxWholeReal))
        refuse(column, "whole numbers below 2^53, or texts,", fmt::format("{}", v), chunk.first_row + i,
               "Give the ids as integers or as texts.");
      visit(i, is_missing, is_missing ? 0 : static_cast<std::int64_t>(v));
    };
    if (type.kind == ArrowKind::real) {
      arrow::visit_numbers<double>(type, *chunk.array, chunk.offset, chunk.length, put);
      return;
    }
    std::vector<double> numbers(static_cast<std::size_t>(chunk.length));
    read_doubles(schema, chunk, numbers.data());
    for (std::int64_t i = 0; i < chunk.length; ++i) put(i, false, numbers[static_cast<std::size_t>(i)]);
  }
}

}  // namespace

std::string_view check_id(std::string_view text, const std::string& column, std::int64_t row) {
  const std::string_view id = trim_id(text);
  if (id.size() > kMaxIdBytes)
    refuse(column, fmt::format("ids of at most {} bytes", kMaxIdBytes), fmt::format("one of {}", id.size()), row,
           "Name another column as security_id.");
  if (!is_utf8(id)) refuse(column, "UTF-8", "other bytes", row, "Re-encode the source.");
  return id;
}

std::int32_t TextNumbering::number(std::string_view text) {
  auto found = numbers_.find(text);
  if (found == numbers_.end()) {
    const std::string_view owned = owned_.emplace_back(text);
    texts_.push_back(owned);
    found = numbers_.emplace(owned, static_cast<std::int32_t>(texts_.size() - 1)).first;
  }
  return found->second;
}

IdReader::IdReader(const ArrowSchema& schema) : column_(arrow::column_name(schema)) {
  const ArrowType type = describe_type(schema);
  is_text_ = type.kind == ArrowKind::text;
  is_plain_ = type.kind == ArrowKind::integer && type.bits == 64 && !type.is_unsigned && !type.is_dictionary;
  if (!is_text_ && type.kind != ArrowKind::integer && type.kind != ArrowKind::real && type.kind != ArrowKind::decimal &&
      type.name != "null")
    throw Error(ErrorCode::COLUMN_TYPE, fmt::format("expected whole numbers or texts in column \"{}\", found {}. Convert the "
                                                    "column to one of them.",
                                                    column_, type.name));
}

void IdReader::add_rows(std::int64_t count) {
  n_rows_ += count;
  valid_.resize(static_cast<std::size_t>((n_rows_ + 7) / 8), 0xff);
}

void IdReader::mark_missing(std::int64_t row) noexcept {
  has_missing_ = true;
  auto& byte = valid_[static_cast<std::size_t>(row / 8)];
  byte = static_cast<std::uint8_t>(byte & ~(1U << (row % 8)));
}

void IdReader::read(const ArrowSchema& schema, const arrow::Chunk& chunk, void* out) {
  if (is_text_)
    read_codes(schema, chunk, static_cast<std::int32_t*>(out));
  else
    read_numbers(schema, chunk, static_cast<std::int64_t*>(out));
}

void IdReader::view(const arrow::Chunk& chunk) {
  const std::int64_t begin = n_rows_;
  add_rows(chunk.length);
  if (chunk.array->null_count == 0 || !arrow::buffer<std::uint8_t>(*chunk.array, 0)) return;
  for (std::int64_t i = 0; i < chunk.length; ++i)
    if (arrow::is_null(*chunk.array, chunk.offset + i)) mark_missing(begin + i);
}

void IdReader::read_numbers(const ArrowSchema& schema, const arrow::Chunk& chunk, std::int64_t* out) {
  const std::int64_t begin = n_rows_;
  add_rows(chunk.length);
  const auto put = [&](std::int64_t i, bool null, std::int64_t value) {
    out[i] = null ? kMissingId : value;
    if (null) mark_missing(begin + i);
  };
  if (!schema.dictionary) return visit_ids(schema, chunk, column_, put);
  struct Entry {
    std::int64_t value;
    bool is_null;
  };
  const arrow::Chunk values = arrow::dictionary_chunk(chunk);
  std::vector<Entry> entries(static_cast<std::size_t>(values.length));
  if (values.array)
    visit_ids(*schema.dictionary, values, column_,
              [&](std::int64_t i, bool null, std::int64_t value) { entries[static_cast<std::size_t>(i)] = {value, null}; });
  const std::vector<std::int64_t> indices = arrow::read_indices(schema, chunk);
  for (std::size_t i = 0; i < indices.size(); ++i) {
    const Entry entry = indices[i] < 0 ? Entry{0, true} : entries[static_cast<std::size_t>(indices[i])];
    put(static_cast<std::int64_t>(i), entry.is_null, entry.value);
  }
}

std::int32_t IdReader::code_of(std::string_view text, std::int64_t row) {
  const std::string_view id = trim_id(text);
  if (id.empty()) return -1;
  if (id.size() > kMaxIdBytes) check_id(id, column_, row);
  const std::size_t n_before = numbering_.texts().size();
  const std::int32_t code = numbering_.number(id);
  if (numbering_.texts().size() > n_before) check_id(id, column_, row);
  return code;
}

std::int32_t IdReader::code_after(std::int32_t before, std::string_view text, std::int64_t row) {
  if (before < 0) return code_of(text, row);
  const auto at = static_cast<std::size_t>(before);
  if (at >= next_code_.size()) next_code_.resize(at + 1, 0);
  std::int32_t& next = next_code_[at];
  if (!is_same(text, numbering_.texts()[static_cast<std::size_t>(next)])) {
    const std::int32_t code = code_of(text, row);
    if (code >= 0) next = code;
    return code;
  }
  return next;
}

void IdReader::read_codes(const ArrowSchema& schema, const arrow::Chunk& chunk, std::int32_t* out) {
  if (!schema.dictionary) {
    // Rows of one security often follow each other, or days list the securities in one order.
    const arrow::Texts texts(schema, *chunk.array, column_);
    std::string_view last;
    std::int32_t last_code = kNotSeen;
    for (std::int64_t i = 0; i < chunk.length; ++i) {
      const std::int64_t at = chunk.offset + i;
      out[i] = -1;
      if (arrow::is_null(*chunk.array, at)) continue;
      const std::string_view text = texts[at];
      if (last_code == kNotSeen || !is_same(text, last)) last_code = code_after(last_code, last = text, chunk.first_row + i);
      out[i] = last_code;
    }
    return;
  }
  // Each used text of the dictionary is looked up once, in the order of the rows.
  const arrow::Chunk values = arrow::dictionary_chunk(chunk);
  std::vector<std::int32_t> codes(static_cast<std::size_t>(values.length), kNotSeen);
  const std::vector<std::int64_t> indices = arrow::read_indices(schema, chunk);
  const arrow::Texts texts(*schema.dictionary, values.array ? *values.array : arrow::kNoArray, column_);
  for (std::size_t i = 0; i < indices.size(); ++i) {
    if (indices[i] < 0) {
      out[i] = -1;
      continue;
    }
    std::int32_t& code = codes[static_cast<std::size_t>(indices[i])];
    if (code == kNotSeen) {
      const std::int64_t at = values.offset + indices[i];
      const bool null = arrow::is_null(*values.array, at);
      code = null ? -1 : code_of(texts[at], chunk.first_row + static_cast<std::int64_t>(i));
    }
    out[i] = code;
  }
}

}  // namespace fractile
