// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <algorithm>
#include <cstddef>
#include <deque>
#include <list>
#include <utility>

#include "types/hash.hpp"

namespace fractile {

/// Values by the hash of what they were made of, up to a number of bytes in all; the one that was used longest ago is evicted
/// first. A value that comes once only is not cached: its memory serves the next one at once. Not thread-safe.
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

  /// Caches the value if its key was offered before. A value of more bytes than all may have is not cached; one that is cached
  /// under the key stays.
  void offer(const Hash128& key, Value value, std::size_t bytes) {
    if (bytes > max_bytes_ || !is_seen(key)) return;
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
  static constexpr std::size_t kMaxSeen = 64;

  bool is_seen(const Hash128& key) {
    if (std::find(seen_.begin(), seen_.end(), key) != seen_.end()) return true;
    seen_.push_front(key);
    if (seen_.size() > kMaxSeen) seen_.pop_back();
    return false;
  }

  struct Entry {
    Hash128 key;
    Value value;
    std::size_t bytes;
  };
  const std::size_t max_bytes_;
  std::list<Entry> entries_;  // the one that was used last is the first
  std::size_t bytes_ = 0;
  std::deque<Hash128> seen_;  // the keys that were offered last
};

}  // namespace fractile
