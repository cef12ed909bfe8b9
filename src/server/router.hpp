// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <atomic>
#include <memory>
#include <optional>

#include "server/endpoint.hpp"
#include "server/http_message.hpp"
#include "server/loaded_snapshot.hpp"
#include "server/metrics.hpp"
#include "server/run_queue.hpp"

namespace fractile::server {

/// What the server answers, free of sockets. Thread-safe.
class Router {
 public:
  explicit Router(const ServerOptions& options);

  /// From the head alone: an error where the request cannot be served (unknown path, wrong method or token,
  /// wrong type of body). Nothing: read the body, then answer_now() or submit().
  std::optional<Answer> refuse(const Request& request) const;
  /// True if workers of the queue answer: submit(), else answer_now().
  bool is_computed(const Request& request) const noexcept;
  Answer answer_now(Request& request) const;
  /// A computed request; `done` gets its answer on another thread. SERVER_BUSY at once where the queue is full.
  RunQueue::Ticket submit(Request request, const RunQueue::Key& body_hash, RunQueue::Done done);
  /// Headers that every answer to this request carries (cross-origin ones).
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
  ServerState state_;
  RunQueue queue_;  // last: its threads use the others
};

}  // namespace fractile::server
