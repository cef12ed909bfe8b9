// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "types/hash.hpp"

// Inlined, so that it is compiled for our baseline processor, not for that of the system's library.
#define XXH_INLINE_ALL
#include <fmt/format.h>
#include <xxhash.h>

#include <algorithm>

#include "types/prefetch_pages.hpp"

namespace fractile {
namespace {

Hash128 to_array(const XXH128_hash_t& hash) noexcept { return {hash.high64, hash.low64}; }

}  // namespace

struct StreamHash::State {
  XXH3_state_t of_xxhash;
};

Hash128 hash_bytes(const void* data, std::size_t size) noexcept {
  constexpr std::size_t kLong = 32 * kPrefetchPiece;
  if (size < kLong) return to_array(XXH3_128bits(data, size));
  XXH3_state_t state;
  XXH3_INITSTATE(&state);
  XXH3_128bits_reset(&state);
  for (std::size_t begin = 0; begin < size; begin += kPrefetchPiece) {
    prefetch_pages(data, size, begin);
    XXH3_128bits_update(&state, static_cast<const char*>(data) + begin, std::min(kPrefetchPiece, size - begin));
  }
  return to_array(XXH3_128bits_digest(&state));
}

std::string to_hex(const Hash128& hash) { return fmt::format("{:016x}{:016x}", hash[0], hash[1]); }

std::string hash_text(std::string_view text) { return to_hex(hash_bytes(text.data(), text.size())); }

std::string hash_parts(std::span<const std::span<const std::byte>> parts) {
  StreamHash hash;
  for (const auto& part : parts) hash.update(part.data(), part.size());
  return to_hex(hash.digest());
}

std::uint64_t hash64(const void* data, std::size_t size) noexcept { return XXH3_64bits(data, size); }

StreamHash::StreamHash() : state_(std::make_unique<State>()) { reset(); }
StreamHash::~StreamHash() = default;
StreamHash::StreamHash(StreamHash&&) noexcept = default;
StreamHash& StreamHash::operator=(StreamHash&&) noexcept = default;

void StreamHash::reset() noexcept {
  XXH3_INITSTATE(&state_->of_xxhash);
  XXH3_128bits_reset(&state_->of_xxhash);
}

void StreamHash::update(const void* data, std::size_t size) noexcept { XXH3_128bits_update(&state_->of_xxhash, data, size); }

Hash128 StreamHash::digest() const noexcept { return to_array(XXH3_128bits_digest(&state_->of_xxhash)); }

}  // namespace fractile
