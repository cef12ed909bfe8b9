// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "service/run_id.hpp"

#include <fmt/format.h>

#include "engine/panel/periods.hpp"
#include "fractile/version.hpp"

namespace fractile {

std::string compute_run_id(const View& view, const RunConfig& config, const Hash128& rows_hash) {
  const auto dates = view.snapshot->dates();
  const std::string identity =
      fmt::format("{}\n{}\n{} {}\n{}\n{}\n{}\n", kVersion, view.snapshot->content_hash(),
                  dates[static_cast<std::size_t>(view.first)], dates[static_cast<std::size_t>(view.last)],
                  view.storage == Storage::float32 ? "float32" : "float64", config_to_json(config, true), to_hex(rows_hash));
  // Named only if it differs from the periodicity of all older snapshots, so that older run_ids stay.
  const Periodicity used = periodicity(view, config);
  if (used == Periodicity{}) return hash_text(identity);
  return hash_text(identity + fmt::format("{} {}\n", to_text(used.frequency), used.periods_per_year));
}

}  // namespace fractile
