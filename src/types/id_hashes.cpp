// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "types/id_hashes.hpp"
#include "types/row_blocks.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string>

namespace fractile {

Hash128 hash_block(const void* data, std::size_t width, std::int64_t n_rows, int block) noexcept {
  const std::int64_t begin = block * kBlockRows, count = std::min(kBlockRows, n_rows - begin);
  return hash_bytes(static_cast<const char*>(data) + static_cast<std::size_t>(begin) * width,
                    static_cast<std::size_t>(count) * width);
}

Hash128 hash_id_texts(std::span<const std::string_view> texts) {
  std::string bytes;
  for (const std::string_view text : texts) bytes.append(fmt::format("{} ", text.size())).append(text);
  return hash_bytes(bytes.data(), bytes.size());
}

}  // namespace fractile
