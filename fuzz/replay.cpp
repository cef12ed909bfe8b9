// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
//
// Feeds files to a fuzz target without a fuzzer: `fractile_fuzz TARGET [--changes N] FILE_OR_FOLDER...`. With --changes it
// also feeds N changed copies of each file, the same copies in every run.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "targets.hpp"

namespace {

namespace fs = std::filesystem;
using namespace fractile::fuzz;

struct Seed {
  std::string name;
  std::vector<std::uint8_t> bytes;
};

std::vector<Seed> read_seeds(const std::vector<fs::path>& paths) {
  std::vector<fs::path> files;
  for (const fs::path& path : paths) {
    if (!fs::is_directory(path)) files.push_back(path);
    if (fs::is_directory(path))
      for (const auto& entry : fs::directory_iterator(path)) files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  std::vector<Seed> out;
  for (const fs::path& path : files) {
    std::ifstream file(path, std::ios::binary);
    if (!file) std::fprintf(stderr, "expected a readable file, found none at %s\n", path.c_str());
    if (file) out.push_back({path.filename().string(), {std::istreambuf_iterator<char>(file), {}}});
  }
  return out;
}

/// Makes a few changes like those of a fuzzer.
std::vector<std::uint8_t> change(const std::vector<Seed>& seeds, std::size_t which, std::mt19937_64& random) {
  std::vector<std::uint8_t> out = seeds[which].bytes;
  const auto below = [&](std::size_t n) { return static_cast<std::size_t>(random() % std::max<std::size_t>(n, 1)); };
  for (std::size_t k = 1 + below(4); k > 0; --k) {
    const auto at = static_cast<std::ptrdiff_t>(below(out.size()));
    const auto length = static_cast<std::ptrdiff_t>(std::min(below(16), out.size() - static_cast<std::size_t>(at)));
    const auto begin = out.begin() + at, end = begin + length;
    switch (below(5)) {
      case 0: std::for_each(begin, end, [&](std::uint8_t& byte) { byte = static_cast<std::uint8_t>(random()); }); break;
      case 1: out.erase(begin, end); break;
      case 2: {
        const std::vector<std::uint8_t> again(begin, end);
        out.insert(out.begin() + static_cast<std::ptrdiff_t>(below(out.size() + 1)), again.begin(), again.end());
        break;
      }
      case 3:
        if (!out.empty()) out[static_cast<std::size_t>(at)] ^= static_cast<std::uint8_t>(1U << below(8));
        break;
      default: {
        const auto& other = seeds[below(seeds.size())].bytes;
        const auto from = other.begin() + static_cast<std::ptrdiff_t>(below(other.size() + 1));
        out.erase(begin, out.end());
        out.insert(out.end(), from, other.end());
      }
    }
  }
  return out;
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<fs::path> paths;
  int n_changes = 0;
  for (int i = 2; i < argc; ++i)
    if (std::string_view(argv[i]) == "--changes" && i + 1 < argc)
      n_changes = std::atoi(argv[++i]);
    else
      paths.emplace_back(argv[i]);
  const Target* const target = paths.empty() ? nullptr : find_target(argv[1]);
  if (!target) {
    std::fprintf(stderr, "usage: %s TARGET [--changes N] FILE_OR_FOLDER...\ntargets:", argv[0]);
    for (const Target& one : all_targets()) std::fprintf(stderr, " %s", one.name.data());
    std::fprintf(stderr, "\n");
    return 2;
  }
  const std::vector<Seed> seeds = read_seeds(paths);
  target->run({});
  for (std::size_t i = 0; i < seeds.size(); ++i) {
    std::mt19937_64 random(i);
    for (int k = 0; k <= n_changes; ++k) {
      const std::vector<std::uint8_t> bytes = k == 0 ? seeds[i].bytes : change(seeds, i, random);
      // Printed before the run, so that the last line names the input that ends the process.
      std::printf("%s %s %d (%zu bytes)\n", argv[1], seeds[i].name.c_str(), k, bytes.size());
      std::fflush(stdout);
      target->run(bytes);
    }
  }
  std::printf("%s: %zu inputs, no law broken\n", argv[1], seeds.size() * static_cast<std::size_t>(n_changes + 1));
  return seeds.empty() ? 1 : 0;
}
