// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <cstddef>
#include <cstring>

namespace fractile {

/// Bytes that grow in place: mapped memory, so that only what is written costs anything and growing copies
/// nothing. At least kPadding readable bytes follow the last one, as JSON parsers want.
///
/// The first touch of fresh pages costs more than most work on them, so a long-lived process may have the
/// memory of big buffers kept for the next ones: keep_memory().
class ByteBuffer {
 public:
  static constexpr std::size_t kPadding = 64;
  ByteBuffer() = default;
  ~ByteBuffer();
  ByteBuffer(ByteBuffer&& other) noexcept;
  ByteBuffer& operator=(ByteBuffer&& other) noexcept;

  const char* data() const noexcept { return data_; }
  char* data() noexcept { return data_; }
  std::size_t size() const noexcept { return size_; }
  /// Room for `count` more bytes behind the last one. Throws std::bad_alloc.
  char* prepare(std::size_t count);
  /// Takes `count` of the prepared bytes over.
  void commit(std::size_t count) noexcept { size_ += count; }
  void append(const void* data, std::size_t count);
  template <class T>
  void append_value(T value) {
    std::memcpy(prepare(sizeof value), &value, sizeof value);
    commit(sizeof value);
  }

  bool contains(const void* place) const noexcept { return place >= data_ && place < data_ + size_; }
  /// Gives the memory before `place` back, roughly: nothing before it will be read any more.
  void forget_before(const void* place) noexcept;
  bool is_forgotten(const void* place) const noexcept { return place >= data_ && place < data_ + forgotten_; }

  /// At most `bytes` of past buffers are kept, in all, until release_idle() finds them unused. Any thread.
  static void keep_memory(std::size_t bytes) noexcept;
  /// Gives back what has been kept since before the previous call. Any thread.
  static void release_idle() noexcept;

 private:
  char* data_ = nullptr;
  std::size_t size_ = 0;
  std::size_t capacity_ = 0;
  std::size_t forgotten_ = 0;
};

}  // namespace fractile
