// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <xxhash.h>

#include <array>
#include <cstdint>
#include <memory>
#include <new>

namespace fractile::server {

/// XXH3, 128 bits, of bytes as they come: while they are still in the cache.
class BodyHash {
 public:
  BodyHash() : state_(XXH3_createState(), &XXH3_freeState) {
    if (!state_) throw std::bad_alloc();
    reset();
  }
  void reset() noexcept { XXH3_128bits_reset(state_.get()); }
  void update(const char* data, std::size_t size) noexcept { XXH3_128bits_update(state_.get(), data, size); }
  std::array<std::uint64_t, 2> digest() const noexcept {
    const XXH128_hash_t hash = XXH3_128bits_digest(state_.get());
    return {hash.high64, hash.low64};
  }

 private:
  std::unique_ptr<XXH3_state_t, XXH_errorcode (*)(XXH3_state_t*)> state_;
};

}  // namespace fractile::server
