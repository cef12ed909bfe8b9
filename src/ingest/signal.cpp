// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "fractile/signal.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <deque>
#include <functional>
#include <limits>
#include <memory>
#include <type_traits>

#include "arrow/arrow_column.hpp"
#include "arrow/arrow_visit.hpp"
#include "fractile/error.hpp"
#include "ingest/ids.hpp"
#include "ingest/signal_reader.hpp"
#include "types/ieee_arithmetic.hpp"

namespace fractile {
namespace {

using Chunk = ArrowBatches::Chunk;

/// The conversion of one column of a signal to contiguous memory.
struct Column {
  int index = -1;  ///< place in the stream
  /// Returns the chunk's own memory if it can be used in place, else null.
  std::function<const void*(const Chunk&)> view;
  std::function<void(const ArrowSchema&, const Chunk&, void*)> convert;
  std::size_t width = 8;                       ///< bytes a converted entry
  DateUnit view_unit = DateUnit::microsecond;  ///< dates
  std::shared_ptr<ByteBuffer> converted;       ///< null: the column is used in place
  const void* data = nullptr;
  DateUnit unit = DateUnit::microsecond;
};

/// Integers from 2^53 on are no longer told apart once they are doubles.
void require_told_apart(const ArrowSchema& schema, const Chunk& chunk, const double* values) {
  constexpr double kLimit = 9007199254740992.0;
  for (std::int64_t i = 0; i < chunk.length; ++i)
    if (std::fabs(values[i]) >= kLimit)
      throw Error(
          ErrorCode::COLUMN_TYPE,
          fmt::format("expected whole numbers below 2^53 in column \"{}\", found about {:.0f} at row {}. Rank or scale them, "
                      "or pass float64.",
                      arrow::column_name(schema), values[i], chunk.first_row + i));
}

/// A reader of the columns of a signal: in place if one batch has all rows, else batch by batch.
class SignalReader {
 public:
  SignalReader(ArrowArrayStream* stream, const std::shared_ptr<ByteBuffer>& bytes)
      : batches_(std::make_shared<ArrowBatches>(stream, ArrowBatches::Read::by_batch)), bytes_(bytes) {}

  const ArrowBatches& batches() const noexcept { return *batches_; }

  /// Reads up to the second batch with rows.
  void begin() {
    int n_full = 0;
    while (n_full < 2 && !is_at_end_) {
      const std::int64_t before = batches_->n_rows();
      is_at_end_ = !batches_->read_batch();
      n_full += batches_->n_rows() > before ? 1 : 0;
    }
    is_single_ = n_full < 2;
  }

  Column& add_ids(int index) {
    id_reader_ = std::make_shared<IdReader>(batches_->schema(index));
    Column& column = add(index);
    column.width = id_reader_->width();
    if (id_reader_->is_plain())
      column.view = [reader = id_reader_](const Chunk& chunk) -> const void* {
        const auto* numbers = aligned_buffer<std::int64_t>(chunk);
        if (!numbers) return nullptr;
        reader->view(chunk);
        return numbers + chunk.offset;
      };
    column.convert = [reader = id_reader_](const ArrowSchema& schema, const Chunk& chunk, void* out) {
      reader->read(schema, chunk, out);
    };
    return column;
  }

  /// Call it after read().
  IdColumn make_ids(const Column& column, Signal& signal) const {
    signal.owners.push_back(id_reader_);
    IdColumn ids;
    if (id_reader_->is_text()) {
      ids.codes = static_cast<const std::int32_t*>(column.data);
      ids.texts = id_reader_->texts();
    } else {
      ids.numbers = static_cast<const std::int64_t*>(column.data);
      ids.valid = id_reader_->valid();
    }
    return ids;
  }

  Column& add_values(int index) {
    const ArrowType type = describe_type(batches_->schema(index));
    if (type.kind != ArrowKind::integer && type.kind != ArrowKind::real && type.name != "null")
      refuse(index, type, "numbers", "Convert it to float64 first.");
    Column& column = add(index);
    if (type.kind == ArrowKind::real && type.bits == 64 && !type.is_dictionary)
      column.view = make_view<double>(std::numeric_limits<double>::quiet_NaN());
    column.convert = [](const ArrowSchema& schema, const Chunk& chunk, void* out) {
      auto* const values = static_cast<double*>(out);
      read_doubles(schema, chunk, values);
      if (describe_type(schema).kind == ArrowKind::integer) require_told_apart(schema, chunk, values);
    };
    return column;
  }

