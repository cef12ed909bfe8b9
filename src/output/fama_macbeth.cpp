// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "output/fama_macbeth.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

namespace fractile {

std::string fama_macbeth_to_json(const FamaMacBeth& found, Orient orient) {
  const nlohmann::json snapshot(found.snapshot), r2(found.mean_r2);
  return fmt::format(
      R"({{"table":{},"daily":{},"mean_names":{},"mean_r2":{},"left_out":{},"few_names":{},"singular":{},"snapshot":{},"config":{},"elapsed_seconds":{}}})",
      table_to_json(found.table, orient), table_to_json(found.daily, orient), found.mean_names, r2.dump(), found.left_out(),
      found.few_names, found.singular, snapshot.dump(), found.config_json, found.elapsed_seconds);
}

std::string fama_macbeth_to_text(const FamaMacBeth& found) {
  return table_to_text(found.table, found.table.n_rows()) +
         fmt::format("\n{} days, {:.1f} names a day, mean R2 {:.4f}; left out: {} days with few names, {} singular\n",
                     found.daily.n_rows(), found.mean_names, found.mean_r2, found.few_names, found.singular);
}

}  // namespace fractile
