// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "arrow/arrow_export.hpp"
#include "output/output.hpp"

namespace fractile {
namespace {

/// Texts in Arrow's layout: offsets and one run of bytes.
struct PackedTexts {
  std::vector<std::int64_t> offsets{0};
  std::string bytes;
};

}  // namespace

void table_to_arrow(const Table& table, ArrowArrayStream* out, const std::vector<std::pair<std::string, std::string>>& metadata) {
  auto packed = std::make_shared<std::vector<std::unique_ptr<PackedTexts>>>();
  std::vector<ExportColumn> columns;
  for (const Column& column : table.columns) {
    ExportColumn exported{column.name, "", {nullptr}};
    if (const auto* reals = std::get_if<std::vector<double>>(&column.values)) {
      exported.format = "g";
      exported.buffers.push_back(reals->data());
    } else if (const auto* whole = std::get_if<std::vector<std::int64_t>>(&column.values)) {
      exported.format = "l";
      exported.buffers.push_back(whole->data());
    } else if (const auto* dates = std::get_if<Column::Dates>(&column.values)) {
      exported.format = "tdD";
      exported.buffers.push_back(dates->days.data());
    } else {
      auto texts = std::make_unique<PackedTexts>();
      for (const std::string& text : std::get<std::vector<std::string>>(column.values)) {
        texts->bytes += text;
        texts->offsets.push_back(static_cast<std::int64_t>(texts->bytes.size()));
      }
      exported.format = "U";
      exported.buffers.push_back(texts->offsets.data());
      exported.buffers.push_back(texts->bytes.data());
      packed->push_back(std::move(texts));
    }
    columns.push_back(std::move(exported));
  }
  export_table(std::move(columns), static_cast<std::int64_t>(table.n_rows()), packed, out, metadata);
}

}  // namespace fractile
