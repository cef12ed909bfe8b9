// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <filesystem>
#include <string>

namespace fractile {

/// The folder of a snapshot. Throws NO_SNAPSHOTS, SNAPSHOT_NOT_FOUND (naming the existing ones).
std::filesystem::path find_snapshot(const std::filesystem::path& root, const std::string& id);
/// Marks a build's folder as in use until the descriptor is closed; -1 if the file system has no locks.
int lock_build(const std::filesystem::path& folder) noexcept;
/// Removes the folders of builds that ended halfway. It leaves running builds alone, also those of other
/// containers on the same file system, whose process ids are unknown here.
void remove_stale_builds(const std::filesystem::path& root);

}  // namespace fractile
