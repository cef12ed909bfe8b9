// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "fractile/config.hpp"
#include "fractile/result.hpp"
#include "fractile/signal.hpp"
#include "fractile/snapshot.hpp"

namespace fractile {

/// A snapshot seen through a range of loaded dates and one storage type. Cheap to copy.
struct View {
  std::shared_ptr<const Snapshot> snapshot;
  DateIndex first = 0;  ///< first loaded trading day
  DateIndex last = -1;  ///< last loaded trading day, inclusive
  Storage storage = Storage::float32;
};

/// Bounds a snapshot by dates (inclusive; beyond the data they are cut) and picks the storage:
/// compact takes float32 where stored, else what there is; not compact needs float64.
/// Throws NO_TRADING_DAYS, STORAGE_NOT_AVAILABLE.
View make_view(std::shared_ptr<const Snapshot> snapshot, std::optional<Day> start, std::optional<Day> end, bool compact);

/// Called from the thread that runs, every few milliseconds; returns true to end the run (CANCELLED).
using Interrupt = std::function<bool()>;

inline constexpr int kDefaultCacheSize = 10;

/// Runs backtests on one view; keeps scratch memory, and the alignments of keys that signals share,
/// between runs.
///
/// Safe to call from many threads at once. Results do not depend on threads, calls before, or
/// row order (no duplicates): the same input gives the same bits.
class Backtester {
 public:
  /// `cache_size`: how many alignments are kept (about 4 bytes a panel row and one a signal row each).
  explicit Backtester(View view, int cache_size = kDefaultCacheSize);
  ~Backtester();
  /// `values`: keys.n_rows reals. `keys_come_again`: keep the alignment at once, for the next columns,
  /// lags or resid modes on the same keys; without it keys are kept from their second run on. Throws Error.
  Result run(const SignalKeys& keys, const double* values, const RunConfig& config, const Interrupt& interrupt = {},
             bool keys_come_again = false) const;
  const View& view() const noexcept;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace fractile
