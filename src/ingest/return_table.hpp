// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <string>
#include <vector>

#include "arrow/arrow_abi.h"
#include "fractile/read_options.hpp"
#include "fractile/return_series.hpp"

/// The reader of factor returns: a table with the column "date" and a column of returns per factor.
namespace fractile {

/// Takes the stream over. Dates and numbers are read as those of signals are, except for options that name columns of a signal
/// (map, drop, text, scale, null of one column), which do not apply. The index column that pandas writes is left out. Throws
/// UNKNOWN_COLUMN without "date" or without a factor, COLUMN_TYPE on a value of another type, INVALID_VALUE on a
/// missing date.
std::vector<ReturnSeries> read_returns(ArrowArrayStream* stream, const ReadOptions& options);
/// A Parquet, CSV or Arrow file.
std::vector<ReturnSeries> read_return_file(const std::string& path, const ReadOptions& options);
/// `format`: "parquet", "csv" or "arrow". Decoded data beyond max_decoded_bytes are refused.
std::vector<ReturnSeries> read_return_bytes(const void* data, std::size_t size, const std::string& format,
                                            std::size_t max_decoded_bytes, const ReadOptions& options);

}  // namespace fractile
