// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
//
// Feeds files to the fuzz targets, without a fuzzer: `fractile_fuzz_replay TARGET FILE_OR_FOLDER...`.
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <vector>

#include "targets.hpp"

namespace fs = std::filesystem;
using namespace fractile::fuzz;

int main(int argc, char** argv) {
  const Target* const target = argc > 2 ? find_target(argv[1]) : nullptr;
  if (!target) {
    std::fprintf(stderr, "usage: %s TARGET FILE_OR_FOLDER...\ntargets:", argv[0]);
    for (const Target& one : all_targets()) std::fprintf(stderr, " %s", one.name.data());
    std::fprintf(stderr, "\n");
    return 2;
  }
  std::vector<fs::path> files;
  for (int i = 2; i < argc; ++i) {
    if (!fs::is_directory(argv[i])) files.emplace_back(argv[i]);
    if (fs::is_directory(argv[i]))
      for (const auto& entry : fs::directory_iterator(argv[i])) files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  target->run({});
  for (const fs::path& path : files) {
    std::ifstream file(path, std::ios::binary);
    const std::vector<char> bytes{std::istreambuf_iterator<char>(file), {}};
    if (!file && !file.eof()) {
      std::fprintf(stderr, "expected a readable file, found none at %s\n", path.c_str());
      return 2;
    }
    // Named before it runs: what ends the process is the last one.
    std::printf("%s %s (%zu bytes)\n", argv[1], path.filename().c_str(), bytes.size());
    std::fflush(stdout);
    target->run({reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()});
  }
  std::printf("%s: %zu inputs, no law broken\n", argv[1], files.size());
  return files.empty() ? 1 : 0;
}
