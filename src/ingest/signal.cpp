// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "fractile/signal.hpp"

#include <bit>
#include <cmath>
#include <limits>
#include <memory>
#include <type_traits>

#include "fractile/error.hpp"
#include "ingest/arrow_column.hpp"
#include "ingest/arrow_visit.hpp"
#include "types/large_array.hpp"

namespace fractile {
namespace {

using Chunk = ArrowBatches::Chunk;

/// One column of a signal: as it came where that serves, else converted.
class ColumnReader {
 public:
  ColumnReader(const std::shared_ptr<ArrowBatches>& batches, bool may_overwrite, Signal& signal)
      : batches_(batches), may_overwrite_(may_overwrite), signal_(signal) {}

  const std::int64_t* read_ids(int column) {
    const ArrowType type = describe_type(batches_->schema(column));
    if (type.kind != ArrowKind::integer)
      refuse(column, type, "whole numbers", "Convert it, for example df.astype({\"" + name(column) + "\": \"Int64\"}).");
    if (type.bits == 64 && !type.is_unsigned && !type.is_dictionary)
      if (const auto* values = as_it_is<std::int64_t>(column, kMissingId)) return values;
    return convert<std::int64_t>(column, [](const ArrowSchema& schema, const Chunk& chunk, std::int64_t* out) {
      read_integers(schema, chunk, kMissingId, out);
    });
  }

  const double* read_values(int column) {
    const ArrowType type = describe_type(batches_->schema(column));
    if (type.kind != ArrowKind::integer && type.kind != ArrowKind::real && type.name != "null")
      refuse(column, type, "numbers", "Convert it to float64 first.");
    if (type.kind == ArrowKind::real && type.bits == 64 && !type.is_dictionary)
      if (const auto* values = as_it_is<double>(column, std::numeric_limits<double>::quiet_NaN())) return values;
    return convert<double>(column, read_doubles);
  }

  DateColumn read_dates(int column) {
    const ArrowType type = describe_type(batches_->schema(column));
    const bool is_date = type.kind == ArrowKind::date || type.kind == ArrowKind::timestamp || type.kind == ArrowKind::text;
    if (type.name == "null") return {};
    if (!is_date) refuse(column, type, "dates", "Convert it, for example pd.to_datetime(df[\"" + name(column) + "\"]).");
    if (!type.is_dictionary && type.timezone.empty()) {
      if (type.kind == ArrowKind::date && type.bits == 32)
        if (const auto* values = as_it_is<Day>(column, kMissingDay)) return {values, DateUnit::day};
      if (type.kind == ArrowKind::timestamp || (type.kind == ArrowKind::date && type.bits == 64))
        if (const auto* values = as_it_is<std::int64_t>(column, kMissingTime)) return {values, type.unit};
    }
    return {convert<std::int64_t>(column, read_times), DateUnit::nanosecond};
  }

 private:
  std::string name(int column) const { return batches_->names()[static_cast<std::size_t>(column)]; }

  [[noreturn]] void refuse(int column, const ArrowType& type, const char* expected, const std::string& remedy) const {
    throw Error(ErrorCode::COLUMN_TYPE,
                std::string("expected ") + expected + " in column \"" + name(column) + "\", found " + type.name + ". " + remedy);
  }

  template <class T>
  static bool is_missing(T value, T missing) {
    if constexpr (std::is_floating_point_v<T>) return std::isnan(value);
    return value == missing;
  }

  /// Whether every null of the chunk holds the missing value; makes it so where it may write.
  template <class T>
  bool marks_nulls(const Chunk& chunk, const T* values, T missing) const {
    const ArrowArray& array = *chunk.array;
    const auto* valid = array.null_count == 0 ? nullptr : arrow::buffer<std::uint8_t>(array, 0);
    if (!valid) return true;
    const std::int64_t end = chunk.offset + chunk.length;
    // Whole bytes of the bitmap at a time: most have no null.
    for (std::int64_t byte = chunk.offset / 8; byte * 8 < end; ++byte)
      for (unsigned nulls = 0xffU & ~unsigned{valid[byte]}; nulls != 0; nulls &= nulls - 1) {
        const std::int64_t at = byte * 8 + std::countr_zero(nulls);
        if (at < chunk.offset || at >= end || is_missing(values[at], missing)) continue;
        if (!may_overwrite_) return false;
        const_cast<T*>(values)[at] = missing;
      }
    return true;
  }

