// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "server/study_answer.hpp"

#include <nlohmann/json.hpp>

namespace fractile::server {
std::string deflation_to_json(const std::string& study, const ServerState& state, const ledger::Trial& own) {
  return ledger::to_json(with_ledger(state, [&](ledger::Ledger& ledger) { return ledger.deflate(study, own); }));
}

Json deflation_schema() {
  Json schema{{"type", "object"},
              {"properties",
               {{"study", {{"type", "string"}}},
                {"trials", {{"type", "integer"}}},
                {"trials_effective", {{"type", "number"}}},
                {"is_best", {{"type", "boolean"}}},
                {"text", {{"type", "string"}}}}}};
  for (const char* const name : {"variance", "variance_net", "dsr", "dsr_net"}) schema["properties"][name] = nullable("number");
  schema["required"] = Json::array();
  for (const auto& [name, property] : schema["properties"].items()) schema["required"].push_back(name);
  return schema;
}

}  // namespace fractile::server
