// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "fractile/types.hpp"

struct ArrowArrayStream;

namespace fractile {

struct IdHashes;

enum class DateUnit : std::uint8_t { day, second, millisecond, microsecond, nanosecond };

/// A view of a column of dates in the user's memory: int32 days (unit day) or int64 counts since 1970-01-01.
/// Missing values: kMissingDay, kMissingTime. If data is null, the column is absent.
struct DateColumn {
  const void* data = nullptr;
  DateUnit unit = DateUnit::day;
  explicit operator bool() const noexcept { return data != nullptr; }
};

/// A column of security ids as the user gave them: whole numbers or texts, views on arrays of n_rows.
///
/// A run reads them as its snapshot's kind: texts that all are whole numbers serve a snapshot of integers, and numbers never
/// serve a snapshot of texts, because their leading zeros may be lost.
struct IdColumn {
  IdColumn() = default;
  /// A whole number in every row.
  IdColumn(const std::int64_t* all_numbers) noexcept : numbers(all_numbers) {}  // NOLINT: a column of numbers is one

  const std::int64_t* numbers = nullptr;  ///< any value is an id
  /// A bit per row as in Arrow, 0 if the row has no number. Null: every row has one.
  const std::uint8_t* valid = nullptr;
  const std::int32_t* codes = nullptr;  ///< of texts: the place of each row's text in `texts`; negative: the row has none
  /// ASCII spaces at both ends are ignored; a text of spaces only is a missing id. A text may occur twice.
  std::span<const std::string_view> texts;
  /// Hashes of `codes` and `texts`, which never change then. Null: they are hashed when needed.
  const IdHashes* hashes = nullptr;

  bool is_text() const noexcept { return codes != nullptr; }
  bool has_number(std::int64_t row) const noexcept { return !valid || (valid[row / 8] >> (row % 8) & 1) != 0; }
};

/// The key columns of a signal: views on contiguous arrays of n_rows, in the user's row order.
struct SignalKeys {
  std::int64_t n_rows = 0;
  IdColumn security_id;
  DateColumn date_sig;
  DateColumn date_avail;    ///< optional; its time of day counts
  DateColumn date_ret;      ///< optional; read without from_open
  DateColumn date_openret;  ///< optional; read with from_open
};

/// A signal: keys, one or more columns of values, and the owners of their memory.
///
/// Values: NaN is missing. Infinite values are refused by a run.
struct Signal {
  SignalKeys keys;
  std::vector<std::string> names;     ///< names of the value columns
  std::vector<const double*> values;  ///< n_rows each
  std::vector<std::shared_ptr<const void>> owners;
};

/// Hashes of the content of each value column with the keys: equal for equal columns in memory, whatever else the signal has.
/// In the order of `values`, and the same for every number of threads.
std::vector<std::string> digest_columns(const Signal& signal, int threads);

/// Reads the columns of a signal from an Arrow stream, and ignores others.
///
/// No copy where a stream of one batch has a column in a type of SignalKeys (int64; date32; timestamp of
/// any unit without zone; float64) whose nulls hold the missing value, as those of pandas do; else it is
/// converted, batch by batch. Timestamps
/// with a zone become the local date and time there. Ids: any integer type (an unsigned id beyond
/// int64 is refused), whole floats below 2^53, or texts. Dates: date32, date64, timestamp, or ISO text ("2020-01-02",
/// "2020-01-02T08:30:00"). Values: any integer or floating type, bool refused.
/// Takes over the stream. Throws UNKNOWN_COLUMN (naming the columns), COLUMN_TYPE (naming column,
/// type and remedy), EMPTY_SIGNAL, UNREADABLE_SIGNAL.
Signal read_signal(ArrowArrayStream* stream, const std::vector<std::string>& sigvars);

/// The same from a file (.parquet .csv .arrow .feather .ipc) or from Arrow IPC bytes (stream or
/// file; `format` may also be "csv" or "parquet"), which must outlive the signal. Needs the formats module.
Signal read_signal_file(const std::string& path, const std::vector<std::string>& sigvars);
Signal read_signal_bytes(const void* data, std::size_t size, const std::string& format, const std::vector<std::string>& sigvars,
                         std::size_t max_decoded_bytes = SIZE_MAX);

}  // namespace fractile
