// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <arrow/api.h>
#include <arrow/io/api.h>

#include <memory>
#include <string>
#include <vector>

#include "formats/formats_abi.h"

/// CSV through libarrow: every cell is a text. Our own reader says what it means, as it does of every other source.
namespace formats_module {

using Reader = std::shared_ptr<arrow::RecordBatchReader>;
using Names = std::vector<std::string>;

struct CsvOptions {
  char delimiter = '\0';  ///< 0: recognised in the header
  std::string encoding;   ///< "": UTF-8
};

/// Plain or compressed text; `may_decompress` where its size is of no concern.
arrow::Result<Reader> read_csv(const std::shared_ptr<arrow::io::RandomAccessFile>& file, const Names& names,
                               const CsvOptions& options, arrow::MemoryPool* pool, bool use_threads, bool may_decompress);
/// The delimiter of a header among comma, semicolon, tab and bar: the one with the highest count, comma if none occurs.
char find_delimiter(std::string_view head);

}  // namespace formats_module
