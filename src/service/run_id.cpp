// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "service/run_id.hpp"

#include <fmt/format.h>

#include "fractile/version.hpp"

namespace fractile {

std::string compute_run_id(const View& view, const std::string& config_json, const Hash128& rows_hash) {
  const auto dates = view.snapshot->dates();
  const std::string identity =
      fmt::format("{}\n{}\n{} {}\n{}\n{}\n{}\n", kVersion, view.snapshot->content_hash(),
                  dates[static_cast<std::size_t>(view.first)], dates[static_cast<std::size_t>(view.last)],
                  view.storage == Storage::float32 ? "float32" : "float64", config_json, to_hex(rows_hash));
  return hash_text(identity);
}

}  // namespace fractile
