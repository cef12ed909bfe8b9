// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "engine/align/alignment_cache.hpp"
#include "engine/day.hpp"
#include "engine/panel/panel_view.hpp"
#include "fractile/backtest.hpp"
#include "service/run_memory.hpp"

/// The state that a Backtester retains between runs.
namespace fractile {

struct Backtester::Impl {
  Impl(View view, int cache_size) : panel(std::move(view)), alignments(cache_size) {}

  PanelView panel;
  mutable AlignmentCache alignments;
  mutable std::mutex mutex;
  mutable std::vector<std::unique_ptr<RunMemory>> idle_memory;  // guarded by mutex

  /// A lease of the memory of one run; it returns the memory when the run ends, also by an exception.
  class Lease {
   public:
    explicit Lease(const Impl& impl) : impl_(impl) {
      const std::lock_guard lock(impl.mutex);
      if (impl.idle_memory.empty()) {
        memory_ = std::make_unique<RunMemory>();
      } else {
        memory_ = std::move(impl.idle_memory.back());
        impl.idle_memory.pop_back();
      }
    }
    ~Lease() {
      memory_->release_large();
      const std::lock_guard lock(impl_.mutex);
      constexpr std::size_t kKeep = 4;
      if (impl_.idle_memory.size() < kKeep) impl_.idle_memory.push_back(std::move(memory_));
    }
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;
    RunMemory& memory() { return *memory_; }

   private:
    const Impl& impl_;
    std::unique_ptr<RunMemory> memory_;
  };

  /// `known_by`: the key of the cached alignment, "" if none is cached; null: the run finds it.
  Result run(const SignalKeys& keys, const std::string* known_by, const double* values, const RunConfig& config,
             Exposures exposures, int threads, const Interrupt& interrupt) const;
};

/// Throws EMPTY_SIGNAL, SIGNAL_TOO_LARGE.
void require_rows(const SignalKeys& keys);

/// Makes a poll function that throws CANCELLED if the interrupt returns true. It asks the interrupt every 20 ms or less often.
std::function<void()> make_poll(const Interrupt& interrupt);

}  // namespace fractile
