// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "arrow/arrow_abi.h"
#include "arrow/arrow_column.hpp"

/// Arrow C streams out of memory that others own.
namespace fractile {

/// Texts as Arrow's "U" holds them.
struct ExportTexts {
  explicit ExportTexts(std::span<const std::string_view> texts);
  std::vector<std::int64_t> offsets{0};
  std::string bytes;
};

/// A column: `format` as Arrow writes it ("g", "f", "l", "i", "tdD", "u", ...), buffers[0] is
/// the validity bitmap (null: none missing).
struct ExportColumn {
  std::string name;
  std::string format;
  std::vector<const void*> buffers;
  /// The texts of a column of their places ("i").
  std::shared_ptr<const ExportTexts> dictionary = nullptr;
};

/// Texts that go with a schema.
using ExportMetadata = std::vector<std::pair<std::string, std::string>>;

/// One batch of n_rows; `owner` lives until consumer has released stream and batch.
void export_table(std::vector<ExportColumn> columns, std::int64_t n_rows, std::shared_ptr<void> owner, ArrowArrayStream* out,
                  const ExportMetadata& metadata = {});

/// Some columns of batches, chunk by chunk, without a copy.
void export_columns(const std::shared_ptr<ArrowBatches>& batches, const std::vector<int>& columns, ArrowArrayStream* out);

}  // namespace fractile
