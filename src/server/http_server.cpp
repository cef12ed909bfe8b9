// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
//
// The server as a process: the listening socket, signals, reloads and the end. One unity build compiles the files that include
// Boost, so that the compiler reads it once.
#include <fmt/format.h>

#include <csignal>
#include <thread>

#include "server/http_session.hpp"
#include "server/log.hpp"
#include "server/server.hpp"

namespace fractile::server {
namespace {

using std::chrono::seconds;

constexpr seconds kKeepTime{2};  // for unused memory of bodies
constexpr std::size_t kKeptMemory = std::size_t{512} << 20;
constexpr std::int64_t kMaxConnections = 1024;
constexpr int kNetworkThreads = 2;

/// The listening socket. It accepts connections until stop().
class Listener {
 public:
  Listener(net::io_context& context, const ServerOptions& options, OpenSessions& sessions)
      : context_(context), acceptor_(context), pause_(context), sessions_(sessions) {
    try {
      const tcp::endpoint endpoint(net::ip::make_address(options.host == "localhost" ? "127.0.0.1" : options.host),
                                   static_cast<unsigned short>(options.port));
      acceptor_.open(endpoint.protocol());
      acceptor_.set_option(net::socket_base::reuse_address(true));
      acceptor_.bind(endpoint);
      acceptor_.listen(net::socket_base::max_listen_connections);
    } catch (const boost::system::system_error& error) {
      throw Error(ErrorCode::CANNOT_LISTEN,
                  fmt::format("expected to listen on {}:{}, found: {}. Choose another --port or --host, or stop "
                              "what listens there.",
                              options.host, options.port, error.code().message()));
    }
  }
  int port() const { return acceptor_.local_endpoint().port(); }

  void accept() {
    acceptor_.async_accept(net::make_strand(context_), [this](beast::error_code error, Stream::socket_type socket) {
      if (error == net::error::operation_aborted || !acceptor_.is_open()) return;
      if (error) {
        // For example, the process has no file descriptors left; other connections will close soon.
        pause_.expires_after(std::chrono::milliseconds(50));
        return pause_.async_wait([this](beast::error_code stopped) {
          if (!stopped) accept();
        });
      }
      if (sessions_.router().metrics().connections < kMaxConnections) {
        beast::error_code ignored;
        socket.set_option(tcp::no_delay(true), ignored);
        socket.non_blocking(true, ignored);
        serve_connection(std::move(socket), sessions_);
      }
      accept();
    });
  }
  void stop() {
    beast::error_code ignored;
    acceptor_.close(ignored);
    pause_.cancel();
  }

 private:
  net::io_context& context_;
  tcp::acceptor acceptor_;
  net::steady_timer pause_;
  OpenSessions& sessions_;
};

/// Startup, reload and shutdown of the server. SIGHUP reloads; SIGTERM and SIGINT shut down.
class Lifecycle {
 public:
  Lifecycle(net::io_context& context, Listener& listener, OpenSessions& sessions)
      : listener_(listener),
        sessions_(sessions),
        strand_(net::make_strand(context)),
        signals_(strand_, SIGTERM, SIGINT, SIGHUP),
        poll_(strand_),
        tidy_(strand_) {}
  ~Lifecycle() {
    if (loader_.joinable()) loader_.join();
  }
  Lifecycle(const Lifecycle&) = delete;
  Lifecycle& operator=(const Lifecycle&) = delete;

  void start() {
    wait_for_signal();
    tidy();
    load("snapshot loaded");
  }
  /// The error of the first load; null if it succeeded.
  std::exception_ptr failure() const { return failure_; }

 private:
  void wait_for_signal() {
    signals_.async_wait([this](beast::error_code error, int signal) {
      if (error) return;
      if (signal == SIGHUP) {
        load("snapshot reloaded");
        return wait_for_signal();
      }
      log_event("info", "stopping");
      stop();
    });
  }

  /// Regularly releases memory that no body has used for a while.
  void tidy() {
    tidy_.expires_after(kKeepTime);
    tidy_.async_wait([this](beast::error_code error) {
      if (error || is_stopping_) return;
      ByteBuffer::release_idle();
      tidy();
    });
  }

  /// Loads on a separate thread, so that the server still answers. A request during a load starts one more load after it,
  /// because its snapshot may have appeared too late for the first.
  void load(const char* event) {
    if (loads_asked_.fetch_add(1) > 0) return;
    if (loader_.joinable()) loader_.join();
    loader_ = std::thread([this, event] {
      int n_served = 0;
      do {
        n_served = loads_asked_;
        load_now(event);
      } while (loads_asked_.fetch_sub(n_served) > n_served);
    });
  }

  void load_now(const char* event) {
    SnapshotHolder& snapshots = sessions_.router().snapshots();
    try {
      snapshots.load();
      const auto loaded = snapshots.get();
      log_event("info", event, {{"snapshot", loaded->id}, {"seconds", loaded->load_seconds}});
    } catch (const std::exception& error) {
      log_event("error", "snapshot not loaded", {{"message", error.what()}});
      if (!snapshots.get()) {
        failure_ = std::current_exception();
        net::post(signals_.get_executor(), [this] { stop(); });
      }
    }
  }

  void stop() {
    is_stopping_ = true;
    listener_.stop();
    sessions_.drain();
    signals_.cancel();
    tidy_.cancel();
    wait_for_sessions();
  }

  void wait_for_sessions() {
    if (sessions_.is_empty()) return;
    poll_.expires_after(std::chrono::milliseconds(5));
    poll_.async_wait([this](beast::error_code error) {
      if (error) return;
      sessions_.drain();
      wait_for_sessions();
    });
  }

  Listener& listener_;
  OpenSessions& sessions_;
  net::strand<net::io_context::executor_type> strand_;  // serialises the handlers of the members below
  net::signal_set signals_;
  net::steady_timer poll_, tidy_;
  std::thread loader_;
  std::atomic<int> loads_asked_{0};  // requested and not done yet
  bool is_stopping_ = false;
  std::exception_ptr failure_;
};

}  // namespace

void serve(const ServerOptions& options, const OnListening& on_listening) {
  std::signal(SIGPIPE, SIG_IGN);
  ByteBuffer::keep_memory(kKeptMemory);
  net::io_context context(kNetworkThreads);
  std::exception_ptr failure;
  {
    Router router(options);
    OpenSessions sessions(options, router);
    Listener listener(context, options, sessions);
    Lifecycle lifecycle(context, listener, sessions);
    // Before the log, so that an address for people is the first line of a terminal. Connections wait in the socket's queue.
    if (on_listening) on_listening(listener.port());
    log_event("info", "listening", {{"host", options.host}, {"port", listener.port()}});
    listener.accept();
    lifecycle.start();
    std::vector<std::thread> threads;
    for (int i = 1; i < kNetworkThreads; ++i) threads.emplace_back([&context] { context.run(); });
    context.run();
    for (std::thread& thread : threads) thread.join();
    failure = lifecycle.failure();
  }
  if (failure) std::rethrow_exception(failure);
  log_event("info", "stopped");
}

}  // namespace fractile::server
