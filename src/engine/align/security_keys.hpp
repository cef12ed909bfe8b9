// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <cstdint>
#include <vector>

#include "engine/panel/panel_view.hpp"
#include "fractile/signal.hpp"
#include "types/hash.hpp"

/// The mapping from the ids of a signal to securities of a panel. It looks up each text and each group of equal numbers once.
namespace fractile {

class SecurityKeys {
 public:
  static constexpr SecurityIndex kUnknown = -1, kMissing = -2;

  /// Throws COLUMN_TYPE if the ids are not of the snapshot's kind.
  SecurityKeys(const PanelView& panel, const IdColumn& ids, std::int64_t n_rows);

  /// The security of a row, kUnknown or kMissing.
  SecurityIndex of_row(std::int64_t row) const noexcept {
    if (ids_.is_text()) return of_code(ids_.codes[row]);
    return ids_.has_number(row) ? panel_.find_security(ids_.numbers[row]) : kMissing;
  }
  bool is_missing(std::int64_t row) const noexcept {
    return ids_.is_text() ? of_code(ids_.codes[row]) == kMissing : !ids_.has_number(row);
  }
  /// The numbers of rows that all have one, else null.
  const std::int64_t* plain_numbers() const noexcept { return ids_.valid ? nullptr : ids_.numbers; }
  /// A hash of the ids of rows begin ... begin+count-1 by content: equal for whole numbers and for their texts on a snapshot of
  /// integers, and independent of how texts are coded. `scratch` is used for them.
  Hash128 hash(std::int64_t begin, std::int64_t count, std::vector<std::int64_t>& scratch) const;

 private:
  /// The place of a code in the tables by code: 0 for a missing id, whose code is negative.
  static std::size_t place_of(std::int32_t code) noexcept { return code < 0 ? 0 : static_cast<std::size_t>(code) + 1; }
  SecurityIndex of_code(std::int32_t code) const noexcept { return by_code_[place_of(code)]; }
  std::int64_t token_of(std::int64_t row) const noexcept;
  Hash128 hash_with_missing(std::int64_t begin, std::int64_t count, std::vector<std::int64_t>& scratch) const;

  const PanelView& panel_;
  const IdColumn& ids_;
  // By place_of(code).
  std::vector<SecurityIndex> by_code_;
  std::vector<std::int64_t> token_;  // the number, or 64 bits of the text's hash; kMissingId for a missing id
};

}  // namespace fractile
