// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "fractile/result.hpp"

namespace fractile::server {

/// The counters of the server, for /stats and /metrics. Thread-safe.
class Metrics {
 public:
  void count_request(int status);
  void count_run(const Result& result);
  void count_latency(double seconds);
  /// CPU seconds of a worker inside the engine.
  void count_engine_cpu(double seconds);

  std::atomic<std::int64_t> body_bytes{0};  ///< of requests in flight
  std::atomic<std::int64_t> connections{0};
  std::atomic<std::int64_t> running{0};
  std::atomic<std::int64_t> waiting{0};
  std::atomic<std::int64_t> shared{0};  ///< requests answered by another's run

  std::int64_t run_count() const noexcept { return runs_; }
  double uptime_seconds() const noexcept;
  /// Seconds at 0.5, 0.9 and 0.99 of the last kRecent runs; NaN before the first run.
  std::array<double, 3> latency_quantiles() const;
  /// Prometheus text exposition format, version 0.0.4.
  std::string to_prometheus() const;

 private:
  static constexpr std::size_t kRecent = 4096;
  static constexpr std::array<double, 10> kBuckets{0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0};

  const std::chrono::steady_clock::time_point started_ = std::chrono::steady_clock::now();
  std::atomic<std::int64_t> runs_{0};
  mutable std::mutex mutex_;  // guards the members below
  std::map<int, std::int64_t> by_status_;
  std::map<std::string, double> stage_seconds_;
  std::map<std::string, std::int64_t> dropped_;
  std::vector<double> recent_;
  std::size_t next_recent_ = 0;
  std::array<std::int64_t, kBuckets.size() + 1> bucket_counts_{};
  double latency_sum_ = 0.0;
  double worker_engine_cpu_ = 0.0;
};

/// Resident memory of this process in bytes.
std::int64_t resident_bytes();
/// CPU seconds of the calling thread.
double thread_cpu_seconds();
/// CPU seconds of the threads of the engine's pool, which help a worker.
double engine_threads_cpu_seconds();

}  // namespace fractile::server
