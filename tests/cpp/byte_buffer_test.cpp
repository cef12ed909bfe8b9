// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "types/byte_buffer.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <cstring>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace fractile {
namespace {

TEST(ByteBuffer, KeepsWhatIsAppended) {
  ByteBuffer buffer;
  buffer.append(nullptr, 0);
  EXPECT_EQ(buffer.size(), 0U);
  std::string expected;
  for (int k = 0; k < 3000; ++k) {
    const std::string part(static_cast<std::size_t>(k), static_cast<char>('a' + k % 26));
    buffer.append(part.data(), part.size());
    expected += part;
  }
  ASSERT_EQ(buffer.size(), expected.size());
  EXPECT_EQ(std::memcmp(buffer.data(), expected.data(), expected.size()), 0);
  const ByteBuffer moved = std::move(buffer);
  EXPECT_EQ(moved.size(), expected.size());
}

/// New buffers reuse the memory of released big buffers, also of other threads.
TEST(ByteBuffer, ManyThreadsShareWhatIsKept) {
  ByteBuffer::keep_memory(std::size_t{64} << 20);
  std::atomic<int> wrong{0};
  {
    std::vector<std::jthread> users;
    for (int c = 0; c < 4; ++c)
      users.emplace_back([&wrong, c] {
        for (int k = 0; k < 20; ++k) {
          ByteBuffer buffer;
          constexpr std::size_t kSize = std::size_t{9} << 20;
          char* const data = buffer.prepare(kSize);
          for (std::size_t at = 0; at < kSize; at += 4096) data[at] = static_cast<char>(c);
          std::this_thread::yield();
          for (std::size_t at = 0; at < kSize; at += 4096) wrong += data[at] != static_cast<char>(c);
          if (k % 5 == 0) ByteBuffer::release_idle();
        }
      });
  }
  EXPECT_EQ(wrong, 0);
  ByteBuffer::keep_memory(0);
  ByteBuffer::release_idle();
  ByteBuffer::release_idle();
}

}  // namespace
}  // namespace fractile
