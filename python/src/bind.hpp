// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <nanobind/nanobind.h>

#include <memory>

#include "arrow/arrow_abi.h"
#include "fractile/result.hpp"

namespace fractile::python {

/// A result whose memory the arrays made from it share.
struct RawResult {
  std::shared_ptr<const Result> result;
};

void bind_config(nanobind::module_& module);
void bind_columns(nanobind::module_& module);
void bind_keys(nanobind::module_& module);
void bind_signal(nanobind::module_& module);
void bind_result(nanobind::module_& module);
void bind_snapshot(nanobind::module_& module);
void bind_backtest(nanobind::module_& module);
void bind_stats(nanobind::module_& module);
void bind_ledger(nanobind::module_& module);

/// Takes the stream out of the capsule of `object.__arrow_c_stream__()`.
ArrowArrayStream take_stream(nanobind::handle object);

}  // namespace fractile::python
