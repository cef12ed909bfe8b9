// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "service/sheet_run.hpp"

#include <algorithm>
#include <cstring>
#include <string_view>
#include <vector>

#include "fractile/error.hpp"
#include "service/run_options.hpp"

namespace fractile {
namespace {

constexpr std::string_view kGroups[] = {"year", "cap", "sector_id"};
constexpr std::string_view kExposureGroup = "sector_id";

/// A module of the sheet, and the panel columns that it needs.
struct SheetModule {
  std::string_view name;
  std::vector<std::string_view> columns = {};
};
const SheetModule kModules[] = {{"ic"},       {"coverage"}, {"quantiles"}, {"decay"}, {"capacity", {"adv", "vol", "close_adj"}},
                                {"exposures"}};

bool is_valid(const RunConfig& config) {
  try {
    validate(config);
    return true;
  } catch (const Error&) {
    return false;
  }
}

const std::vector<double>* daily_returns_of(const Result& result) {
  const Column* const column = result.tables["daily"].find("ret");
  return column ? std::get_if<std::vector<double>>(&column->values) : nullptr;
}

bool is_same_book(const Result& a, const Result& b) {
  const auto* const x = daily_returns_of(a);
  const auto* const y = daily_returns_of(b);
  return x && y && x->size() == y->size() && std::memcmp(x->data(), y->data(), x->size() * sizeof(double)) == 0;
}

}  // namespace

RunConfig sheet_config(const RunConfig& config, const Snapshot& snapshot) {
  RunConfig out = config;
  out.keep_weights = false;
  for (const std::string_view group : kGroups)
    if (has_group(snapshot, group) && std::ranges::find(out.byvar_list, group) == out.byvar_list.end())
      out.byvar_list.emplace_back(group);
  if (out.exposure_groups.empty() && has_group(snapshot, kExposureGroup)) out.exposure_groups = {std::string(kExposureGroup)};
  for (const SheetModule& module : kModules) {
    const bool has_columns =
        std::ranges::all_of(module.columns, [&](std::string_view column) { return snapshot.find_column(column) != nullptr; });
    if (has_analysis(out, module.name) || !has_columns) continue;
    RunConfig more = out;
    more.analysis.emplace_back(module.name);
    if (is_valid(more)) out = std::move(more);
  }
  return out;
}

Result with_sheet_tables(const Backtester& backtester, const SignalKeys& keys, const double* values, const RunConfig& config,
                         Result result, const Interrupt& interrupt) {
  Result more;
  try {
    more = backtester.run(keys, values, sheet_config(config, *backtester.view().snapshot), interrupt);
  } catch (const Error& error) {
    if (error.code() == ErrorCode::CANCELLED) throw;
    return result;
  }
  if (!is_same_book(result, more)) return result;
  for (const TableSet::Entry& entry : result.tables)
    if (!more.tables.find(entry.name)) more.tables.add(entry.name, entry.table);
  result.tables = std::move(more.tables);
  return result;
}

}  // namespace fractile
