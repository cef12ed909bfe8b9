// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "ingest/number_column.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "arrow/arrow_visit.hpp"
#include "fractile/error.hpp"
#include "ingest/number_text.hpp"
#include "ingest/text_codes.hpp"
#include "types/quoted_text.hpp"

namespace fractile {
namespace {

using Chunk = ArrowBatches::Chunk;

/// The first whole number that float64 cannot hold is refused: two of them would be one value.
void require_exact(const ArrowSchema& schema, const Chunk& chunk, const ColumnRules& rules, const double* values) {
  if (std::none_of(values, values + chunk.length, [](double value) { return std::fabs(value) >= kFirstInexact; })) return;
  const auto found = find_inexact(schema, chunk, [&](std::string_view digits) { return rules.is_null_text(digits); });
  if (found)
    throw Error(
        ErrorCode::COLUMN_TYPE,
        fmt::format(
            "expected whole numbers that float64 holds (all below 2^53) in column \"{}\", found {} at row {}. Rank or scale "
            "them, or pass float64.",
            rules.column, found->digits, chunk.first_row + found->i));
}

}  // namespace

void read_numbers(const ArrowSchema& schema, const ArrowBatches::Chunk& chunk, const ColumnRules& rules, double* out) {
  if (const ArrowType type = describe_type(schema); type.kind != ArrowKind::text) {
    read_doubles(schema, chunk, out);
    if (type.kind == ArrowKind::integer || type.kind == ArrowKind::decimal) require_exact(schema, chunk, rules, out);
    for (std::int64_t i = 0; i < chunk.length && !rules.null_numbers.empty(); ++i)
      if (rules.is_null_number(out[i])) out[i] = std::numeric_limits<double>::quiet_NaN();
  } else {
    arrow::visit_texts(schema, chunk, [&](std::int64_t i, std::string_view text, bool null) {
      const NumberText kind = null ? NumberText::missing : read_number(text, rules, out[i]);
      if (kind == NumberText::missing) out[i] = std::numeric_limits<double>::quiet_NaN();
      if (kind == NumberText::text || kind == NumberText::inexact)
        throw Error(ErrorCode::COLUMN_TYPE,
                    "expected " +
                        std::string(kind == NumberText::text ? "numbers" : "whole numbers that float64 holds (all below 2^53)") +
                        " in column \"" + rules.column + "\", found " + show_text(text) + " at row " +
                        std::to_string(chunk.first_row + i) + ". " + number_remedy(text, rules) + ".");
      return true;
    });
  }
  for (std::int64_t i = 0; i < chunk.length && rules.scale != 1.0; ++i) out[i] *= rules.scale;
}

}  // namespace fractile
