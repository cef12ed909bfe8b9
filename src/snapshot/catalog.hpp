// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <filesystem>
#include <string>

namespace fractile {

/// The folder of a snapshot. Throws NO_SNAPSHOTS, SNAPSHOT_NOT_FOUND (naming what is there).
std::filesystem::path find_snapshot(const std::filesystem::path& root, const std::string& id);
/// Folders that a build ended halfway has left behind are removed; running builds are left alone.
void remove_stale_builds(const std::filesystem::path& root);

}  // namespace fractile
