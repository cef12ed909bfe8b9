// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "fractile/types.hpp"

namespace fractile {

/// A named column: reals (NaN is missing), whole numbers, dates or texts.
struct Column {
  struct Dates {
    std::vector<Day> days;
  };
  std::string name;
  std::variant<std::vector<double>, std::vector<std::int64_t>, Dates, std::vector<std::string>> values;
};

/// Columns of equal length, as docs/methodology.md section 8 lists them.
struct Table {
  std::vector<Column> columns;
  std::size_t n_rows() const noexcept;
  const Column* find(std::string_view name) const noexcept;
};

/// One row of a signal, as an example for a cause of dropped rows. For duplicates: a row that repeats an earlier one.
struct RowExample {
  std::int64_t row;                       ///< from 0, in the user's order
  std::optional<SecurityId> security_id;  ///< as the snapshot reads it; none if it is missing
  std::string date_sig;
};

/// The counts of used and dropped rows (methodology section 2, rule 7), and the counts of later stages.
struct Diagnostics {
  struct Count {
    std::string name;
    std::int64_t count = 0;
    std::vector<RowExample> examples;  ///< the first few in input order, if the count is of rows
  };
  std::vector<Count> counts;                                        ///< rows_given first; in the order of the methodology
  std::vector<std::pair<std::string, std::int64_t>> missing_group;  ///< by byvar
  std::vector<std::string> warnings;
  std::vector<std::string> warning_codes;                         ///< of `warnings`, in their order; docs/errors.md lists them
  std::int64_t operator[](std::string_view name) const noexcept;  ///< 0 if nothing was counted under the name
};

/// The tables of a result by name, in the order in which a run adds them. docs/tables.md describes each.
class TableSet {
 public:
  struct Entry {
    std::string name;
    Table table;
  };
  /// An infinite number becomes the largest of its sign: JSON has no infinity, and every surface shows the same number.
  void add(std::string name, Table table);
  /// Null if the run was not asked for the table.
  const Table* find(std::string_view name) const noexcept;
  /// A table without columns if the run was not asked for it.
  const Table& operator[](std::string_view name) const noexcept;
  std::size_t size() const noexcept { return entries_.size(); }
  auto begin() const noexcept { return entries_.begin(); }
  auto end() const noexcept { return entries_.end(); }

 private:
  std::vector<Entry> entries_;
};

/// Everything that one run computes.
struct Result {
  TableSet tables;
  Diagnostics diagnostics;
  std::string config_json;
  std::string snapshot;
  std::string run_id;
  int periods_per_year = 252;  ///< P of the annualised statistics
  double elapsed_seconds = 0.0;
  std::vector<std::pair<std::string, double>> timings;  ///< seconds by stage, in order
};

}  // namespace fractile
