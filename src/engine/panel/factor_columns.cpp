// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "engine/panel/factor_columns.hpp"

#include <algorithm>
#include <iterator>

namespace fractile {
namespace {

template <class Real>
void read_block(const Real* block, const std::vector<FactorColumns::InBlock>& factors, std::span<const RowIndex> rows,
                double* out) {
  const std::size_t n = rows.size();
  const auto row_at = [&](std::size_t i) { return block + static_cast<std::size_t>(rows[i]) * kExposureStride; };
  for (std::size_t i = 0; i < n; ++i) {
    const Real* const of_row = row_at(i);
    __builtin_prefetch(row_at(std::min(i + kRowsAhead, n - 1)));
    for (const auto& [factor, place] : factors) out[factor * n + i] = static_cast<double>(of_row[place]);
  }
}

}  // namespace

void FactorColumns::add(const std::string& name, const char* option) {
  panel_.require(name, option);
  const Characteristic column = panel_.number(name, option);
  const auto* const found = std::ranges::find(kExposures, name);
  const std::size_t factor = size_++;
  if (found != std::end(kExposures))
    in_block_.push_back({factor, static_cast<std::size_t>(found - std::begin(kExposures))});
  else
    others_.push_back({factor, column});
}

bool FactorColumns::is_complete(RowIndex row) const noexcept {
  const auto is_number = [](double value) { return value == value; };
  bool is_complete = true;
  for (const auto& [factor, place] : in_block_) is_complete &= is_number(block_.read(row, static_cast<int>(place)));
  for (const auto& [factor, column] : others_) is_complete &= is_number(column[row]);
  return is_complete;
}

void FactorColumns::read(std::span<const RowIndex> rows, double* out) const {
  if (!in_block_.empty()) {
    if (block_.wide)
      read_block(static_cast<const double*>(block_.data), in_block_, rows, out);
    else
      read_block(static_cast<const float*>(block_.data), in_block_, rows, out);
  }
  for (const auto& [factor, column] : others_)
    column.visit([&, to = out + factor * rows.size()](auto value_of) {
      for (std::size_t i = 0; i < rows.size(); ++i) to[i] = value_of(rows[i]);
    });
}

}  // namespace fractile
