// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "arrow/arrow_column.hpp"
#include "ingest/date_format.hpp"
#include "ingest/read_options.hpp"

/// The one reader of columns of dates, whatever their type.
namespace fractile {

/// Dates (date32, date64, timestamp), texts and eight digits, chunk by chunk; docs/reading.md has the rules. A column with texts
/// that cannot be read is seen to its end, so that the refusal can name the formats that fit all of it.
class DateColumnReader {
 public:
  explicit DateColumnReader(ColumnRules rules) : rules_(std::move(rules)) {}
  /// Days, local to the column's zone; missing: kMissingDay.
  void read_days(const ArrowSchema& schema, const ArrowBatches::Chunk& chunk, Day* out);
  /// With the time of day, in microseconds since 1970-01-01, local to the column's zone; missing: kMissingTime.
  void read_times(const ArrowSchema& schema, const ArrowBatches::Chunk& chunk, std::int64_t* out);
  /// Throws COLUMN_TYPE where a value could not be read, or where only some of the values have an offset.
  void finish() const;

 private:
  enum class Read : std::uint8_t { date, missing, failed };
  struct Example {
    std::string text;
    std::int64_t row = 0;
  };

  Read read_text(std::string_view text, Instant& out, bool& has_offset) const;
  Read read_number(double number, Instant& out) const;
  void note_offset(bool has_offset, std::string_view text, std::int64_t row);
  void fail(std::string_view text, std::int64_t row);
  template <class Visit>
  void visit_texts(const ArrowSchema& schema, const ArrowBatches::Chunk& chunk, Visit&& visit);
  template <class Visit>
  void visit_text_dictionary(const ArrowSchema& schema, const ArrowBatches::Chunk& chunk, Visit&& visit);
  template <class Visit>
  void visit_numbers(const ArrowSchema& schema, const ArrowBatches::Chunk& chunk, Visit&& visit);
  template <class Visit>
  void visit_instants(const ArrowSchema& schema, const ArrowBatches::Chunk& chunk, Visit&& visit);

  ColumnRules rules_;
  std::optional<Example> first_failed_, first_aware_, first_naive_;
  std::optional<FormatGuess> guess_;
};

/// A whole column that is one chunk, by the rules of a column without options.
void read_days(const ArrowSchema& schema, const ArrowBatches::Chunk& chunk, Day* out);
void read_times(const ArrowSchema& schema, const ArrowBatches::Chunk& chunk, std::int64_t* out);

}  // namespace fractile
