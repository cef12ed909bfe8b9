// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "parallel/hash_arrays.hpp"

#include <algorithm>
#include <cstdint>
#include <vector>

#include "parallel/workers.hpp"

namespace fractile {

Hash128 hash_arrays(std::span<const std::span<const std::byte>> arrays) {
  constexpr std::size_t kBlock = std::size_t{1} << 20;
  std::vector<std::span<const std::byte>> blocks;
  std::vector<std::uint64_t> sizes;  // they are part of the hash, because the blocks do not show where an array ends
  for (const std::span<const std::byte> array : arrays) {
    sizes.push_back(array.size());
    for (std::size_t begin = 0; begin < array.size(); begin += kBlock)
      blocks.push_back(array.subspan(begin, std::min(kBlock, array.size() - begin)));
  }
  std::vector<Hash128> hashes(blocks.size());
  parallel_for(default_threads(), static_cast<int>(blocks.size()), [&](int task, int) {
    const auto block = static_cast<std::size_t>(task);
    hashes[block] = hash_bytes(blocks[block].data(), blocks[block].size());
  });
  StreamHash whole;
  whole.update(sizes.data(), sizes.size() * sizeof sizes[0]);
  whole.update(hashes.data(), hashes.size() * sizeof hashes[0]);
  return whole.digest();
}

}  // namespace fractile
