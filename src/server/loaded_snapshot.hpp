// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <memory>
#include <mutex>
#include <string>

#include "fractile/backtest.hpp"
#include "server/server.hpp"

namespace fractile::server {

struct LoadedSnapshot {
  explicit LoadedSnapshot(View view, int cache_size) : backtester(std::move(view), cache_size) {}
  Backtester backtester;
  std::string id;
  double load_seconds = 0.0;
  std::int64_t n_rows = 0;  ///< panel rows of the loaded days
  int n_dates = 0;
};

/// The holder of the snapshot that runs use. A reload swaps the snapshot; runs on the old one finish on it. Thread-safe.
class SnapshotHolder {
 public:
  explicit SnapshotHolder(const ServerOptions& options) : options_(options) {}
  /// Opens the snapshot of the options (the newest if they name none) and swaps it in. If it throws, the old one stays.
  void load();
  void set(std::shared_ptr<const LoadedSnapshot> loaded) {
    const std::lock_guard lock(mutex_);
    loaded_ = std::move(loaded);
  }
  /// Null until the first load.
  std::shared_ptr<const LoadedSnapshot> get() const {
    const std::lock_guard lock(mutex_);
    return loaded_;
  }

 private:
  const ServerOptions& options_;
  mutable std::mutex mutex_;
  std::shared_ptr<const LoadedSnapshot> loaded_;
};

}  // namespace fractile::server
