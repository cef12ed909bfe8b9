// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <string>

#include "fractile/backtest.hpp"

namespace fractile::cli {

/// Refuses a --plot that cannot work before any other work. Drawing needs the Python package to have started this program.
void require_plotting(const std::string& path);

/// Draws a result to a file, with `python -m fractile.plot`.
void draw_plot(const Result& result, const std::string& path);

}  // namespace fractile::cli
