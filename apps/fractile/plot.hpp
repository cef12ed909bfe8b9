// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <initializer_list>
#include <string>

namespace fractile::cli {

/// Refuses a --plot that cannot work before any other work. Drawing needs the Python package to have started this program.
/// `endings`: of files, with the point.
void require_plotting(const std::string& path, std::initializer_list<const char*> endings);

/// Draws to a file with `python -m MODULE FILE`, which reads the JSON text.
void draw_plot(const std::string& module, const std::string& json, const std::string& path);

}  // namespace fractile::cli
