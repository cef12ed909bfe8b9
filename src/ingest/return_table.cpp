// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "ingest/return_table.hpp"

#include "arrow/arrow_column.hpp"
#include "formats/formats.hpp"
#include "fractile/error.hpp"
#include "ingest/date_column.hpp"
#include "ingest/number_column.hpp"
#include "ingest/number_text.hpp"
#include "ingest/usual_names.hpp"
#include "types/ieee_arithmetic.hpp"

namespace fractile {
namespace {

/// The options of a signal without those of its columns, which a table of returns does not have.
ReadOptions without_columns(const ReadOptions& options) {
  ReadOptions out = options;
  out.null_of.clear();
  out.text.clear();
  out.drop.clear();
  out.map.clear();
  out.scale.clear();
  return out;
}

std::vector<Day> read_dates(const ArrowBatches& batches, int column, const ReadOptions& options) {
  std::vector<Day> out(static_cast<std::size_t>(batches.n_rows()));
  DateColumnReader reader(rules_of(options, "date", "date"));
  for (const ArrowBatches::Chunk& chunk : batches.chunks(column))
    reader.read_days(batches.schema(column), chunk, out.data() + chunk.first_row);
  reader.finish();
  for (std::size_t row = 0; row < out.size(); ++row)
    if (out[row] == kMissingDay)
      throw Error(ErrorCode::INVALID_VALUE, "expected a date in each row of the returns, found a missing one at row " +
                                                std::to_string(row) + ". Leave the row out.");
  return out;
}

std::vector<double> read_column(const ArrowBatches& batches, int column, const std::string& name, const ReadOptions& options) {
  const ArrowSchema& schema = batches.schema(column);
  const ArrowType type = describe_type(schema);
  const bool is_number = type.kind == ArrowKind::integer || type.kind == ArrowKind::real || type.kind == ArrowKind::decimal;
  if (!is_number && type.kind != ArrowKind::text && type.name != "null")
    throw Error(ErrorCode::COLUMN_TYPE, "expected numbers in column \"" + name + "\", found " + type.name +
                                            ". Leave the column out of the returns, or convert it to float64.");
  std::vector<double> out(static_cast<std::size_t>(batches.n_rows()));
  const ColumnRules rules = rules_of(options, name, name);
  for (const ArrowBatches::Chunk& chunk : batches.chunks(column))
    read_numbers(schema, chunk, rules, out.data() + chunk.first_row);
  return out;
}

}  // namespace

std::vector<ReturnSeries> read_returns(ArrowArrayStream* stream, const ReadOptions& given) {
  const IeeeArithmetic arithmetic;
  const ReadOptions options = without_columns(given);
  const ArrowBatches batches(stream);
  std::vector<std::string> names;
  for (const std::string& name : batches.names()) names.emplace_back(trim(name));
  int date = -1;
  for (std::size_t column = 0; column < names.size(); ++column)
    if (names[column] == "date" && date < 0) date = static_cast<int>(column);
  if (date < 0)
    throw Error(ErrorCode::UNKNOWN_COLUMN, "expected a column \"date\" in the returns, found " +
                                               (names.empty() ? "no columns" : join(names)) +
                                               ". Rename the column, or the index: frame.rename_axis(\"date\").reset_index().");
  std::vector<ReturnSeries> out;
  const std::vector<Day> days = read_dates(batches, date, options);
  for (std::size_t column = 0; column < names.size(); ++column)
    if (static_cast<int>(column) != date && !is_index_column(names[column]))
      out.push_back({names[column], days, read_column(batches, static_cast<int>(column), names[column], options)});
  if (out.empty())
    throw Error(ErrorCode::UNKNOWN_COLUMN, "expected a column of returns beside \"date\", found none. Add a column per factor.");
  return out;
}

std::vector<ReturnSeries> read_return_file(const std::string& path, const ReadOptions& options) {
  ArrowArrayStream stream{};
  formats::open_file(path, {}, without_columns(options), ErrorCode::UNREADABLE_SIGNAL, &stream);
  return read_returns(&stream, options);
}

std::vector<ReturnSeries> read_return_bytes(const void* data, std::size_t size, const std::string& format,
                                            std::size_t max_decoded_bytes, const ReadOptions& options) {
  ArrowArrayStream stream{};
  formats::open_bytes(data, size, format, without_columns(options), max_decoded_bytes, ErrorCode::UNREADABLE_SIGNAL, &stream);
  return read_returns(&stream, options);
}

}  // namespace fractile
