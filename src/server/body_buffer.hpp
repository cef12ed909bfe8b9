// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <cstddef>
#include <cstdint>

namespace fractile::server {

/// Bytes that grow in place: mapped memory, so that only what is written costs anything and growing copies
/// nothing. At least kPadding readable bytes follow the last one, as JSON parsers want.
class BodyBuffer {
 public:
  static constexpr std::size_t kPadding = 64;
  BodyBuffer() = default;
  ~BodyBuffer();
  BodyBuffer(BodyBuffer&& other) noexcept;
  BodyBuffer& operator=(BodyBuffer&& other) noexcept;

  const char* data() const noexcept { return data_; }
  std::size_t size() const noexcept { return size_; }
  /// Room for `count` more bytes behind the last one. Throws std::bad_alloc.
  char* prepare(std::size_t count);
  /// Takes `count` of the prepared bytes over.
  void commit(std::size_t count) noexcept { size_ += count; }
  void append(const void* data, std::size_t count);

 private:
  char* data_ = nullptr;
  std::size_t size_ = 0;
  std::size_t capacity_ = 0;
};

}  // namespace fractile::server
