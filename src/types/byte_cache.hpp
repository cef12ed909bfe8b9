// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <cstddef>
#include <list>
#include <utility>

#include "types/hash.hpp"

namespace fractile {

/// Values by the hash of what they were made of, up to a number of bytes in all; the one that was used longest ago is evicted
/// first. Not thread-safe.
template <class Value>
class ByteCache {
 public:
  explicit ByteCache(std::size_t max_bytes) : max_bytes_(max_bytes) {}

  /// Returns an empty value if none is cached.
  Value find(const Hash128& key) {
    for (auto entry = entries_.begin(); entry != entries_.end(); ++entry)
      if (entry->key == key) {
        entries_.splice(entries_.begin(), entries_, entry);
        return entry->value;
      }
    return {};
  }

  /// A value of more bytes than all may have is not cached. One that is cached under the key stays.
  void add(const Hash128& key, Value value, std::size_t bytes) {
    if (bytes > max_bytes_) return;
    for (const Entry& entry : entries_)
      if (entry.key == key) return;
    entries_.push_front({key, std::move(value), bytes});
    bytes_ += bytes;
    while (bytes_ > max_bytes_) {
      bytes_ -= entries_.back().bytes;
      entries_.pop_back();
    }
  }

 private:
  struct Entry {
    Hash128 key;
    Value value;
    std::size_t bytes;
  };
  const std::size_t max_bytes_;
  std::list<Entry> entries_;  // the one that was used last is the first
  std::size_t bytes_ = 0;
};

}  // namespace fractile