  /// Null for a column without any value.
  Column* add_dates(int index) {
    const ArrowType type = describe_type(batches_->schema(index));
    const bool is_date = type.kind == ArrowKind::date || type.kind == ArrowKind::timestamp || type.kind == ArrowKind::text;
    if (type.name == "null") return nullptr;
    if (!is_date) refuse(index, type, "dates", "Convert it, for example pd.to_datetime(df[\"" + name(index) + "\"]).");
    Column& column = add(index);
    if (!type.is_dictionary && type.timezone.empty() && type.kind != ArrowKind::text) {
      const bool is_days = type.kind == ArrowKind::date && type.bits == 32;
      column.view = is_days ? make_view<Day>(kMissingDay) : make_view<std::int64_t>(kMissingTime);
      column.view_unit = is_days ? DateUnit::day : type.unit;
    }
    column.convert = [](const ArrowSchema& schema, const Chunk& chunk, void* out) {
      read_times(schema, chunk, static_cast<std::int64_t*>(out));
    };
    return &column;
  }

  /// Fills all columns; `signal` becomes the owner of their memory.
  void read(Signal& signal) {
    bool is_viewed = false;
    for (Column& column : columns_) {
      const std::vector<Chunk> chunks = batches_->chunks(column.index);
      column.data = is_single_ && column.view ? column.view(chunks.front()) : nullptr;
      column.unit = column.data ? column.view_unit : DateUnit::microsecond;
      is_viewed |= column.data != nullptr;
      if (!column.data) column.converted = std::make_shared<ByteBuffer>();
    }
    convert_held();
    while (!is_at_end_) {
      give_back();
      is_at_end_ = !batches_->read_batch();
      convert_held();
    }
    for (Column& column : columns_) {
      if (!column.converted) continue;
      column.data = column.converted->data();
      signal.owners.push_back(column.converted);
    }
    if (!is_viewed) return;
    signal.owners.push_back(batches_);
    if (bytes_) signal.owners.push_back(bytes_);
  }

 private:
  std::string name(int column) const { return batches_->names()[static_cast<std::size_t>(column)]; }

  Column& add(int index) {
    Column& column = columns_.emplace_back();
    column.index = index;
    return column;
  }

  [[noreturn]] void refuse(int column, const ArrowType& type, const char* expected, const std::string& remedy) const {
    throw Error(ErrorCode::COLUMN_TYPE,
                std::string("expected ") + expected + " in column \"" + name(column) + "\", found " + type.name + ". " + remedy);
  }

  template <class T>
  static bool is_missing(T value, T missing) {
    if constexpr (std::is_floating_point_v<T>) return std::isnan(value);
    return value == missing;
  }

  /// True if every null of the chunk has the missing value in its place; if the memory may be written, it writes these values.
  template <class T>
  bool marks_nulls(const Chunk& chunk, const T* values, T missing) const {
    const ArrowArray& array = *chunk.array;
    const auto* valid = array.null_count == 0 ? nullptr : arrow::buffer<std::uint8_t>(array, 0);
    if (!valid) return true;
    const std::int64_t end = chunk.offset + chunk.length;
    // Reads whole bytes of the bitmap, because nearly all have no null.
    for (std::int64_t byte = chunk.offset / 8; byte * 8 < end; ++byte)
      for (unsigned nulls = 0xffU & ~unsigned{valid[byte]}; nulls != 0; nulls &= nulls - 1) {
        const std::int64_t at = byte * 8 + std::countr_zero(nulls);
        if (at < chunk.offset || at >= end || is_missing(values[at], missing)) continue;
        if (!bytes_) return false;
        const_cast<T*>(values)[at] = missing;
      }
    return true;
  }

  /// Returns null if the chunk has no buffer, or if its values are not aligned for T.
  template <class T>
  static const T* aligned_buffer(const Chunk& chunk) {
    const auto* values = arrow::buffer<T>(*chunk.array, 1);
    return reinterpret_cast<std::uintptr_t>(values) % alignof(T) == 0 ? values : nullptr;
  }

  template <class T>
  std::function<const void*(const Chunk&)> make_view(T missing) {
    return [this, missing](const Chunk& chunk) -> const void* {
      const auto* values = aligned_buffer<T>(chunk);
      if (!values) return nullptr;
      return marks_nulls(chunk, values, missing) ? values + chunk.offset : nullptr;
    };
  }

