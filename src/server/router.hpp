// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>

#include "server/endpoint.hpp"
#include "server/http_message.hpp"
#include "server/loaded_snapshot.hpp"
#include "server/metrics.hpp"
#include "server/result_store.hpp"
#include "server/run_queue.hpp"

namespace fractile::server {

/// The router: requests to answers, without sockets. Thread-safe.
class Router {
 public:
  explicit Router(const ServerOptions& options);

  /// Returns an error if the head shows that the request cannot be served: unknown path, wrong method or token, wrong
  /// type of body. If it returns none, read the body, then call answer_now() or submit().
  std::optional<Answer> refuse(const Request& request) const;
  /// True if workers of the queue compute the answer: call submit(), else answer_now().
  bool is_computed(const Request& request) const noexcept;
  Answer answer_now(Request& request) const;
  /// Queues a computed request; `done` gets its answer on another thread. If the queue is full, the ticket is null.
  RunQueue::Ticket submit(Request request, const RunQueue::Key& body_hash, RunQueue::Done done);
  /// Adds the cross-origin headers that every answer to this request has.
  void add_cors(const Request& request, Answer& answer) const;

  SnapshotHolder& snapshots() noexcept { return snapshots_; }
  Metrics& metrics() noexcept { return metrics_; }
  void set_draining() noexcept { is_draining_ = true; }

 private:
  Answer answer(Request& request, const Interrupt& interrupt) const;
  std::shared_ptr<const Answer> compute(Request& request, const Interrupt& interrupt) const;

  const ServerOptions& options_;
  mutable Metrics metrics_;
  SnapshotHolder snapshots_;
  std::atomic<bool> is_draining_{false};
  std::atomic<std::uint64_t> n_fresh_{0};  ///< requests that share no computation
  mutable ResultStore results_;
  ServerState state_;
  RunQueue queue_;  // last: its threads use the others
};

}  // namespace fractile::server
