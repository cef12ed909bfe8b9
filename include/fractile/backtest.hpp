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

/// Bounds a snapshot by dates (inclusive; beyond the data they are cut) and picks the storage:
/// compact takes float32 where stored, else what there is; not compact needs float64.
/// Throws NO_TRADING_DAYS, STORAGE_NOT_AVAILABLE.
View make_view(std::shared_ptr<const Snapshot> snapshot, std::optional<Day> start, std::optional<Day> end, bool compact);

/// Called from the thread that runs, every few milliseconds; returns true to end the run (CANCELLED).
using Interrupt = std::function<bool()>;

inline constexpr int kDefaultCacheSize = 10;

/// One of several runs on the same keys.
struct RunCell {
  const double* values = nullptr;
  RunConfig config;
};

/// What became of it: a result, or the Error that ended it.
struct RunOutcome {
  std::optional<Result> result;
  std::exception_ptr error;
};

/// Runs backtests on one view; keeps scratch memory, and the alignments of keys that signals share,
/// between runs.
///
/// Safe to call from many threads at once. Results do not depend on threads, calls before, or
/// row order (no duplicates): the same input gives the same bits.
class Backtester {
 public:
  /// `cache_size`: how many alignments are kept (9 bytes a signal row each).
  explicit Backtester(View view, int cache_size = kDefaultCacheSize);
  ~Backtester();
  /// `values`: keys.n_rows reals. The alignment of keys is kept from their second run on. Throws Error.
  Result run(const SignalKeys& keys, const double* values, const RunConfig& config, const Interrupt& interrupt = {}) const;

  /// Several columns, lags or resid modes on the same keys, the alignment made once; a thread each, as many as the first
  /// cell's config asks for. The outcomes in the order of the cells, the same to the bit as those of run().
  /// `on_done`: called by the calling thread with how many cells are done. `stop_on_error`: the cells after one that
  /// fails may come without outcome. Throws CANCELLED.
  std::vector<RunOutcome> run_many(const SignalKeys& keys, std::span<const RunCell> cells, bool stop_on_error = false,
                                   const Interrupt& interrupt = {}, const std::function<void(std::size_t)>& on_done = {}) const;
  const View& view() const noexcept;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace fractile
