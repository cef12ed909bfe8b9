// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <functional>

#include "formats/module_csv.hpp"

/// A folder of Parquet or CSV files as Spark, Dask, polars and DuckDB write it, read as one table.
namespace formats_module {

/// Opens one file: all columns where `names` is empty.
using OpenOne = std::function<arrow::Result<Reader>(const std::string& path, const Names& names)>;

/// The files in byte order of their paths; names that begin with "_" or "." are left out. Folders named key=value add a column
/// of texts; a column that a file lacks is missing there.
arrow::Result<Reader> read_folder(const std::string& folder, const Names& names, const OpenOne& open, arrow::MemoryPool* pool);

}  // namespace formats_module
