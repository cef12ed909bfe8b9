// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "fractile/signal.hpp"
#include "types/hash.hpp"

namespace fractile {

/// Hashes of a column of text ids that never changes. They spare each run a pass over its codes and texts.
struct IdHashes {
  std::vector<Hash128> codes;  ///< by block of kBlockRows rows
  Hash128 texts;               ///< hash_id_texts()
  // The arrays that were hashed: a copy of the column that was given other arrays has other hashes.
  const std::int32_t* of_codes;
  const std::string_view* of_texts;
  std::int64_t n_rows;

  bool is_of(const IdColumn& ids, std::int64_t n) const noexcept {
    return of_codes == ids.codes && of_texts == ids.texts.data() && n_rows == n;
  }
};

/// The hash of a block of values of `width` bytes each; the last block of n_rows may be shorter.
Hash128 hash_block(const void* data, std::size_t width, std::int64_t n_rows, int block) noexcept;
/// The hash of the texts and their lengths.
Hash128 hash_id_texts(std::span<const std::string_view> texts);

}  // namespace fractile
