// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <CLI/CLI.hpp>
#include <filesystem>
#include <string>

#include "fractile/backtest.hpp"

/// The commands of `fractile`. Each adds itself to the program; its work runs after parsing and throws
/// fractile::Error. Results go to stdout, progress and words to stderr.
namespace fractile::cli {

void add_demo(CLI::App& app);
void add_snapshot(CLI::App& app);
void add_run(CLI::App& app);
void add_suite(CLI::App& app);
void add_batch(CLI::App& app);
void add_serve(CLI::App& app);
void add_health(CLI::App& app);

/// How the program was called, so that it can be typed again: FRACTILE_COMMAND, which the scripts before it set.
std::string command_name();

/// The configuration file that the Python package installs: <site>/api/ beside <site>/fractile/_bin/fractile.
std::filesystem::path packaged_config();

/// True once Ctrl-C was pressed.
bool is_interrupted() noexcept;

/// A bar on stderr where that is a terminal; silent otherwise.
void show_progress(std::string_view stage, double fraction);

}  // namespace fractile::cli
