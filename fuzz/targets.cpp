// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "targets.hpp"

#include <algorithm>
#include <iterator>

namespace fractile::fuzz {

void run_aligner(Input input);
void run_arrow_ipc(Input input);
void run_config(Input input);
void run_content_encoding(Input input);
void run_csv(Input input);
void run_date_format(Input input);
void run_folder(Input input);
void run_id_texts(Input input);
void run_json_request(Input input);
void run_manifest(Input input);
void run_query(Input input);
void run_read_options(Input input);
void run_snapshot_open(Input input);

namespace {

constexpr Target kTargets[] = {{"aligner", run_aligner},
                               {"arrow_ipc", run_arrow_ipc},
                               {"config", run_config},
                               {"content_encoding", run_content_encoding},
                               {"csv", run_csv},
                               {"date_format", run_date_format},
                               {"folder", run_folder},
                               {"id_texts", run_id_texts},
                               {"json_request", run_json_request},
                               {"manifest", run_manifest},
                               {"query", run_query},
                               {"read_options", run_read_options},
                               {"snapshot_open", run_snapshot_open}};

}  // namespace

std::span<const Target> all_targets() { return kTargets; }

const Target* find_target(std::string_view name) {
  const auto* const found =
      std::find_if(std::begin(kTargets), std::end(kTargets), [&](const Target& target) { return target.name == name; });
  return found == std::end(kTargets) ? nullptr : found;
}

}  // namespace fractile::fuzz
