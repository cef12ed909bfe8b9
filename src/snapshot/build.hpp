// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <ctime>
#include <filesystem>
#include <functional>
#include <span>
#include <string>

#include "fractile/panel.hpp"
#include "snapshot/build_index.hpp"
#include "snapshot/manifest.hpp"

/// The common parts of making a snapshot and appending to one.
namespace fractile {

/// ISO 8601.
std::string format_utc(std::time_t time);
/// Fills in source, time and rows of a manifest.
void describe_build(const std::string& id, const PanelSource& panel, const PanelIndex& index, Manifest& manifest);
/// The calendar's own, with `periods_per_year` in place of its P unless that is 0. Throws INVALID_VALUE.
Periodicity choose_periodicity(std::span<const Day> dates, int periods_per_year);
/// Throws PANEL_COLUMN_TYPE if a name or text is not UTF-8, IO_FAILURE.
void write_manifest(const std::filesystem::path& folder, Manifest& manifest);
/// Runs `work`; file errors of the standard library become IO_FAILURE.
void as_io_failures(const std::filesystem::path& root, const std::function<void()>& work);

}  // namespace fractile
