// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "server/run_queue.hpp"

#include <malloc.h>

#include <utility>

namespace fractile::server {

RunQueue::RunQueue(int workers, int max_queue, double timeout_s, Metrics& metrics)
    : max_queue_(static_cast<std::size_t>(max_queue)), timeout_(timeout_s), metrics_(metrics) {
  for (int i = 0; i < workers; ++i) threads_.emplace_back([this] { work(); });
}

RunQueue::~RunQueue() {
  {
    const std::lock_guard lock(mutex_);
    is_closing_ = true;
  }
  changed_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void RunQueue::Ticket::give_up() const {
  if (job) --job->wanted;
}

RunQueue::Ticket RunQueue::submit(const Key& key, Work work, Done done) {
  const std::lock_guard lock(mutex_);
  const auto same = in_flight_.find(key);
  // A job without waiters is about to end, so a new request does not join it.
  if (same != in_flight_.end() && same->second->wanted > 0) {
    ++same->second->wanted;
    same->second->waiters.push_back(std::move(done));
    ++metrics_.shared;
    return {same->second};
  }
  if (queue_.size() >= max_queue_) return {};
  const auto job = std::make_shared<Job>();
  job->key = key;
  job->work = std::move(work);
  job->waiters.push_back(std::move(done));
  job->wanted = 1;
  job->deadline = std::chrono::steady_clock::now() + std::chrono::duration_cast<std::chrono::steady_clock::duration>(timeout_);
  in_flight_[key] = job;
  queue_.push_back(job);
  metrics_.waiting = static_cast<std::int64_t>(queue_.size());
  changed_.notify_one();
  return {job};
}

void RunQueue::work() {
  for (;;) {
    std::shared_ptr<Job> job;
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [this] { return is_closing_ || !queue_.empty(); });
      if (queue_.empty()) return;
      job = std::move(queue_.front());
      queue_.pop_front();
      metrics_.waiting = static_cast<std::int64_t>(queue_.size());
    }
    ++metrics_.running;
    const auto answer = job->work([&job] { return job->wanted <= 0 || std::chrono::steady_clock::now() > job->deadline; });
    --metrics_.running;
    finish(job, answer);
  }
}

/// Lets the allocator release the memory of past requests to the system, twice per second or less.
void RunQueue::trim_memory() {
  const auto now = std::chrono::steady_clock::now();
  {
    const std::lock_guard lock(mutex_);
    if (now - last_trim_ < std::chrono::milliseconds(500)) return;
    last_trim_ = now;
  }
  malloc_trim(0);
}

void RunQueue::finish(const std::shared_ptr<Job>& job, const std::shared_ptr<const Answer>& answer) {
  std::vector<Done> waiters;
  {
    const std::lock_guard lock(mutex_);
    // After all waiters abandoned a job, a new job may have taken its key.
    const auto found = in_flight_.find(job->key);
    if (found != in_flight_.end() && found->second == job) in_flight_.erase(found);
    waiters.swap(job->waiters);
  }
  job->work = nullptr;  // releases the request's memory before its answer is sent
  for (const Done& done : waiters) done(answer);
  trim_memory();
}

}  // namespace fractile::server
