// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "schema/table_schema.hpp"

namespace fractile {

std::string_view to_text(ColumnType type) noexcept {
  switch (type) {
    case ColumnType::real: return "real";
    case ColumnType::whole: return "whole";
    case ColumnType::date: return "date";
    case ColumnType::text: return "text";
    case ColumnType::security: return "security";
  }
  return "real";
}

}  // namespace fractile
