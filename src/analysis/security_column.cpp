// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "analysis/security_column.hpp"

namespace fractile {

Column make_security_column(const Snapshot& snapshot, std::span<const SecurityIndex> securities) {
  if (snapshot.id_type() == IdType::text) {
    const auto all = snapshot.security_texts();
    std::vector<std::string> texts;
    texts.reserve(securities.size());
    for (const SecurityIndex security : securities) texts.emplace_back(all[static_cast<std::size_t>(security)]);
    return {"security_id", std::move(texts)};
  }
  const auto all = snapshot.security_ids();
  std::vector<std::int64_t> ids;
  ids.reserve(securities.size());
  for (const SecurityIndex security : securities) ids.push_back(all[static_cast<std::size_t>(security)]);
  return {"security_id", std::move(ids)};
}

}  // namespace fractile
