// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <cstddef>
#include <vector>

#include "engine/align/run_buffers.hpp"
#include "engine/held_books.hpp"
#include "types/byte_buffer.hpp"

namespace fractile {

/// The memory of one run, which the next run uses again, because the first touch of a page costs more than the work on it.
struct RunMemory {
  RunBuffers buffers;
  HeldBooks::Memory held_books;
  std::vector<ByteBuffer> analysis;  ///< by slot: AnalysisContext::memory

  /// Releases what only an unusually large run needs.
  void release_large() {
    constexpr std::size_t kLarge = std::size_t{64} << 20;
    if (held_books.bytes() > kLarge) held_books = HeldBooks::Memory();
    std::size_t bytes = 0;
    for (const ByteBuffer& of_slot : analysis) bytes += of_slot.size();
    if (bytes > kLarge) analysis.clear();
  }
};

}  // namespace fractile
