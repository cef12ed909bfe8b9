// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <functional>
#include <string>

#include "engine/align/key_resolver.hpp"
#include "engine/residual/exposures.hpp"
#include "parallel/huge_array.hpp"

namespace fractile {

/// The panel row with the regressors of each signal row. It depends on keys and resid, not on lag.
struct ExposurePlan {
  std::string residuals;    ///< the options that it depends on, as text
  HugeArray<RowIndex> row;  ///< by signal row; kNoRow if there is none, or if a regressor is missing
  std::size_t bytes() const noexcept { return sizeof *this + row.bytes(); }
  bool is_missing(std::size_t signal_row) const noexcept { return row[signal_row] == kNoRow; }
};

/// `memory`: room for as many rows as the signal has, or more.
ExposurePlan make_exposure_plan(const PanelView& panel, const SignalKeys& keys, const RunConfig& config,
                                const ExposureRows& exposures, int threads, HugeArray<RowIndex> memory,
                                const std::function<void()>& poll);

}  // namespace fractile
