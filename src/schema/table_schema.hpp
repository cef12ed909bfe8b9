// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

/// The declaration of a result table. JSON, Arrow, OpenAPI, files, Python properties and docs/tables.md are loops over it.
namespace fractile {

enum class ColumnType : std::uint8_t { real, whole, date, text, security };

struct ColumnSchema {
  std::string name;
  ColumnType type = ColumnType::real;
  std::string unit;  ///< "" for counts and names
  std::string doc;   ///< one phrase
};

struct TableSchema {
  std::string name;
  std::string asked_by;  ///< the option that asks for it, as Python spells it; "" if every run has it
  std::string doc;       ///< one sentence
  std::vector<ColumnSchema> columns;
  bool has_exposures = false;  ///< one more real column for each factor exposure that the snapshot has
  bool is_scalar = false;      ///< one row with one column: Python shows the number
  bool is_record = false;      ///< one row: Python shows a dict
};

std::string_view to_text(ColumnType type) noexcept;

}  // namespace fractile
