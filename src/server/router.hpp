// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <atomic>
#include <memory>
#include <optional>

#include "server/http_message.hpp"
#include "server/loaded_snapshot.hpp"
#include "server/metrics.hpp"
#include "server/run_queue.hpp"
#include "server/runs.hpp"

namespace fractile::server {

/// What the server answers, free of sockets. Thread-safe.
class Router {
 public:
  explicit Router(const ServerOptions& options);

  /// From the head alone: an error where the request cannot be served (unknown path, wrong method or token,
  /// wrong type of body). Nothing: read the body, then answer_now() or submit().
  std::optional<Answer> refuse(const Request& request) const;
  bool is_run(const Request& request) const noexcept { return request.path == "/run" || request.path == "/suite"; }
  /// Everything but runs.
  Answer answer_now(const Request& request) const;
  /// A run; `done` gets its answer on another thread. SERVER_BUSY at once where the queue is full.
  RunQueue::Ticket submit(Request request, const RunQueue::Key& body_hash, RunQueue::Done done);
  /// Headers that every answer to this request carries (cross-origin ones).
  void add_cors(const Request& request, Answer& answer) const;

  SnapshotHolder& snapshots() noexcept { return snapshots_; }
  Metrics& metrics() noexcept { return metrics_; }
  void set_draining() noexcept { is_draining_ = true; }

 private:
  Answer health() const;
  Answer stats() const;
  std::shared_ptr<const Answer> compute(Request& request, const Interrupt& interrupt);

  const ServerOptions& options_;
  Metrics metrics_;
  SnapshotHolder snapshots_;
  Runs runs_;
  std::string openapi_;
  std::atomic<bool> is_draining_{false};
  RunQueue queue_;  // last: its threads use the others
};

}  // namespace fractile::server
