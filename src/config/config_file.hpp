// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>

#include "fractile/snapshot.hpp"

namespace fractile {

/// The settings of backtest_config.yaml and of the environment: defaults of the command line, the server and Python.
struct ConfigFile {
  std::optional<std::string> snapshot, start_date, end_date;
  std::optional<bool> compact, use_mmap, preload;
  std::optional<int> cache_size;
  std::map<std::string, std::string> server;    ///< keys of the section "server" as JSON
  std::map<std::string, std::string> defaults;  ///< run options as JSON, by name

  Residence residence() const { return make_residence(use_mmap.value_or(true), preload.value_or(false)); }
};

/// Reads `path`, else $FRACTILE_CONFIG, else ./api/backtest_config.yaml, else `packaged` if that file exists.
/// Variables FRACTILE_SECTION_KEY win over the file. Throws INVALID_CONFIG_FILE with file and line.
ConfigFile read_config_file(const std::optional<std::string>& path, const std::filesystem::path& packaged);
/// Reads the text of such a file; `path` is for messages. Throws INVALID_CONFIG_FILE.
ConfigFile parse_config_file(const std::string& text, const std::string& path);
/// A date as typed or configured; nullopt if there is none. Throws INVALID_VALUE with the name.
std::optional<Day> read_date(const std::optional<std::string>& text, const char* name);

}  // namespace fractile
