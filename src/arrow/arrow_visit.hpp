// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "arrow/arrow_column.hpp"

/// Walks over the values of one chunk of an Arrow array, whatever its physical type.
namespace fractile::arrow {

using Chunk = ArrowBatches::Chunk;

std::string column_name(const ArrowSchema& schema);
/// Throws COLUMN_TYPE, naming the column and its type.
[[noreturn]] void refuse_type(const ArrowSchema& schema, const char* expected);
double half_to_double(std::uint16_t bits) noexcept;

/// The type of a dictionary column's indices.
ArrowType index_type(const ArrowSchema& schema);
[[noreturn]] void refuse_index(const ArrowSchema& schema, std::int64_t index, std::int64_t n_values);
/// The indices of visit_indices() by row.
std::vector<std::int64_t> read_indices(const ArrowSchema& schema, const Chunk& chunk);
/// An array without rows.
inline constexpr ArrowArray kNoArray{};
/// All values of a dictionary, as a chunk of `*schema.dictionary`.
Chunk dictionary_chunk(const Chunk& chunk);
template <class T>
const T* buffer(const ArrowArray& array, std::int64_t i) {
  return i < array.n_buffers && array.buffers ? static_cast<const T*>(array.buffers[i]) : nullptr;
}

inline bool is_null(const ArrowArray& array, std::int64_t at) {
  if (array.null_count == 0) return false;
  const auto* bits = buffer<std::uint8_t>(array, 0);
  return bits && (bits[at / 8] >> (at % 8) & 1) == 0;
}

/// The texts of an array, each checked to be inside its buffer. `column` is for messages; all must outlive the object.
class Texts {
 public:
  Texts(const ArrowSchema& schema, const ArrowArray& array, const std::string& column);
  /// The text at index `at` (offset included), which must not be null. Throws UNREADABLE_SIGNAL.
  std::string_view operator[](std::int64_t at) const {
    if (short_offsets_) return between(short_offsets_[at], short_offsets_[at + 1]);
    if (long_offsets_) return between(long_offsets_[at], long_offsets_[at + 1]);
    return view_at(at);
  }

 private:
  std::string_view between(std::int64_t begin, std::int64_t end) const {
    if (begin == end) return {};
    if (begin < 0 || end < begin || end > size_ || !texts_) refuse_range(begin, end);
    return {texts_ + begin, static_cast<std::size_t>(end - begin)};
  }
  std::string_view view_at(std::int64_t at) const;
  [[noreturn]] void refuse(const std::string& found) const;
  [[noreturn]] void refuse_range(std::int64_t begin, std::int64_t end) const;

  const ArrowArray& array_;
  const std::string& column_;
  const std::int32_t* short_offsets_ = nullptr;
  const std::int64_t* long_offsets_ = nullptr;
  const char* texts_ = nullptr;
  const char* views_ = nullptr;
  std::int64_t size_ = 0;  // bytes of texts_
};

/// Calls visit(i, is_null, value) with plain values of type T.
template <class T, class Visit>
void visit_values(const ArrowArray& array, std::int64_t offset, std::int64_t length, Visit&& visit) {
  const T* values = buffer<T>(array, 1);
  const auto* valid = array.null_count == 0 ? nullptr : buffer<std::uint8_t>(array, 0);
  if (!values)
    for (std::int64_t i = 0; i < length; ++i) visit(i, true, T{});
  else if (!valid)
    for (std::int64_t i = 0; i < length; ++i) visit(i, false, values[offset + i]);
  else
    for (std::int64_t i = 0; i < length; ++i) {
      const std::int64_t at = offset + i;
      visit(i, (valid[at / 8] >> (at % 8) & 1) == 0, values[at]);
    }
}

/// Visits any plain numeric array as type V (double or int64), by its Arrow type.
template <class V, class Visit>
bool visit_numbers(const ArrowType& type, const ArrowArray& array, std::int64_t offset, std::int64_t length, Visit&& visit) {
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

/// Calls visit(i, text, is_null) for every text of a chunk until it returns false. Texts and dictionaries of texts.
template <class Visit>
void visit_texts(const ArrowSchema& schema, const Chunk& chunk, Visit&& visit) {
  const std::string column = column_name(schema);
  if (!schema.dictionary) {
    const Texts texts(schema, chunk.array ? *chunk.array : kNoArray, column);
    for (std::int64_t i = 0; i < chunk.length; ++i) {
      const bool null = is_null(*chunk.array, chunk.offset + i);
      if (!visit(i, null ? std::string_view() : texts[chunk.offset + i], null)) return;
    }
    return;
  }
  const Chunk values = dictionary_chunk(chunk);
  const std::vector<std::int64_t> indices = read_indices(schema, chunk);
  const Texts texts(*schema.dictionary, values.array ? *values.array : kNoArray, column);
  for (std::size_t i = 0; i < indices.size(); ++i) {
    const std::int64_t at = values.offset + indices[i];
    const bool null = indices[i] < 0 || is_null(*values.array, at);
    if (!visit(static_cast<std::int64_t>(i), null ? std::string_view() : texts[at], null)) return;
  }
}

/// Calls visit(i, index) for each row of a dictionary column; the index is -1 if the row is null. Throws UNREADABLE_SIGNAL on an
/// index outside the dictionary.
template <class Visit>
void visit_indices(const ArrowSchema& schema, const Chunk& chunk, Visit&& visit) {
  const std::int64_t n_values = chunk.array->dictionary ? chunk.array->dictionary->length : 0;
  visit_numbers<std::int64_t>(index_type(schema), *chunk.array, chunk.offset, chunk.length,
                              [&](std::int64_t i, bool null, std::int64_t index) {
                                if (!null && (index < 0 || index >= n_values)) refuse_index(schema, index, n_values);
                                visit(i, null ? -1 : index);
                              });
}

/// Reads the dictionary's values with `read`, then spreads them over the rows.
template <class V, class Read>
void read_through_dictionary(const ArrowSchema& schema, const Chunk& chunk, V missing, V* out, Read&& read) {
  const Chunk values = dictionary_chunk(chunk);
  std::vector<V> read_values(static_cast<std::size_t>(values.length));
  if (values.array) read(*schema.dictionary, values, read_values.data());
  visit_indices(schema, chunk, [&, values = read_values.data()](std::int64_t i, std::int64_t index) {
    out[i] = index < 0 ? missing : values[index];
  });
}

}  // namespace fractile::arrow
