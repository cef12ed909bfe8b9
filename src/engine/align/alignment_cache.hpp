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

/// What is kept of a signal's keys.
struct CachedAlignment {
  std::shared_ptr<const Alignment> alignment;
  // Null where the run has no residuals.
  std::shared_ptr<const ExposurePlan> exposures;
  std::shared_ptr<const RegressorCache> regressors;
};

/// Keeps the alignments of the keys that signals share: the most recently used, up to a number and to
/// kMaxBytes. Keys are known by a 128-bit hash of their columns' bytes. Thread-safe.
class AlignmentCache {
 public:
  explicit AlignmentCache(int capacity) : capacity_(capacity) {}
  /// What keys are known by, where they have been seen before or `come_again` says that they will be; else empty. Keys
  /// seen for the first time cost a hash of a few hundred rows.
  std::string identify(const SignalKeys& keys, bool come_again, int threads, const std::function<void()>& poll);
  /// The alignment of the keys known by `identity`. A thread waits where another is making it.
  CachedAlignment find_or_make(const std::string& identity, const PanelView& panel, const SignalKeys& keys,
                               const RunConfig& config, const ExposureRows& exposures, int threads, RunBuffers& buffers,
                               const std::function<void()>& poll);

 private:
  struct Entry {
    std::string key;
    std::size_t bytes;
    bool is_alignment;  // counts towards the capacity
    std::shared_ptr<const void> kept;
  };
  /// What is made of keys that changed meanwhile is returned, and not cached.
  template <class Kept, class Make>
  std::shared_ptr<const Kept> find_or_make_one(const std::string& key, Make&& make,
                                               const std::function<bool()>& are_keys_unchanged);
  bool is_seen(const Hash128& sample);
  void shrink();

  static constexpr std::size_t kMaxBytes = std::size_t{512} << 20;
  static constexpr std::size_t kMaxSeen = 64;
  const int capacity_;
  std::mutex mutex_;
  std::list<Entry> entries_;      // most recently used first; guarded by mutex_
  std::list<Hash128> seen_;       // the same
  std::set<std::string> making_;  // keys of entries that a thread is making; guarded by mutex_
  std::condition_variable made_;
};

}  // namespace fractile
