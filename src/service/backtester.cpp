// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "service/backtester.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <string>
#include <thread>

#include "fractile/error.hpp"
#include "parallel/workers.hpp"
#include "types/ieee_arithmetic.hpp"

namespace fractile {
namespace {

using Clock = std::chrono::steady_clock;

int threads_of(const RunConfig& config) { return std::min(config.threads > 0 ? config.threads : default_threads(), kMaxThreads); }

}  // namespace

void require_rows(const SignalKeys& keys) {
  if (keys.n_rows == 0)
    throw Error(ErrorCode::EMPTY_SIGNAL, "expected one row or more in the signal, found 0. Pass a signal with rows.");
  if (keys.n_rows > kMaxSignalRows)
    throw Error(ErrorCode::SIGNAL_TOO_LARGE, "expected at most " + std::to_string(kMaxSignalRows) +
                                                 " rows in the signal, found " + std::to_string(keys.n_rows) +
                                                 ". Split it by date.");
}

std::function<void()> make_poll(const Interrupt& interrupt) {
  if (!interrupt) return {};
  return [&interrupt, last = Clock::now()]() mutable {
    const auto now = Clock::now();
    if (now - last < std::chrono::milliseconds(20)) return;
    last = now;
    if (interrupt()) throw Error(ErrorCode::CANCELLED, "expected to finish, found that the run was interrupted.");
  };
}

Backtester::Backtester(View view, int cache_size) : impl_(std::make_unique<Impl>(std::move(view), cache_size)) {}
Backtester::~Backtester() = default;

Result Backtester::run(const SignalKeys& keys, const double* values, const RunConfig& config, const Interrupt& interrupt) const {
  const IeeeArithmetic arithmetic;
  require_rows(keys);
  validate(config);
  Result result;
  impl_->panel.snapshot().read_guarded(
      [&] { result = impl_->run(keys, nullptr, values, config, Exposures::reported, threads_of(config), interrupt); });
  return result;
}

std::vector<RunOutcome> Backtester::run_many(const SignalKeys& keys, std::span<const RunCell> cells, bool stop_on_error,
                                             const Interrupt& interrupt, const std::function<void(std::size_t)>& on_done) const {
  const IeeeArithmetic arithmetic;
  std::vector<RunOutcome> outcomes(cells.size());
  if (cells.empty()) return outcomes;
  require_rows(keys);
  const int threads = threads_of(cells[0].config);
  const std::string identity = impl_->alignments.identify(keys, cells.size() > 1, threads, make_poll(interrupt));
  const auto caller = std::this_thread::get_id();
  std::atomic<bool> is_stopped{false};
  std::atomic<std::size_t> n_done{0};
  std::size_t n_shown = 0;
  const auto show = [&] {
    if (on_done && n_shown != n_done) on_done(n_shown = n_done);
  };
  // Only the calling thread calls `on_done` and `interrupt`, because they may enter the Python interpreter.
  const Interrupt stop = [&] {
    if (std::this_thread::get_id() == caller) {
      show();
      if (interrupt && interrupt()) is_stopped = true;
    }
    return is_stopped.load();
  };
  std::atomic<bool> has_failed{false};
  const auto run_cell = [&](std::size_t i, int threads_of_cell) {
    if (stop_on_error && has_failed) return;
    try {
      validate(cells[i].config);
      impl_->panel.snapshot().read_guarded([&] {
        outcomes[i].result =
            impl_->run(keys, &identity, cells[i].values, cells[i].config, Exposures::reported, threads_of_cell, stop);
      });
    } catch (const Error& error) {
      if (error.code() == ErrorCode::CANCELLED) throw;
      outcomes[i].result.reset();
      outcomes[i].error = std::current_exception();
      has_failed = true;
    }
    ++n_done;
  };
  // All threads compute the first cell together, so that none waits for the alignment. Then each thread computes one cell at a
  // time. All threads compute the last cells together when there are fewer of them than threads.
  run_cell(0, threads);
  const std::size_t n_alone = (cells.size() - 1) / static_cast<std::size_t>(threads) * static_cast<std::size_t>(threads);
  parallel_for(
      threads, static_cast<int>(n_alone), [&](int task, int) { run_cell(static_cast<std::size_t>(task) + 1, 1); },
      [&] { stop(); });
  for (std::size_t i = n_alone + 1; i < cells.size(); ++i) {
    stop();
    run_cell(i, threads);
  }
  show();
  return outcomes;
}

const View& Backtester::view() const noexcept { return impl_->panel.view(); }

}  // namespace fractile
