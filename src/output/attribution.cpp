// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "output/attribution.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

namespace fractile {
namespace {

std::string describe(const ExplainedRun& run) {
  const nlohmann::ordered_json json{{"series", run.series}, {"snapshot", run.snapshot}, {"run_id", run.run_id}};
  return json.dump().substr(1);
}

}  // namespace

std::string attribution_to_json(const Attribution& found, const ExplainedRun& run, Orient orient) {
  const nlohmann::ordered_json facts{{"alpha", found.alpha},     {"alpha_annualised", found.alpha_annualised},
                                     {"r2", found.r2},           {"appraisal", found.appraisal},
                                     {"periods", found.periods}, {"left_out", found.left_out}};
  std::string numbers = facts.dump().substr(1);
  numbers.back() = ',';
  return "{\"table\":" + table_to_json(found.table, orient) + "," + numbers + describe(run);
}

std::string attribution_to_text(const Attribution& found) {
  return table_to_text(found.table, found.table.n_rows()) +
         fmt::format("\nalpha {:.4f} a year, R2 {:.4f}, appraisal ratio {:.2f}, {} periods, {} left out\n",
                     found.alpha_annualised, found.r2, found.appraisal, found.periods, found.left_out);
}

std::string spanning_to_json(const Spanning& found, const ExplainedRun& run) {
  const nlohmann::ordered_json facts{{"alpha", found.alpha}, {"t", found.t}, {"sharpe2_increase", found.sharpe2_increase},
                                     {"f", found.f},         {"p", found.p}, {"periods", found.periods}};
  std::string numbers = facts.dump();
  numbers.back() = ',';
  return numbers + describe(run);
}

Table spanning_to_table(const Spanning& found) {
  const auto one = [](double value) { return std::vector<double>{value}; };
  Table out;
  out.columns = {{"alpha", one(found.alpha)}, {"t", one(found.t)}, {"sharpe2_increase", one(found.sharpe2_increase)},
                 {"f", one(found.f)},         {"p", one(found.p)}, {"periods", std::vector<std::int64_t>{found.periods}}};
  return out;
}

std::string library_to_json(const Table& table, const ExplainedRun& run, Orient orient) {
  return "{\"table\":" + table_to_json(table, orient) + "," + describe(run);
}

}  // namespace fractile
