// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "fractile/backtest.hpp"
#include "server/http_message.hpp"
#include "server/metrics.hpp"
#include "types/hash.hpp"

namespace fractile::server {

/// A bounded queue of requests and the worker threads that compute their answers. Equal requests in flight
/// share one computation. Thread-safe.
class RunQueue {
 public:
  using Key = Hash128;
  /// Computes an answer; polls `interrupt`. Must not throw.
  using Work = std::function<std::shared_ptr<const Answer>(const Interrupt& interrupt)>;
  /// Called once with the answer, on a worker's thread.
  using Done = std::function<void(const std::shared_ptr<const Answer>&)>;

  RunQueue(int workers, int max_queue, double timeout_s, Metrics& metrics);
  ~RunQueue();  ///< finishes the queued jobs

  /// One computation, with its waiters. It ends early once all waiters have abandoned it.
  struct Job;
  struct Ticket {
    std::shared_ptr<Job> job;
    void give_up() const;
  };
  /// Returns a null ticket if the queue is full.
  Ticket submit(const Key& key, Work work, Done done);

 private:
  void work();
  void trim_memory();
  void finish(const std::shared_ptr<Job>& job, const std::shared_ptr<const Answer>& answer);

  const std::size_t max_queue_;
  const std::chrono::duration<double> timeout_;
  Metrics& metrics_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::shared_ptr<Job>> queue_;
  std::map<Key, std::shared_ptr<Job>> in_flight_;
  bool is_closing_ = false;
  std::chrono::steady_clock::time_point last_trim_{};
  std::vector<std::thread> threads_;
};

struct RunQueue::Job {
  Key key{};
  Work work;
  std::vector<Done> waiters;  ///< guarded by the queue's mutex
  std::atomic<int> wanted{0};
  std::chrono::steady_clock::time_point deadline;
};

}  // namespace fractile::server
