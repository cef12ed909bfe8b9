// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <fmt/format.h>

#include <atomic>
#include <boost/asio.hpp>
#include <boost/beast/core.hpp>
#include <chrono>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "server/router.hpp"

namespace fractile::server {

namespace beast = boost::beast;
namespace net = boost::asio;
using tcp = net::ip::tcp;
/// A stream whose executor type is fixed: a type-erased executor would cost a tenth of the time of a short answer.
using Stream = beast::basic_stream<tcp, net::strand<net::io_context::executor_type>>;

class Session;

/// The state that all connections share.
class OpenSessions {
 public:
  OpenSessions(const ServerOptions& options, Router& router) : options_(options), router_(router) {}
  const ServerOptions& options() const noexcept { return options_; }
  Router& router() noexcept { return router_; }
  void add(const std::shared_ptr<Session>& session);
  void remove(Session* session);
  /// Refuses further requests on all connections, and closes idle ones.
  void drain();
  bool is_draining() const noexcept { return is_draining_; }
  bool is_empty();
  std::string next_id() { return fmt::format("{:08x}-{:06x}", start_, next_id_++ & 0xffffff); }

 private:
  const ServerOptions& options_;
  Router& router_;
  std::mutex mutex_;
  std::map<Session*, std::weak_ptr<Session>> open_;  // guarded by mutex_
  std::atomic<bool> is_draining_{false};
  std::atomic<std::uint32_t> next_id_{0};
  const std::uint32_t start_ = static_cast<std::uint32_t>(std::chrono::system_clock::now().time_since_epoch().count() >> 16);
};

/// Serves the requests of one connection, one after the other, until either side closes it. Its own handlers keep it alive.
void serve_connection(Stream::socket_type socket, OpenSessions& sessions);

}  // namespace fractile::server
