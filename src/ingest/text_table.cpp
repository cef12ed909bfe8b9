// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "ingest/text_table.hpp"

#include <algorithm>
#include <limits>
#include <string_view>

#include "arrow/arrow_column.hpp"
#include "arrow/arrow_export.hpp"
#include "arrow/arrow_visit.hpp"
#include "ingest/number_text.hpp"
#include "ingest/text_codes.hpp"
#include "types/byte_buffer.hpp"

namespace fractile {

struct TextTable::Column {
  ColumnRules rules;
  bool is_text = false;
  bool is_late = false;  ///< a text appeared after numbers, so the column must be read again
  ByteBuffer values;     ///< double, or int32 codes
  TextCodes texts;
  std::shared_ptr<const ExportTexts> dictionary;  ///< the texts, once they are exported

  /// False at the first text that cannot be a number.
  bool add_numbers(const ArrowSchema& schema, const ArrowBatches::Chunk& chunk);
  void add_texts(const ArrowSchema& schema, const ArrowBatches::Chunk& chunk);
  ExportColumn exported(const std::string& name);
};

bool TextTable::Column::add_numbers(const ArrowSchema& schema, const ArrowBatches::Chunk& chunk) {
  const std::size_t size = static_cast<std::size_t>(chunk.length) * sizeof(double);
  auto* out = reinterpret_cast<double*>(values.prepare(size));
  bool is_number = true;
  const auto read_one = [&](std::int64_t i, std::string_view text) {
    const NumberText kind = read_number(text, rules, out[i]);
    if (kind == NumberText::missing) out[i] = std::numeric_limits<double>::quiet_NaN();
    // Leading zeros can mark a text. The reader of the column decides if they matter.
    return kind == NumberText::number || kind == NumberText::missing;
  };
  arrow::visit_texts(schema, chunk, [&](std::int64_t i, std::string_view text, bool null) {
    if (null)
      out[i] = std::numeric_limits<double>::quiet_NaN();
    else
      is_number = is_number && read_one(i, text);
    return is_number;
  });
  if (is_number) values.commit(size);
  return is_number;
}

void TextTable::Column::add_texts(const ArrowSchema& schema, const ArrowBatches::Chunk& chunk) {
  const std::size_t size = static_cast<std::size_t>(chunk.length) * sizeof(std::int32_t);
  auto* out = reinterpret_cast<std::int32_t*>(values.prepare(size));
  arrow::visit_texts(schema, chunk, [&](std::int64_t i, std::string_view text, bool null) {
    out[i] = null ? texts.add("") : texts.add(text);
    return true;
  });
  values.commit(size);
}

ExportColumn TextTable::Column::exported(const std::string& name) {
  if (!is_text) return {name, "g", {nullptr, values.data()}, {}};
  if (!dictionary) {
    const std::vector<std::string_view> views(texts.all().begin(), texts.all().end());
    dictionary = std::make_shared<ExportTexts>(views);
  }
  return {name, "i", {nullptr, values.data()}, dictionary};
}

TextTable::~TextTable() = default;

void TextTable::read_stream(ArrowArrayStream* stream, const std::vector<std::size_t>& columns) {
  ArrowBatches batches(stream, ArrowBatches::Read::by_batch);
  while (batches.read_batch()) {
    for (std::size_t c = 0; c < columns.size(); ++c) {
      Column& column = *columns_[columns[c]];
      if (column.is_late) continue;
      const ArrowSchema& schema = batches.schema(static_cast<int>(c));
      for (const auto& chunk : batches.chunks(static_cast<int>(c))) {
        if (!column.is_text && !column.add_numbers(schema, chunk)) {
          column.is_text = true;
          column.is_late = column.values.size() > 0;
        }
        if (column.is_text && !column.is_late) column.add_texts(schema, chunk);
      }
    }
    batches.forget_batches();
  }
  n_rows_ = batches.n_rows();
}

std::shared_ptr<TextTable> TextTable::read(const OpenTexts& open, const std::vector<std::string>& names,
                                           const ReadOptions& options, const std::vector<std::string>& as_texts) {
  std::shared_ptr<TextTable> table(new TextTable);
  ArrowArrayStream stream{};
  table->names_ = names;
  std::vector<std::size_t> all;
  for (const std::string& name : names) {
    auto column = std::make_unique<Column>();
    std::string ours = name;
    for (const auto& [mapped, source] : options.map)
      if (source == name) ours = mapped;
    column->rules = rules_of(options, ours, name);
    column->is_text = column->rules.is_text || std::find(as_texts.begin(), as_texts.end(), name) != as_texts.end();
    all.push_back(table->columns_.size());
    table->columns_.push_back(std::move(column));
  }
  open(names, &stream);
  table->read_stream(&stream, all);
  std::vector<std::size_t> late;
  std::vector<std::string> late_names;
  for (const std::size_t c : all) {
    Column& column = *table->columns_[c];
    if (!column.is_late) continue;
    column.is_late = false;
    column.values = ByteBuffer();
    late.push_back(c);
    late_names.push_back(names[c]);
  }
  if (!late.empty()) {
    open(late_names, &stream);
    table->read_stream(&stream, late);
  }
  return table;
}

void TextTable::open_columns(const std::vector<std::size_t>& columns, ArrowArrayStream* out) {
  std::vector<ExportColumn> exported;
  for (const std::size_t c : columns) exported.push_back(columns_[c]->exported(names_[c]));
  export_table(std::move(exported), n_rows_, shared_from_this(), out);
}

}  // namespace fractile