  void convert_held() {
    for (Column& column : columns_) {
      if (!column.converted) continue;
      for (const Chunk& chunk : batches_->chunks(column.index)) {
        check_order(chunk);
        const std::size_t size = static_cast<std::size_t>(chunk.length) * column.width;
        column.convert(batches_->schema(column.index), chunk, column.converted->prepare(size));
        column.converted->commit(size);
      }
    }
  }

  /// Releases the held batches and the bytes before them, which the reader does not need any more.
  void give_back() {
    const void* last = nullptr;
    bool has_dictionary = false;
    for (int c = 0; c < static_cast<int>(batches_->names().size()); ++c) {
      has_dictionary |= batches_->schema(c).dictionary != nullptr;
      for (const Chunk& chunk : batches_->chunks(c))
        for (std::int64_t b = 0; b < chunk.array->n_buffers; ++b)
          if (const void* place = chunk.array->buffers[b]; bytes_ && bytes_->contains(place)) last = std::max(last, place);
    }
    batches_->forget_batches();
    if (last && !has_dictionary) bytes_->forget_before(last);
  }

  /// A file may list its batches in any order. A batch whose memory is already released must not be read.
  void check_order(const Chunk& chunk) const {
    for (std::int64_t b = 0; bytes_ && b < chunk.array->n_buffers; ++b)
      if (bytes_->is_forgotten(chunk.array->buffers[b]))
        throw Error(ErrorCode::UNREADABLE_SIGNAL,
                    "expected an Arrow file's batches in the order of their places, found an earlier one later. Send it as a "
                    "stream.");
  }

  const std::shared_ptr<ArrowBatches> batches_;
  const std::shared_ptr<ByteBuffer> bytes_;
  std::deque<Column> columns_;
  std::shared_ptr<IdReader> id_reader_;
  bool is_at_end_ = false;
  bool is_single_ = false;
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

Signal read_signal_stream(ArrowArrayStream* stream, const std::vector<std::string>& sigvars,
                          const std::shared_ptr<ByteBuffer>& bytes) {
  const IeeeArithmetic arithmetic;
  SignalReader reader(stream, bytes);
  const ArrowBatches& batches = reader.batches();
  const auto require = [&](const std::string& name, bool is_value) {
    const int column = batches.find(name);
    if (column < 0) refuse_missing(batches, name, is_value);
    return column;
  };
  const int id = require("security_id", false), date_sig = require("date_sig", false);
  for (const std::string& sigvar : sigvars) require(sigvar, true);
  reader.begin();
  if (batches.n_rows() == 0)
    throw Error(ErrorCode::EMPTY_SIGNAL, "expected at least one row in the signal, found 0. Pass a signal with rows.");
  const Column& ids = reader.add_ids(id);
  constexpr const char* kDates[] = {"date_sig", "date_avail", "date_ret", "date_openret"};
  std::array<const Column*, std::size(kDates)> dates{};
  dates[0] = reader.add_dates(date_sig);
  if (!dates[0])
    throw Error(ErrorCode::NO_USABLE_ROWS, "expected dates in column \"date_sig\", found only missing values. Fill it.");
  for (std::size_t k = 1; k < dates.size(); ++k)
    if (const int column = batches.find(kDates[k]); column >= 0) dates[k] = reader.add_dates(column);
  std::vector<const Column*> values;
  for (const std::string& sigvar : sigvars) values.push_back(&reader.add_values(batches.find(sigvar)));

  Signal signal;
  reader.read(signal);
  signal.keys.n_rows = batches.n_rows();
  signal.keys.security_id = reader.make_ids(ids, signal);
  const auto date_of = [&](std::size_t k) { return dates[k] ? DateColumn{dates[k]->data, dates[k]->unit} : DateColumn{}; };
  signal.keys.date_sig = date_of(0);
  signal.keys.date_avail = date_of(1);
  signal.keys.date_ret = date_of(2);
  signal.keys.date_openret = date_of(3);
  for (std::size_t k = 0; k < sigvars.size(); ++k) {
    signal.names.push_back(sigvars[k]);
    signal.values.push_back(static_cast<const double*>(values[k]->data));
  }
  return signal;
}

Signal read_signal(ArrowArrayStream* stream, const std::vector<std::string>& sigvars) {
  return read_signal_stream(stream, sigvars, nullptr);
}

}  // namespace fractile
