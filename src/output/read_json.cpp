// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "fractile/error.hpp"
#include "output/output.hpp"

namespace fractile {
namespace {

using Json = nlohmann::json;

bool is_table(const Json& json) {
  return json.is_object() && json.size() == 2 && json.contains("columns") && json.contains("data");
}

Column read_column(std::string name, const Json& values) {
  const bool is_text = std::ranges::any_of(values, [](const Json& value) { return value.is_string(); });
  if (!is_text) {
    std::vector<double> reals;
    for (const Json& value : values) reals.push_back(value.is_number() ? value.get<double>() : std::nan(""));
    return {std::move(name), std::move(reals)};
  }
  Column::Dates dates;
  std::vector<std::string> texts;
  for (const Json& value : values) {
    texts.push_back(value.is_string() ? value.get<std::string>() : "");
    Day day = 0;
    if (parse_day(texts.back(), day)) dates.days.push_back(day);
  }
  if (name == "date" && dates.days.size() == texts.size()) return {std::move(name), std::move(dates)};
  return {std::move(name), std::move(texts)};
}

Table read_table(const Json& json) {
  Table table;
  const Json &names = json.at("columns"), &data = json.at("data");
  for (std::size_t c = 0; c < names.size(); ++c) table.columns.push_back(read_column(names.at(c).get<std::string>(), data.at(c)));
  return table;
}

Diagnostics read_diagnostics(const Json& json) {
  Diagnostics out;
  for (const auto& [name, value] : json.items())
    if (value.is_number_integer()) out.counts.push_back({name, value.get<std::int64_t>(), {}});
  for (const auto& [name, value] : json.at("missing_group").items())
    out.missing_group.emplace_back(name, value.get<std::int64_t>());
  out.warnings = json.at("warnings").get<std::vector<std::string>>();
  out.warning_codes = json.value("warning_codes", std::vector<std::string>{});
  return out;
}

}  // namespace

Result result_from_json(const std::string& text) {
  try {
    const Json json = Json::parse(text);
    Result result;
    for (const auto& [name, value] : json.items())
      if (is_table(value)) result.tables.add(name, read_table(value));
    result.diagnostics = read_diagnostics(json.at("diagnostics"));
    result.config_json = json.at("config").dump();
    result.snapshot = json.at("snapshot").get<std::string>();
    result.run_id = json.at("run_id").get<std::string>();
    result.periods_per_year = json.at("periods_per_year").get<int>();
    result.elapsed_seconds = json.at("elapsed_seconds").get<double>();
    for (const auto& [stage, seconds] : json.at("timings").items()) result.timings.emplace_back(stage, seconds.get<double>());
    return result;
  } catch (const Json::exception& error) {
    throw Error(ErrorCode::BAD_REQUEST, std::string("expected a result as POST /run?orient=split answers it, found: ") +
                                            error.what() + ". Write it again.");
  }
}

}  // namespace fractile
