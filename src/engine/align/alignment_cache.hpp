// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <condition_variable>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <set>
#include <string>

#include "engine/align/alignment.hpp"
#include "engine/align/exposure_plan.hpp"
#include "engine/align/run_buffers.hpp"
#include "engine/residual/regressor_cache.hpp"

namespace fractile {

/// The cached data of a signal's keys.
struct CachedAlignment {
  std::shared_ptr<const Alignment> alignment;
  // Both are null if the run has no residuals.
  std::shared_ptr<const ExposurePlan> exposures;
  std::shared_ptr<const RegressorCache> regressors;
};

/// A cache of the alignments of keys that signals share. evict() drops the least recently used beyond `capacity` (the setting
/// cache_size) and beyond kMaxBytes, but never the newest; no time and no snapshot ends an entry, as a view never changes. A
/// 128-bit hash of the columns' bytes identifies keys. Thread-safe.
class AlignmentCache {
 public:
  /// `capacity`: maximum number of alignments; 0 caches none.
  explicit AlignmentCache(int capacity) : capacity_(capacity) {}
  /// Returns the identity of keys that were seen before, or that will come again as `come_again` says; else "". Keys
  /// that are seen for the first time cost a hash of a few hundred rows.
  std::string identify(const SignalKeys& keys, bool come_again, int threads, const std::function<void()>& poll);
  /// Returns the alignment of the keys with `identity`. Blocks while another thread makes it.
  CachedAlignment find_or_make(const std::string& identity, const PanelView& panel, const SignalKeys& keys,
                               const RunConfig& config, const ExposureRows& exposures, int threads, RunBuffers& buffers,
                               const std::function<void()>& poll);

 private:
  struct Entry {
    std::string key;
    std::size_t bytes;
    bool is_alignment;  // counts towards the capacity
    std::shared_ptr<const void> object;
  };
  /// If the keys changed meanwhile, the new object is returned but not cached.
  template <class Cached, class Make>
  std::shared_ptr<const Cached> find_or_make_one(const std::string& key, Make&& make,
                                                 const std::function<bool()>& are_keys_unchanged);
  bool is_seen(const Hash128& sample);
  /// Evicts the least recently used entries until the number of alignments and the bytes are within their bounds.
  void evict();

  static constexpr std::size_t kMaxBytes = std::size_t{512} << 20;
  static constexpr std::size_t kMaxSeen = 64;
  const int capacity_;
  std::mutex mutex_;
  std::list<Entry> entries_;      // most recently used first; guarded by mutex_
  std::list<Hash128> seen_;       // samples of keys, most recent first; guarded by mutex_
  std::set<std::string> making_;  // keys of entries that a thread is making; guarded by mutex_
  std::condition_variable made_;
};

}  // namespace fractile
