// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "report_file.hpp"

#include <fmt/format.h>

#include <filesystem>
#include <fstream>

#include "commands.hpp"
#include "fractile/audit.hpp"
#include "fractile/error.hpp"
#include "output/audit.hpp"
#include "service/sheet_run.hpp"

namespace fractile::cli {

void require_report_file(const std::string& path) {
  if (path.ends_with(".html") || path.ends_with(".htm")) return;
  throw Error(ErrorCode::INVALID_VALUE,
              fmt::format("expected --report with a file that ends in .html, found \"{}\". Write \"{}.html\".", path, path));
}

void write_report(const Backtester& backtester, const Signal& signal, const RunConfig& config, const Result& result,
                  const RunPlace& place, const std::string& path, const ReportParts& parts) {
  const Result whole = with_sheet_tables(backtester, signal.keys, signal.values[0], config, result, is_interrupted);
  const std::string name = std::filesystem::path(place.signal).stem().string();
  SheetEntry entry{name, &whole, repeat_run(whole, place), parts.study};
  if (parts.has_audit)
    entry.audit = audit_to_json(audit_signal(backtester, signal.keys, signal.values[0], config, nullptr, is_interrupted));
  std::ofstream file(path, std::ios::binary);
  if (!(file << tear_sheet({&entry, 1}, name) << std::flush))
    throw Error(ErrorCode::IO_FAILURE,
                fmt::format("expected to write \"{}\", found that it failed. Check the folder, space and permissions.", path));
}

}  // namespace fractile::cli
