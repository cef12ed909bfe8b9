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

/// Exports memory with other owners as Arrow C streams.
namespace fractile {

/// Texts in the layout of Arrow's format "U".
struct ExportTexts {
  explicit ExportTexts(std::span<const std::string_view> texts);
  std::vector<std::int64_t> offsets{0};
  std::string bytes;
};

/// An exported column: `format` is Arrow's format string ("g", "f", "l", "i", "tdD", "u", ...), buffers[0] is
/// the validity bitmap (null: no value is missing).
struct ExportColumn {
  std::string name;
  std::string format;
  std::vector<const void*> buffers;
  /// The texts, if the column has their indices ("i").
  std::shared_ptr<const ExportTexts> dictionary = nullptr;
  /// A column that another library made, instead of all of the above but the name.
  const ArrowSchema* schema = nullptr;
  const ArrowArray* array = nullptr;
};

/// Key-value metadata of a schema.
using ExportMetadata = std::vector<std::pair<std::string, std::string>>;

/// Exports one batch of n_rows; `owner` lives until the consumer has released the stream and the batch.
void export_table(std::vector<ExportColumn> columns, std::int64_t n_rows, std::shared_ptr<void> owner, ArrowArrayStream* out,
                  const ExportMetadata& metadata = {});

/// Exports the listed columns of batches, chunk by chunk, without a copy.
void export_columns(const std::shared_ptr<ArrowBatches>& batches, const std::vector<int>& columns, ArrowArrayStream* out);

}  // namespace fractile