  /// The column's own memory, where it is one chunk whose nulls hold the missing value, as those of pandas do.
  template <class T>
  const T* as_it_is(int column, T missing) const {
    const std::vector<Chunk> chunks = batches_->chunks(column);
    if (chunks.size() != 1) return nullptr;
    const auto* values = arrow::buffer<T>(*chunks[0].array, 1);
    if (!values || reinterpret_cast<std::uintptr_t>(values) % alignof(T) != 0) return nullptr;
    return marks_nulls(chunks[0], values, missing) ? values + chunks[0].offset : nullptr;
  }

  template <class T, class Read>
  const T* convert(int column, Read&& read) {
    const auto values = make_large_array<T>(static_cast<std::size_t>(batches_->n_rows()));
    T* out = values.get();
    for (const Chunk& chunk : batches_->chunks(column)) {
      read(batches_->schema(column), chunk, out);
      out += chunk.length;
    }
    signal_.owners.push_back(values);
    return values.get();
  }

  const std::shared_ptr<ArrowBatches>& batches_;
  bool may_overwrite_;
  Signal& signal_;
};

[[noreturn]] void refuse_missing(const ArrowBatches& batches, const std::string& wanted, bool is_value) {
  std::string found;
  for (const std::string& name : batches.names()) found += (found.empty() ? "" : ", ") + name;
  std::string remedy = "Rename the column.";
  if (is_value) {
    for (const std::string& name : batches.names())
      if (name != "security_id" && !name.starts_with("date_")) {
        remedy = "Pass sigvar=\"" + name + "\".";
        break;
      }
  }
  throw Error(ErrorCode::UNKNOWN_COLUMN,
              "expected a column \"" + wanted + "\", found " + (found.empty() ? "no columns" : found) + ". " + remedy);
}

}  // namespace

Signal read_signal(ArrowArrayStream* stream, const std::vector<std::string>& sigvars, bool may_overwrite) {
  const auto batches = std::make_shared<ArrowBatches>(stream);
  Signal signal;
  signal.owners.push_back(batches);
  ColumnReader reader(batches, may_overwrite, signal);
  const auto require = [&](const std::string& name, bool is_value) {
    const int column = batches->find(name);
    if (column < 0) refuse_missing(*batches, name, is_value);
    return column;
  };
  const int id = require("security_id", false), date_sig = require("date_sig", false);
  for (const std::string& sigvar : sigvars) require(sigvar, true);
  signal.keys.n_rows = batches->n_rows();
  if (signal.keys.n_rows == 0)
    throw Error(ErrorCode::EMPTY_SIGNAL, "expected at least one row in the signal, found 0. Pass a signal with rows.");
  signal.keys.security_id = reader.read_ids(id);
  signal.keys.date_sig = reader.read_dates(date_sig);
  if (!signal.keys.date_sig)
    throw Error(ErrorCode::NO_USABLE_ROWS, "expected dates in column \"date_sig\", found only missing values. Fill it.");
  const auto optional = [&](const char* name) {
    const int column = batches->find(name);
    return column < 0 ? DateColumn{} : reader.read_dates(column);
  };
  signal.keys.date_avail = optional("date_avail");
  signal.keys.date_ret = optional("date_ret");
  signal.keys.date_openret = optional("date_openret");
  for (const std::string& sigvar : sigvars) {
    signal.names.push_back(sigvar);
    signal.values.push_back(reader.read_values(batches->find(sigvar)));
  }
  return signal;
}

}  // namespace fractile
