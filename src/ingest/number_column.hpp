// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include "arrow/arrow_column.hpp"
#include "ingest/read_options.hpp"

/// The reader of columns of numbers, whatever their type.
namespace fractile {

/// Numbers of any type, and texts that are numbers, by the rules of the column; missing: NaN. Writes chunk.length values to
/// `out`. Throws COLUMN_TYPE on another text, and on a whole number that float64 cannot hold.
void read_numbers(const ArrowSchema& schema, const ArrowBatches::Chunk& chunk, const ColumnRules& rules, double* out);

}  // namespace fractile
