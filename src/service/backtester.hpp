// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "engine/align/alignment_cache.hpp"
#include "engine/align/run_buffers.hpp"
#include "engine/day.hpp"
#include "engine/panel/panel_view.hpp"
#include "fractile/backtest.hpp"

/// The state that a Backtester retains between runs.
namespace fractile {

struct Backtester::Impl {
  Impl(View view, int cache_size) : panel(std::move(view)), alignments(cache_size) {}

  PanelView panel;
  mutable AlignmentCache alignments;
  mutable std::mutex mutex;
  mutable std::vector<std::unique_ptr<RunBuffers>> idle_buffers;  // guarded by mutex

  /// A lease of the memory of one run; it returns the memory when the run ends, also by an exception.
  class Lease {
   public:
    explicit Lease(const Impl& impl) : impl_(impl) {
      const std::lock_guard lock(impl.mutex);
      if (impl.idle_buffers.empty()) {
        buffers_ = std::make_unique<RunBuffers>();
      } else {
        buffers_ = std::move(impl.idle_buffers.back());
        impl.idle_buffers.pop_back();
      }
    }
    ~Lease() {
      const std::lock_guard lock(impl_.mutex);
      constexpr std::size_t kKeep = 4;
      if (impl_.idle_buffers.size() < kKeep) impl_.idle_buffers.push_back(std::move(buffers_));
    }
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;
    RunBuffers& buffers() { return *buffers_; }

   private:
    const Impl& impl_;
    std::unique_ptr<RunBuffers> buffers_;
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
