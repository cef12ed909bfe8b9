// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "server/metrics.hpp"

#include <unistd.h>

#include <algorithm>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <limits>
#include <sstream>

#include "parallel/workers.hpp"
#include "types/format_to.hpp"

namespace fractile::server {

void Metrics::count_request(int status) {
  const std::lock_guard lock(mutex_);
  ++by_status_[status];
}

void Metrics::count_run(const Result& result) {
  ++runs_;
  const std::lock_guard lock(mutex_);
  for (const auto& [stage, seconds] : result.timings) stage_seconds_[stage] += seconds;
  for (const Diagnostics::Count& count : result.diagnostics.counts)
    if (count.count > 0 && count.name != "rows_given") dropped_[count.name] += count.count;
}

void Metrics::count_latency(double seconds) {
  const std::lock_guard lock(mutex_);
  if (recent_.size() < kRecent)
    recent_.push_back(seconds);
  else
    recent_[next_recent_++ % kRecent] = seconds;
  const auto bucket = static_cast<std::size_t>(std::lower_bound(kBuckets.begin(), kBuckets.end(), seconds) - kBuckets.begin());
  ++bucket_counts_[bucket];
  latency_sum_ += seconds;
}

void Metrics::count_engine_cpu(double seconds) {
  const std::lock_guard lock(mutex_);
  worker_engine_cpu_ += seconds;
}

double Metrics::uptime_seconds() const noexcept {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - started_).count();
}

std::array<double, 3> Metrics::latency_quantiles() const {
  std::vector<double> sorted;
  {
    const std::lock_guard lock(mutex_);
    sorted = recent_;
  }
  std::array<double, 3> out;
  out.fill(std::numeric_limits<double>::quiet_NaN());
  if (sorted.empty()) return out;
  std::sort(sorted.begin(), sorted.end());
  constexpr std::array kQuantiles{0.5, 0.9, 0.99};
  for (std::size_t i = 0; i < out.size(); ++i)
    out[i] = sorted[static_cast<std::size_t>(kQuantiles[i] * static_cast<double>(sorted.size() - 1))];
  return out;
}

std::string Metrics::to_prometheus() const {
  std::string out;
  const auto to = std::back_inserter(out);
  const auto head = [&](const char* name, const char* type, const char* help) {
    fmt::format_to(to, "# HELP {} {}\n# TYPE {} {}\n", name, help, name, type);
  };
  const auto gauge = [&](const char* name, const char* help, double value) {
    head(name, "gauge", help);
    fmt::format_to(to, "{} {}\n", name, value);
  };
  gauge("fractile_uptime_seconds", "Seconds since the server started.", uptime_seconds());
  gauge("fractile_resident_memory_bytes", "Resident memory.", static_cast<double>(resident_bytes()));
  gauge("fractile_body_bytes_in_flight", "Bytes of request bodies held.", static_cast<double>(body_bytes));
  gauge("fractile_connections", "Open connections.", static_cast<double>(connections));
  gauge("fractile_runs_running", "Requests being computed.", static_cast<double>(running));
  gauge("fractile_runs_waiting", "Requests waiting for a worker.", static_cast<double>(waiting));
  head("fractile_runs_total", "counter", "Backtests finished.");
  fmt::format_to(to, "fractile_runs_total {}\n", runs_.load());
  head("fractile_shared_requests_total", "counter", "Requests answered by the run of an identical one in flight.");
  fmt::format_to(to, "fractile_shared_requests_total {}\n", shared.load());
  const std::lock_guard lock(mutex_);
  head("fractile_requests_total", "counter", "Answers by HTTP status.");
  for (const auto& [status, count] : by_status_)
    fmt::format_to(to, "fractile_requests_total{{status=\"{}\"}} {}\n", status, count);
  head("fractile_stage_seconds_total", "counter", "Seconds that runs spent, by stage.");
  for (const auto& [stage, seconds] : stage_seconds_)
    fmt::format_to(to, "fractile_stage_seconds_total{{stage=\"{}\"}} {}\n", stage, seconds);
  head("fractile_rows_total", "counter", "Signal rows used, and dropped by cause.");
  for (const auto& [cause, count] : dropped_) fmt::format_to(to, "fractile_rows_total{{cause=\"{}\"}} {}\n", cause, count);
  head("fractile_engine_cpu_seconds_total", "counter", "CPU seconds inside the engine, all threads.");
  fmt::format_to(to, "fractile_engine_cpu_seconds_total {}\n", worker_engine_cpu_ + engine_threads_cpu_seconds());
  head("fractile_run_seconds", "histogram", "Seconds from a whole request to its answer.");
  std::int64_t below = 0;
  for (std::size_t i = 0; i < kBuckets.size(); ++i) {
    below += bucket_counts_[i];
    fmt::format_to(to, "fractile_run_seconds_bucket{{le=\"{}\"}} {}\n", kBuckets[i], below);
  }
  below += bucket_counts_.back();
  fmt::format_to(to,
                 "fractile_run_seconds_bucket{{le=\"+Inf\"}} {}\nfractile_run_seconds_sum {}\nfractile_run_seconds_count {}\n",
                 below, latency_sum_, below);
  return out;
}

double thread_cpu_seconds() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

double engine_threads_cpu_seconds() {
  double ticks = 0.0;
  std::error_code failed;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/task", failed)) {
    std::ifstream stat(entry.path() / "stat");
    std::string line;
    std::getline(stat, line);
    // The line is "17 (name) S ..."; user and system time are the 12th and 13th number behind the name.
    const std::size_t open = line.find('('), close = line.rfind(')');
    if (open == std::string::npos || line.substr(open + 1, close - open - 1) != kEngineThreadName) continue;
    std::istringstream rest(line.substr(close + 2));
    std::string skipped;
    for (int i = 0; i < 11; ++i) rest >> skipped;
    double user = 0.0, system = 0.0;
    rest >> user >> system;
    ticks += user + system;
  }
  return ticks / static_cast<double>(sysconf(_SC_CLK_TCK));
}

std::int64_t resident_bytes() {
  std::ifstream statm("/proc/self/statm");
  std::int64_t total = 0, resident = 0;
  statm >> total >> resident;
  return resident * sysconf(_SC_PAGESIZE);
}

}  // namespace fractile::server
