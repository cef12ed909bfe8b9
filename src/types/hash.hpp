// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

/// The 128-bit hash (XXH3) of files, columns, contents, requests and runs.
namespace fractile {

using Hash128 = std::array<std::uint64_t, 2>;

Hash128 hash_bytes(const void* data, std::size_t size) noexcept;
/// 32 hexadecimal digits.
std::string to_hex(const Hash128& hash);
/// The hash of a text, or of parts taken together, in hexadecimal digits, the form that manifests have.
std::string hash_text(std::string_view text);
std::string hash_parts(std::span<const std::span<const std::byte>> parts);
/// XXH3, 64 bits.
std::uint64_t hash64(const void* data, std::size_t size) noexcept;

/// A hash of bytes that arrive in parts. It equals the hash of all parts together.
class StreamHash {
 public:
  StreamHash();
  ~StreamHash();
  StreamHash(StreamHash&&) noexcept;
  StreamHash& operator=(StreamHash&&) noexcept;
  void reset() noexcept;
  void update(const void* data, std::size_t size) noexcept;
  Hash128 digest() const noexcept;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace fractile
