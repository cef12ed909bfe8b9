// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "synthetic/panel_columns.hpp"

#include <utility>

#include "arrow/arrow_export.hpp"
#include "fractile/error.hpp"

namespace fractile::synthetic {
namespace {

class SyntheticPanel : public PanelSource {
 public:
  explicit SyntheticPanel(std::shared_ptr<PanelColumns> columns) : columns_(std::move(columns)) {
    add("security_id", "l", {nullptr, columns_->security_id.get()});
    add("date", "tdD", {nullptr, columns_->date.get()});
    for (std::size_t c = 0; c < kSize; ++c) add(kRealNames[c], "f", {nullptr, columns_->reals[c].get()});
    for (std::size_t c = 0; c < kNCategories; ++c)
      add(kCategoryNames[c], "i", {columns_->present[c].data(), columns_->categories[c].get()});
    for (std::size_t c = kSize; c < kNReals; ++c) add(kRealNames[c], "f", {nullptr, columns_->reals[c].get()});
  }

  std::vector<std::string> column_names() override {
    std::vector<std::string> names;
    for (const ExportColumn& column : exports_) names.push_back(column.name);
    return names;
  }

  void open_columns(const std::vector<std::string>& names, ArrowArrayStream* out) override {
    std::vector<ExportColumn> wanted;
    for (const std::string& name : names) {
      const ExportColumn* found = nullptr;
      for (const ExportColumn& column : exports_)
        if (column.name == name) found = &column;
      if (!found)
        throw Error(ErrorCode::PANEL_MISSING_COLUMN,
                    "expected a column of the synthetic panel, found \"" + name + "\". Ask for one that it has.");
      wanted.push_back(*found);
    }
    export_table(std::move(wanted), columns_->n_rows, columns_, out);
  }

  std::string source_name() const override { return "synthetic"; }
  std::string source_hash() const override { return ""; }

 private:
  void add(const char* name, const char* format, std::vector<const void*> buffers) {
    exports_.push_back({name, format, std::move(buffers)});
  }

  std::shared_ptr<PanelColumns> columns_;
  std::vector<ExportColumn> exports_;
};

}  // namespace

PanelColumns::PanelColumns(std::int64_t capacity) {
  const auto n = static_cast<std::size_t>(capacity);
  security_id = std::make_unique_for_overwrite<std::int64_t[]>(n);
  date = std::make_unique_for_overwrite<Day[]>(n);
  for (auto& column : reals) column = std::make_unique_for_overwrite<float[]>(n);
  for (auto& column : categories) column = std::make_unique_for_overwrite<std::int32_t[]>(n);
  for (auto& bits : present) bits.assign(n / 8 + 1, 0xff);
}

std::unique_ptr<PanelSource> panel_of_columns(std::shared_ptr<PanelColumns> columns) {
  return std::make_unique<SyntheticPanel>(std::move(columns));
}

}  // namespace fractile::synthetic
