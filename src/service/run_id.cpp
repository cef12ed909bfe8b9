// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "service/run_id.hpp"

#define XXH_INLINE_ALL
#include <fmt/format.h>
#include <xxhash.h>

#include "fractile/version.hpp"

namespace fractile {

std::string compute_run_id(const View& view, const std::string& config_json, const std::array<std::uint64_t, 2>& rows_hash) {
  const auto dates = view.snapshot->dates();
  const std::string identity =
      fmt::format("{}\n{}\n{} {}\n{}\n{}\n{:016x}{:016x}\n", kVersion, view.snapshot->content_hash(),
                  dates[static_cast<std::size_t>(view.first)], dates[static_cast<std::size_t>(view.last)],
                  view.storage == Storage::float32 ? "float32" : "float64", config_json, rows_hash[0], rows_hash[1]);
  const XXH128_hash_t hash = XXH3_128bits(identity.data(), identity.size());
  return fmt::format("{:016x}{:016x}", hash.high64, hash.low64);
}

}  // namespace fractile
