// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <CLI/CLI.hpp>
#include <map>
#include <string>
#include <vector>

#include "fractile/read_options.hpp"

namespace fractile::cli {

/// The flags of reading: the same names as in Python, with "-" for "_". Given twice, an option adds up.
class ReadFlags {
 public:
  /// `for_panel`: also those that mean nothing for a signal. This object must live as long as the command.
  void add_to(CLI::App& command, bool for_panel);
  /// Call after parsing. Throws INVALID_VALUE.
  ReadOptions options() const;

 private:
  std::map<std::string, std::vector<std::string>> given_;
  std::map<std::string, bool> set_;
};

/// The flags of a panel that its user's signals likely need too: the names of the key columns and how the files are written. Each
/// begins with a space. If a signal is otherwise, the refusal of the run says what to type.
std::string flags_for_signals(const ReadOptions& options);
/// The columns that a run with these flags reads from a signal, and how to name others.
std::string describe_signal_columns(const ReadOptions& options);

}  // namespace fractile::cli
