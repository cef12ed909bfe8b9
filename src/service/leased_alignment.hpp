// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <functional>
#include <optional>

#include "engine/residual/exposures.hpp"
#include "service/backtester.hpp"

namespace fractile {

/// The alignment of a signal without residuals: the cached one if the keys were seen before, else one in memory that is leased
/// from the Backtester until this object ends.
class LeasedAlignment {
 public:
  /// Throws as Alignment.
  LeasedAlignment(const Backtester::Impl& impl, const SignalKeys& keys, const RunConfig& config, int threads,
                  const std::function<void()>& poll)
      : lease_(impl), exposures_(impl.panel, config) {
    const std::string identity = impl.alignments.identify(keys, false, threads, poll);
    if (identity.empty())
      own_.emplace(impl.panel, keys, config, threads, Alignment::Lifetime::one_run, buffers().alignment, poll);
    else
      cached_ = impl.alignments.find_or_make(identity, impl.panel, keys, config, exposures_, threads, buffers(), poll);
  }
  ~LeasedAlignment() {
    if (own_) own_->release_buffers(buffers().alignment);
  }
  LeasedAlignment(const LeasedAlignment&) = delete;
  LeasedAlignment& operator=(const LeasedAlignment&) = delete;

  const Alignment& get() const noexcept { return own_ ? *own_ : *cached_.alignment; }
  RunBuffers& buffers() noexcept { return lease_.memory().buffers; }

 private:
  Backtester::Impl::Lease lease_;
  ExposureRows exposures_;
  CachedAlignment cached_;
  std::optional<Alignment> own_;
};

}  // namespace fractile
