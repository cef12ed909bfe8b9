// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <cstddef>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "fractile/result.hpp"
#include "tearsheet/tear_sheet.hpp"

namespace fractile::server {

/// A result and how its signal was read, for the code that repeats the run.
struct StoredResult {
  Result result;
  RunPlace place;
  std::string study = "";  ///< the name of the study that counts the run; "": none
  std::string audit = "";  ///< the audit of the signal as JSON; "" if none was made
};

/// A cache of results by id, bounded by memory: the least recently used is evicted. Thread-safe.
class ResultStore {
 public:
  explicit ResultStore(std::size_t max_bytes) : max_bytes_(max_bytes) {}
  /// Returns an id of 128 random bits, which no client can guess; "" if the result alone is larger than the store.
  std::string add(std::shared_ptr<const StoredResult> stored);
  /// Null if the store lacks the id, for instance after an eviction.
  std::shared_ptr<const StoredResult> find(const std::string& id);

 private:
  struct Entry {
    std::string id;
    std::shared_ptr<const StoredResult> stored;
    std::size_t bytes;
  };
  using Entries = std::list<Entry>;  // the most recently used first

  const std::size_t max_bytes_;
  std::mutex mutex_;
  Entries entries_;
  std::map<std::string, Entries::iterator> by_id_;
  std::size_t bytes_ = 0;
};

}  // namespace fractile::server
