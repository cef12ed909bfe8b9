// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "engine/align/security_keys.hpp"

#include <algorithm>
#include <bit>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "fractile/error.hpp"
#include "types/id_text.hpp"
#include "types/quoted_text.hpp"

namespace fractile {
namespace {

/// The text columns of a snapshot that have `text` as a value.
std::vector<std::string> find_columns_of(const Snapshot& snapshot, const std::string& text) {
  std::vector<std::string> out;
  for (const ColumnInfo& column : snapshot.columns()) {
    if (column.kind != ColumnKind::text) continue;
    const std::vector<std::string>& values = snapshot.dictionary(column.name);
    if (std::find(values.begin(), values.end(), text) != values.end()) out.push_back(column.name);
  }
  return out;
}

/// True if the column can be security_id: no row lacks a text, and no two rows of a day share one, as classes of shares do.
bool can_be_id(const Snapshot& snapshot, const std::string& column) {
  const std::int32_t* const codes = snapshot.codes(column);
  std::vector<DateIndex> last_day(snapshot.dictionary(column).size(), -1);
  for (DateIndex n = 0; n < static_cast<DateIndex>(snapshot.dates().size()); ++n)
    for (RowIndex row = snapshot.row_begin(n); row < snapshot.row_end(n); ++row) {
      const std::int32_t code = codes[row];
      if (code < 0 || static_cast<std::size_t>(code) >= last_day.size()) return false;
      if (std::exchange(last_day[static_cast<std::size_t>(code)], n) == n) return false;
    }
  return true;
}

std::string remedy_for_texts(const Snapshot& snapshot, const SecurityId& found) {
  const std::vector<std::string> columns = find_columns_of(snapshot, std::get<std::string>(found));
  if (columns.empty()) return "Give the numbers that the snapshot knows, or create a snapshot whose ids are texts.";
  for (const std::string& column : columns)
    if (can_be_id(snapshot, column))
      return "Its column " + show_text(column) + " has this text: create a snapshot with these ids (--map " +
             quote_for_shell("security_id=" + column) + "), or give the numbers that this one knows.";
  return "Its column " + show_text(columns.front()) +
         " has this text, but is not unique: some securities of a day share a text or have none. Give the numbers that the "
         "snapshot knows: look them up in the panel by " +
         show_text(columns.front()) + " and date.";
}

[[noreturn]] void refuse(const Snapshot& snapshot, const SecurityId& found, std::int64_t row) {
  const bool wants_text = snapshot.id_type() == IdType::text;
  const std::string expected = wants_text ? "texts" : "integers", kind = wants_text ? "the number " : "the text ";
  const std::string remedy = wants_text ? "Leading zeros may be lost in numbers: give the ids as texts, written as in the panel."
                                        : remedy_for_texts(snapshot, found);
  throw Error(ErrorCode::COLUMN_TYPE, "expected " + expected + " in column \"security_id\", as snapshot \"" + snapshot.id() +
                                          "\" has, found " + kind + quote_id(found) + " at row " + std::to_string(row) + ". " +
                                          remedy);
}

}  // namespace

SecurityKeys::SecurityKeys(const PanelView& panel, const IdColumn& ids, std::int64_t n_rows) : panel_(panel), ids_(ids) {
  const Snapshot& snapshot = panel.snapshot();
  const bool has_texts = snapshot.id_type() == IdType::text;
  if (!ids.is_text()) {
    for (std::int64_t row = 0; has_texts && row < n_rows; ++row)
      if (ids.has_number(row)) refuse(snapshot, ids.numbers[row], row);
    return;
  }
  std::optional<std::size_t> first_bad;
  std::vector<bool> is_bad(ids.texts.size() + 1, false);
  by_code_.push_back(kMissing);
  token_.push_back(kMissingId);
  for (const std::string_view given : ids.texts) {
    const std::string_view text = trim_id(given);
    std::int64_t number = 0;
    SecurityIndex security = kUnknown;
    if (text.empty()) {
      security = kMissing;
      number = kMissingId;
    } else if (has_texts) {
      security = snapshot.find_text(text);
      number = std::bit_cast<std::int64_t>(hash64(text.data(), text.size()));
    } else if (parse_whole_id(text, number)) {
      security = panel.find_security(number);
    } else {
      is_bad[by_code_.size()] = true;
      if (!first_bad) first_bad = by_code_.size();
    }
    by_code_.push_back(security);
    token_.push_back(number);
  }
  if (!first_bad) return;
  for (std::int64_t row = 0; row < n_rows; ++row)
    if (const std::int32_t code = ids.codes[row]; is_bad[place_of(code)])
      refuse(snapshot, std::string(trim_id(ids.texts[static_cast<std::size_t>(code)])), row);
}

Hash128 SecurityKeys::hash(std::int64_t begin, std::int64_t count, std::vector<std::int64_t>& scratch) const {
  const auto n = static_cast<std::size_t>(count);
  const std::int64_t* numbers = nullptr;
  if (!ids_.is_text() && !ids_.valid) {
    numbers = ids_.numbers + begin;
  } else {
    scratch.resize(n);
    for (std::size_t i = 0; i < n; ++i) scratch[i] = token_of(begin + static_cast<std::int64_t>(i));
    numbers = scratch.data();
  }
  bool has_lowest = false;
  for (std::size_t i = 0; i < n; ++i) has_lowest |= numbers[i] == kMissingId;
  if (has_lowest) return hash_with_missing(begin, count, scratch);
  return hash_bytes(numbers, n * sizeof numbers[0]);
}

std::int64_t SecurityKeys::token_of(std::int64_t row) const noexcept {
  if (ids_.is_text()) return token_[place_of(ids_.codes[row])];
  return ids_.has_number(row) ? ids_.numbers[row] : kMissingId;
}

/// A missing id is hashed as kMissingId. If that is also the id of a row, the hash includes a list of the missing rows.
Hash128 SecurityKeys::hash_with_missing(std::int64_t begin, std::int64_t count, std::vector<std::int64_t>& scratch) const {
  std::vector<std::int64_t> missing;
  scratch.clear();
  bool is_id = false;
  for (std::int64_t i = 0; i < count; ++i) {
    scratch.push_back(token_of(begin + i));
    if (is_missing(begin + i))
      missing.push_back(i);
    else
      is_id |= scratch.back() == kMissingId;
  }
  if (is_id) {
    scratch.push_back(static_cast<std::int64_t>(missing.size()));
    scratch.insert(scratch.end(), missing.begin(), missing.end());
  }
  return hash_bytes(scratch.data(), scratch.size() * sizeof scratch[0]);
}

}  // namespace fractile
