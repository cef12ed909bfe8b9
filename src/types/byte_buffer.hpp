// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <cstddef>
#include <cstring>

namespace fractile {

/// A buffer of bytes that grows in place. It is mapped memory, so that only written pages cost memory and growing copies
/// no bytes. After the last byte kPadding or more bytes are readable, as JSON parsers require.
///
/// The first touch of fresh pages usually costs more than the work on them. A long-lived process can therefore retain
/// the memory of big buffers for later ones: keep_memory().
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
  /// Appends the first `count` of the prepared bytes.
  void commit(std::size_t count) noexcept { size_ += count; }
  void append(const void* data, std::size_t count);
  /// Makes the buffer empty, with its memory.
  void clear() noexcept { size_ = forgotten_ = 0; }
  template <class T>
  void append_value(T value) {
    std::memcpy(prepare(sizeof value), &value, sizeof value);
    commit(sizeof value);
  }

  bool contains(const void* place) const noexcept { return place >= data_ && place < data_ + size_; }
  /// Releases the pages before `place`, in whole huge pages. The bytes before it must not be read again.
  void forget_before(const void* place) noexcept;
  bool is_forgotten(const void* place) const noexcept { return place >= data_ && place < data_ + forgotten_; }

  /// Lets past buffers retain up to `bytes` in total, until release_idle() finds the memory unused. Thread-safe.
  static void keep_memory(std::size_t bytes) noexcept;
  /// Releases memory that has been retained since before the previous call. Thread-safe.
  static void release_idle() noexcept;

 private:
  char* data_ = nullptr;
  std::size_t size_ = 0;
  std::size_t capacity_ = 0;
  std::size_t forgotten_ = 0;
};

}  // namespace fractile
