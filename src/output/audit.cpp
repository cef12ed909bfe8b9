// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "output/audit.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

namespace fractile {

std::string audit_to_json(const Audit& audit, Orient orient) {
  const nlohmann::json snapshot(audit.snapshot);
  return fmt::format(
      R"({{"verdict":"{}","first_k":{},"checks":{},"profile":{},"snapshot":{},"periods_per_year":{},"config":{},"elapsed_seconds":{}}})",
      to_text(audit.verdict()), audit.first_k, table_to_json(checks_table(audit), orient), table_to_json(audit.profile, orient),
      snapshot.dump(), audit.periods_per_year, audit.config_json, audit.elapsed_seconds);
}

std::string audit_to_text(const Audit& audit) {
  std::string out = fmt::format("verdict: {}\n\n", to_text(audit.verdict()));
  for (const AuditCheck& check : audit.checks) {
    out += fmt::format("{:<14}  {:<16}  {}\n", to_text(check.status), check.check, check.meaning);
    for (const RowExample& row : check.rows)
      out += fmt::format("{:<34}row {}, security_id {}, date_sig {}\n", "", row.row,
                         row.security_id ? format_id(*row.security_id) : "missing", row.date_sig);
  }
  return out + "\n" + table_to_text(audit.profile);
}

}  // namespace fractile
