// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <cstddef>
#include <cstdint>

namespace fractile::server {

/// Bytes that grow in place: mapped memory, so that only what is written costs anything and growing copies
/// nothing. At least kPadding readable bytes follow the last one, as JSON parsers want.
///
/// The first touch of fresh pages costs more than receiving a body into them, so the memory of big bodies is
/// kept for the next one: at most kMaxKept bytes of it, until release_idle() finds them unused.
class BodyBuffer {
 public:
  static constexpr std::size_t kPadding = 64;
  static constexpr std::size_t kMaxKept = std::size_t{512} << 20;
  BodyBuffer() = default;
  ~BodyBuffer();
  BodyBuffer(BodyBuffer&& other) noexcept;
  BodyBuffer& operator=(BodyBuffer&& other) noexcept;

  const char* data() const noexcept { return data_; }
  char* data() noexcept { return data_; }
  std::size_t size() const noexcept { return size_; }
  /// Room for `count` more bytes behind the last one. Throws std::bad_alloc.
  char* prepare(std::size_t count);
  /// Takes `count` of the prepared bytes over.
  void commit(std::size_t count) noexcept { size_ += count; }
  void append(const void* data, std::size_t count);

  /// Gives back to the system what has been kept since before the previous call. Any thread.
  static void release_idle() noexcept;

 private:
  char* data_ = nullptr;
  std::size_t size_ = 0;
  std::size_t capacity_ = 0;
};

}  // namespace fractile::server
