// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "fractile/frequency.hpp"

namespace fractile {

/// One finding about a panel. docs/data_report.md lists the checks.
struct ReportLine {
  std::string check;
  bool is_warning = false;
  std::int64_t count = 0;
  std::string first;  ///< the first example; "" if there is none
  std::string text;   ///< one sentence

  bool operator==(const ReportLine&) const = default;
};

/// The findings about the panel of a snapshot. If the manifest is older than reports: no lines, daily, 252.
struct DataReport {
  Periodicity periodicity;
  std::vector<ReportLine> lines;
};

/// Reads the report from the manifest, no other file. Throws SNAPSHOT_NOT_FOUND, CORRUPT_SNAPSHOT.
DataReport read_data_report(const std::filesystem::path& root, const std::string& id);

class Snapshot;
/// The report of an open snapshot; the reference is valid while the snapshot lives.
const DataReport& data_report(const Snapshot& snapshot) noexcept;

}  // namespace fractile
