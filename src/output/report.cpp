// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "output/output.hpp"

namespace fractile {
namespace {

const char* level_of(const ReportLine& line) noexcept { return line.is_warning ? "warning" : "info"; }

}  // namespace

std::string report_to_json(const std::string& id, const DataReport& report) {
  nlohmann::ordered_json json{{"id", id},
                              {"frequency", to_text(report.periodicity.frequency)},
                              {"periods_per_year", report.periodicity.periods_per_year},
                              {"report", nlohmann::ordered_json::array()}};
  for (const ReportLine& line : report.lines)
    json["report"].push_back(
        {{"check", line.check}, {"level", level_of(line)}, {"count", line.count}, {"first", line.first}, {"text", line.text}});
  return json.dump();
}

std::string report_to_text(const std::vector<ReportLine>& lines) {
  std::string out;
  for (const bool is_warning : {true, false})
    for (const ReportLine& line : lines) {
      if (line.is_warning != is_warning) continue;
      out += fmt::format("{:<7}  {:<20}  {}", level_of(line), line.check, line.text);
      const bool is_named = line.text.find("\"" + line.first + "\"") != std::string::npos;
      if (is_warning && !line.first.empty() && !is_named) out += fmt::format(" The first: {}.", line.first);
      out += '\n';
    }
  return out;
}

}  // namespace fractile
