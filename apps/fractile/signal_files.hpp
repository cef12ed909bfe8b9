// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace fractile::cli {

/// The signal files of a folder, by name. Throws UNREADABLE_SIGNAL if there is none.
std::vector<std::filesystem::path> signal_files(const std::string& folder);

}  // namespace fractile::cli
