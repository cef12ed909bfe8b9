// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "parallel/workers.hpp"

#include <pthread.h>

#include <sched.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <exception>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

namespace fractile {
namespace {

struct Job {
  const TaskBody* body = nullptr;
  int n_tasks = 0;
  std::atomic<int> next{0};
  std::atomic<bool> stop{false};
  std::mutex mutex;
  std::condition_variable idle;
  int slots_taken = 0;  // guarded by mutex, as are those below
  int active = 0;
  bool closed = false;
  std::exception_ptr failure;

  void fail(std::exception_ptr error) {
    stop = true;
    const std::lock_guard lock(mutex);
    if (!failure) failure = std::move(error);
  }

  void run_tasks(int slot, const std::function<void()>* poll) {
    try {
      while (!stop) {
        const int task = next.fetch_add(1, std::memory_order_relaxed);
        if (task >= n_tasks) return;
        (*body)(task, slot);
        if (poll) (*poll)();
      }
    } catch (...) {
      fail(std::current_exception());
    }
  }
};

/// Threads that wait for jobs. Grows to what was asked for; ends with the process.
class Pool {
 public:
  static Pool& instance() {
    static Pool pool;
    return pool;
  }

  void offer(const std::shared_ptr<Job>& job, int helpers) {
    {
      const std::lock_guard lock(mutex_);
      while (static_cast<int>(threads_.size()) < std::min(helpers, kMaxThreads))
        threads_.emplace_back([this](const std::stop_token& stop) { serve(stop); });
      for (int i = 0; i < helpers; ++i) jobs_.push_back(job);
    }
    if (helpers == 1)
      wake_.notify_one();
    else
      wake_.notify_all();
  }

  ~Pool() {
    for (auto& thread : threads_) thread.request_stop();
    wake_.notify_all();
  }

 private:
  void serve(const std::stop_token& stop) {
    pthread_setname_np(pthread_self(), kEngineThreadName);
    while (true) {
      std::shared_ptr<Job> job;
      {
        std::unique_lock lock(mutex_);
        wake_.wait(lock, stop, [this] { return !jobs_.empty(); });
        if (stop.stop_requested()) return;
        job = std::move(jobs_.front());
        jobs_.pop_front();
      }
      int slot = 0;
      {
        const std::lock_guard lock(job->mutex);
        if (job->closed) continue;
        slot = ++job->slots_taken;
        ++job->active;
      }
      job->run_tasks(slot, nullptr);
      {
        const std::lock_guard lock(job->mutex);
        --job->active;
      }
      job->idle.notify_all();
    }
  }

  std::mutex mutex_;
  std::condition_variable_any wake_;
  std::deque<std::shared_ptr<Job>> jobs_;
  std::vector<std::jthread> threads_;
};

}  // namespace

int default_threads() noexcept {
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) == 0) return std::clamp(CPU_COUNT(&set), 1, kMaxThreads);
  return std::clamp(static_cast<int>(std::thread::hardware_concurrency()), 1, kMaxThreads);
}

void parallel_for(int threads, int n_tasks, const TaskBody& body, const std::function<void()>& poll) {
  const int helpers = std::min({threads, n_tasks, kMaxThreads}) - 1;
  auto job = std::make_shared<Job>();
  job->body = &body;
  job->n_tasks = n_tasks;
  if (helpers > 0) Pool::instance().offer(job, helpers);
  job->run_tasks(0, poll ? &poll : nullptr);
  std::unique_lock lock(job->mutex);
  job->closed = true;
  while (job->active > 0) {
    job->idle.wait_for(lock, std::chrono::milliseconds(20));
    if (poll && job->active > 0 && !job->stop) {
      lock.unlock();
      try {
        poll();
      } catch (...) {
        job->fail(std::current_exception());
      }
      lock.lock();
    }
  }
  if (job->failure) std::rethrow_exception(job->failure);
}

}  // namespace fractile
