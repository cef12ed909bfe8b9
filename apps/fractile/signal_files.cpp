// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "signal_files.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "fractile/error.hpp"

namespace fractile::cli {

namespace fs = std::filesystem;

std::vector<fs::path> signal_files(const std::string& folder) {
  std::vector<fs::path> out;
  std::error_code failed;
  for (const auto& entry : fs::directory_iterator(folder, failed)) {
    const fs::path path = entry.path();
    const bool is_packed = path.extension() == ".gz" || path.extension() == ".zst";
    const std::string extension = (is_packed ? path.stem() : path).extension().string();
    for (const char* known : {".parquet", ".pq", ".csv", ".tsv", ".txt", ".arrow", ".arrows", ".feather", ".ipc"})
      if (extension == known) out.push_back(path);
  }
  std::sort(out.begin(), out.end());
  if (out.empty())
    throw Error(ErrorCode::UNREADABLE_SIGNAL,
                fmt::format("expected signal files (.parquet, .csv, .arrow) in \"{}\", found none. Check the folder.", folder));
  return out;
}

}  // namespace fractile::cli
