// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <cstddef>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "fractile/result.hpp"

namespace fractile {

/// The rows of a table at these places.
inline Table take_rows(const Table& table, const std::vector<std::size_t>& places) {
  Table out;
  for (const Column& column : table.columns) {
    Column part{column.name, {}};
    std::visit(
        [&](const auto& values) {
          using Values = std::decay_t<decltype(values)>;
          Values taken;
          if constexpr (std::is_same_v<Values, Column::Dates>)
            for (const std::size_t i : places) taken.days.push_back(values.days[i]);
          else
            for (const std::size_t i : places) taken.push_back(values[i]);
          part.values = std::move(taken);
        },
        column.values);
    out.columns.push_back(std::move(part));
  }
  return out;
}

}  // namespace fractile
