// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <unordered_map>

#include "arrow/arrow_column.hpp"
#include "arrow/arrow_visit.hpp"

namespace fractile {

/// Numbers different texts in the order in which they come.
class TextCodes {
 public:
  std::int32_t add(std::string_view text) {
    if (last_code_ >= 0 && text == last_) return last_code_;
    const auto found = codes_.find(text);
    if (found == codes_.end()) {
      const auto code = static_cast<std::int32_t>(texts_.size());
      last_ = texts_.emplace_back(text);
      codes_.emplace(last_, code);
      return last_code_ = code;
    }
    last_ = found->first;
    return last_code_ = found->second;
  }
  const std::deque<std::string>& all() const noexcept { return texts_; }

 private:
  std::deque<std::string> texts_;  ///< never moved: views of them are keys
  std::unordered_map<std::string_view, std::int32_t> codes_;
  std::string_view last_;
  std::int32_t last_code_ = -1;
};

/// Calls visit(i, text, is_null) for every text of a chunk until it returns false. Texts and dictionaries of texts.
template <class Visit>
void visit_texts(const ArrowSchema& schema, const ArrowBatches::Chunk& chunk, Visit&& visit) {
  const std::string column = arrow::column_name(schema);
  if (schema.dictionary) {
    const arrow::Chunk values = arrow::dictionary_chunk(chunk);
    const std::vector<std::int64_t> indices = arrow::read_indices(schema, chunk);
    for (std::size_t i = 0; i < indices.size(); ++i) {
      const std::int64_t at = values.offset + indices[i];
      const bool null = indices[i] < 0 || arrow::is_null(*values.array, at);
      if (!visit(static_cast<std::int64_t>(i),
                 null ? std::string_view() : arrow::text_at(*schema.dictionary, *values.array, at, column), null))
        return;
    }
    return;
  }
  for (std::int64_t i = 0; i < chunk.length; ++i) {
    const std::int64_t at = chunk.offset + i;
    const bool null = arrow::is_null(*chunk.array, at);
    if (!visit(i, null ? std::string_view() : arrow::text_at(schema, *chunk.array, at, column), null)) return;
  }
}

}  // namespace fractile
