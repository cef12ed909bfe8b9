// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "arrow/arrow_column.hpp"

/// The reader of security ids of panels and signals, from any Arrow type.
namespace fractile {

/// A numbering of different texts in order of appearance.
class TextNumbering {
 public:
  std::int32_t number(std::string_view text);
  /// By number.
  const std::vector<std::string_view>& texts() const noexcept { return texts_; }

 private:
  std::deque<std::string> owned_;  // a deque, because its elements never move and views point to them
  std::vector<std::string_view> texts_;
  std::unordered_map<std::string_view, std::int32_t> numbers_;
};

/// Returns the id in a text of column security_id: without spaces at both ends, "" if it is missing. Throws COLUMN_TYPE if it is
/// too long or not UTF-8; `row` is for the message.
std::string_view check_id(std::string_view text, const std::string& column = "security_id", std::int64_t row = -1);

/// A reader that converts the chunks of an id column to whole numbers with a bitmap, or to codes of texts. A column of Arrow's
/// type "null" has numbers, all missing.
class IdReader {
 public:
  /// Throws COLUMN_TYPE if ids cannot have the column's type.
  explicit IdReader(const ArrowSchema& schema);

  bool is_text() const noexcept { return is_text_; }
  /// Bytes of an entry of read().
  std::size_t width() const noexcept { return is_text_ ? sizeof(std::int32_t) : sizeof(std::int64_t); }
  /// True if chunks have int64 values that can be used in place.
  bool is_plain() const noexcept { return is_plain_; }
  /// Writes the next chunk's entries: int64 numbers, or int32 codes into texts() (-1: missing).
  void read(const ArrowSchema& schema, const ArrowBatches::Chunk& chunk, void* out);
  /// Records the next chunk's missing ids; its numbers are used in place.
  void view(const ArrowBatches::Chunk& chunk);

  /// The bitmap of rows with an id, a bit per row; null if every row has one.
  const std::uint8_t* valid() const noexcept { return has_missing_ ? valid_.data() : nullptr; }
  /// The different texts, trimmed and not empty; each occurs in a row.
  const std::vector<std::string_view>& texts() const noexcept { return numbering_.texts(); }

 private:
  void add_rows(std::int64_t count);
  void mark_missing(std::int64_t row) noexcept;
  void read_numbers(const ArrowSchema& schema, const ArrowBatches::Chunk& chunk, std::int64_t* out);
  /// The code of `text` in the row after one with code `before` (below 0: unknown).
  std::int32_t code_after(std::int32_t before, std::string_view text, std::int64_t row);
  void read_codes(const ArrowSchema& schema, const ArrowBatches::Chunk& chunk, std::int32_t* out);
  std::int32_t code_of(std::string_view text, std::int64_t row);

  std::string column_;
  bool is_text_ = false;
  bool is_plain_ = false;
  std::vector<std::uint8_t> valid_;
  std::int64_t n_rows_ = 0;  // rows up to the end of the current chunk
  bool has_missing_ = false;
  TextNumbering numbering_;
  std::vector<std::int32_t> next_code_;  // by code: the one that followed it last
};

}  // namespace fractile
