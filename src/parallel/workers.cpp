// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "parallel/workers.hpp"
#include "types/ieee_arithmetic.hpp"

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

namespace fractile {
namespace {

struct Job {
  const TaskBody* body = nullptr;
  int n_tasks = 0;
  std::atomic<int> next{0};
  std::atomic<bool> stop{false};
  std::mutex mutex;
  std::condition_variable idle;
  int slots_taken = 0;  // guarded by mutex, as are the members below
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

/// The thread pool. It grows to the requested number of threads, and ends with the process.
///
/// A pool is never destroyed: a destructor would wait for threads, but a forked child lacks those of its parent.
class Pool {
 public:
  /// The pool of this process.
  static Pool& instance() {
    Pool* pool = current_.load(std::memory_order_acquire);
    if (pool) return *pool;
    static const int is_watched = pthread_atfork(nullptr, nullptr, &abandon);
    static_cast<void>(is_watched);
    // Another thread may have made the pool meanwhile; then its pool is the one, and this object is deleted.
    auto made = std::make_unique<Pool>();
    if (current_.compare_exchange_strong(pool, made.get(), std::memory_order_acq_rel)) return *made.release();
    return *pool;
  }

  void offer(const std::shared_ptr<Job>& job, int helpers) {
    {
      const std::lock_guard lock(mutex_);
      for (; n_threads_ < std::min(helpers, kMaxThreads); ++n_threads_) std::thread([this] { serve(); }).detach();
      for (int i = 0; i < helpers; ++i) jobs_.push_back(job);
    }
    if (helpers == 1)
      wake_.notify_one();
    else
      wake_.notify_all();
  }

 private:
  /// Runs in a forked child, which lacks the parent's threads; those may have held locks at the fork. The child makes a new pool.
  static void abandon() { abandoned_ = current_.exchange(nullptr); }

  [[noreturn]] void serve() {
    pthread_setname_np(pthread_self(), kEngineThreadName);
    const IeeeArithmetic arithmetic;  // the thread that created this one may have another arithmetic
    while (true) {
      std::shared_ptr<Job> job;
      {
        std::unique_lock lock(mutex_);
        wake_.wait(lock, [this] { return !jobs_.empty(); });
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

  static std::atomic<Pool*> current_;
  static std::atomic<Pool*> abandoned_;  // leak checkers report no memory that is still reachable
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::shared_ptr<Job>> jobs_;
  int n_threads_ = 0;
};

constinit std::atomic<Pool*> Pool::current_{nullptr};
constinit std::atomic<Pool*> Pool::abandoned_{nullptr};

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
  // A helper that takes the job from the queue later must not use `body`, which ends with this call.
  job->closed = true;
  while (job->active > 0) {
    // A timed wait, so that the caller polls while helpers still work.
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
