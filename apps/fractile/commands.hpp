// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <CLI/CLI.hpp>
#include <filesystem>
#include <string>

#include "fractile/backtest.hpp"

/// The commands of `fractile`. Each function adds a command to the program. The command's work runs after parsing
/// and throws fractile::Error. Results go to stdout, progress and notes to stderr.
namespace fractile::cli {

/// The variable with the path of the Python that has the package; the package's entry point sets it.
inline constexpr const char* kPythonVariable = "FRACTILE_PYTHON";

void add_demo(CLI::App& app);
void add_snapshot(CLI::App& app);
void add_run(CLI::App& app);
void add_suite(CLI::App& app);
void add_batch(CLI::App& app);
void add_multiple_testing(CLI::App& app);
void add_study(CLI::App& app);
void add_audit(CLI::App& app);
void add_fama_macbeth(CLI::App& app);
void add_attribution(CLI::App& app);
void add_spanning(CLI::App& app);
void add_similar(CLI::App& app);
/// Commands that Python answers: sweep, mcp, doctor.
void add_python_commands(CLI::App& app);
void add_serve(CLI::App& app);
void add_ui(CLI::App& app);
void add_health(CLI::App& app);

/// The command as the user typed it, for hints: FRACTILE_COMMAND, which the launching scripts set.
std::string command_name();

/// The configuration file that the Python package installs: <site>/api/ beside <site>/fractile/_bin/fractile.
std::filesystem::path packaged_config();

/// True once Ctrl-C was pressed.
bool is_interrupted() noexcept;

/// Draws a bar on stderr if stderr is a terminal.
void show_progress(std::string_view stage, double fraction);
/// Says on stderr that a file or folder was written.
void show_written(std::string_view what, std::string_view path);

}  // namespace fractile::cli
