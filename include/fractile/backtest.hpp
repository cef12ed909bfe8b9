// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

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

/// Bounds a snapshot by dates (inclusive; dates beyond the data are cut) and picks the storage. `compact`: float32 if stored,
/// else float64; without it the snapshot must have float64.
/// Throws NO_TRADING_DAYS, STORAGE_NOT_AVAILABLE.
View make_view(std::shared_ptr<const Snapshot> snapshot, std::optional<Day> start, std::optional<Day> end, bool compact);

/// A callback that the running thread calls every few milliseconds. It returns true to end the run (CANCELLED).
using Interrupt = std::function<bool()>;

inline constexpr int kDefaultCacheSize = 10;

/// One of several runs on the same keys.
struct RunCell {
  const double* values = nullptr;
  RunConfig config;
};

/// The outcome of a RunCell: a result, or the Error that ended the run.
struct RunOutcome {
  std::optional<Result> result;
  std::exception_ptr error;
};

/// The runner of backtests on one view. Between runs it retains scratch memory and caches the alignments of
/// keys that signals share.
///
/// Thread-safe. Results do not depend on the number of threads, earlier calls, or the order of rows (without
/// duplicates): the same input yields the same bits.
class Backtester {
 public:
  /// `cache_size`: maximum number of cached alignments (9 bytes per signal row each).
  explicit Backtester(View view, int cache_size = kDefaultCacheSize);
  ~Backtester();
  /// `values`: keys.n_rows reals. The alignment of keys is cached from their second run on. Throws Error.
  Result run(const SignalKeys& keys, const double* values, const RunConfig& config, const Interrupt& interrupt = {}) const;

  /// Runs several columns, lags or resid modes on the same keys with one alignment. Each cell has one thread; the first cell's
  /// config gives the number of threads. Returns the outcomes in the order of the cells, with the same bits as run().
  /// `on_done`: the calling thread calls it with the number of finished cells. `stop_on_error`: after a cell that fails,
  /// later cells may have no outcome. Throws CANCELLED.
  std::vector<RunOutcome> run_many(const SignalKeys& keys, std::span<const RunCell> cells, bool stop_on_error = false,
                                   const Interrupt& interrupt = {}, const std::function<void(std::size_t)>& on_done = {}) const;
  const View& view() const noexcept;

  struct Impl;
  /// For the other stages of the engine, which share the state between runs.
  const Impl& impl() const noexcept { return *impl_; }

 private:
  std::unique_ptr<Impl> impl_;
};

}  // namespace fractile
