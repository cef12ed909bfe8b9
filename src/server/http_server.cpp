// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
//
// Sockets, deadlines and limits. Only this file includes Boost. It has over 600 lines because a second file with Boost would
// double the time to compile.
#include <fmt/format.h>
#include <sys/socket.h>

#include <boost/asio.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <csignal>
#include <set>
#include <thread>

#include "server/content_decoder.hpp"
#include "server/log.hpp"
#include "server/router.hpp"
#include "server/server.hpp"
#include "types/hash.hpp"

namespace fractile::server {
namespace {

namespace beast = boost::beast;
namespace http = beast::http;
namespace net = boost::asio;
using tcp = net::ip::tcp;
/// A stream whose executor type is fixed: a type-erased executor would cost a tenth of the time of a short answer.
using Stream = beast::basic_stream<tcp, net::strand<net::io_context::executor_type>>;
using std::chrono::seconds;

constexpr seconds kIdleTime{60};    // between requests
constexpr seconds kHeaderTime{10};  // for a whole head
constexpr seconds kBodyTime{10};    // for each kBodyStep of a body
constexpr std::size_t kBodyStep = std::size_t{64} << 10;
constexpr std::size_t kReadStep = std::size_t{1} << 20;  // fits into a cache
constexpr seconds kWriteTime{60};                        // for each kBodyStep of an answer
constexpr seconds kLingerTime{2};
constexpr seconds kKeepTime{2};  // for unused memory of bodies
constexpr std::size_t kKeptMemory = std::size_t{512} << 20;
constexpr std::size_t kLingerBytes = std::size_t{16} << 20;
constexpr std::size_t kMaxBuffer = std::size_t{256} << 10;  // for bytes that are read and not yet parsed
constexpr std::uint32_t kMaxHeader = 16 << 10;
constexpr std::int64_t kMaxConnections = 1024;
constexpr int kNetworkThreads = 2;

class Session;

/// The state that all connections share.
class Hub {
 public:
  Hub(const ServerOptions& options, Router& router) : options_(options), router_(router) {}
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
  std::map<Session*, std::weak_ptr<Session>> sessions_;  // guarded by mutex_
  std::atomic<bool> is_draining_{false};
  std::atomic<std::uint32_t> next_id_{0};
  const std::uint32_t start_ = static_cast<std::uint32_t>(std::chrono::system_clock::now().time_since_epoch().count() >> 16);
};

/// A connection's share of the budget for bodies. The connection releases it when its answer is made.
class BodyShare {
 public:
  explicit BodyShare(Metrics& metrics) : metrics_(metrics) {}
  ~BodyShare() { release(); }
  BodyShare(const BodyShare&) = delete;
  BodyShare& operator=(const BodyShare&) = delete;
  bool take(std::size_t bytes, std::size_t budget) {
    const auto more = static_cast<std::int64_t>(bytes);
    const std::int64_t before = metrics_.body_bytes.fetch_add(more);
    bytes_ += more;
    // A single body always fits, even if it is larger than the budget.
    return before == bytes_ - more || before + more <= static_cast<std::int64_t>(budget);
  }
  void release() {
    metrics_.body_bytes -= bytes_;
    bytes_ = 0;
  }

 private:
  Metrics& metrics_;
  std::int64_t bytes_ = 0;
};

/// One connection. It serves requests one after the other.
class Session : public std::enable_shared_from_this<Session> {
 public:
  Session(Stream::socket_type socket, Hub& hub) : stream_(std::move(socket)), hub_(hub), share_(hub.router().metrics()) {
    ++hub_.router().metrics().connections;
    buffer_.reserve(kBodyStep * 2);
  }
  ~Session() {
    --hub_.router().metrics().connections;
    hub_.remove(this);
  }
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  void start() {
    net::dispatch(stream_.get_executor(), [self = shared_from_this()] { self->wait_for_request(); });
  }
  /// Closes the connection if it is between requests.
  void close_if_idle() {
    net::post(stream_.get_executor(), [self = shared_from_this()] {
      if (self->is_idle_) self->stream_.close();
    });
  }

 private:
  void wait_for_request() {
    request_ = {};
    is_whole_ = false;
    hash_.reset();
    parser_.emplace();
    parser_->header_limit(kMaxHeader);
    parser_->body_limit(boost::none);  // take_body() limits the decoded bytes instead
    decoder_.reset();
    if (hub_.is_draining() && buffer_.size() == 0) return stream_.close();
    // A post() instead of a call: pipelined requests must not grow the stack.
    if (buffer_.size() > 0) return net::post(stream_.get_executor(), [self = shared_from_this()] { self->read_head(); });
    is_idle_ = true;
    stream_.expires_after(kIdleTime);
    stream_.async_read_some(buffer_.prepare(kBodyStep), [self = shared_from_this()](beast::error_code error, std::size_t n) {
      self->is_idle_ = false;
      if (error) return;
      self->buffer_.commit(n);
      self->read_head();
    });
  }

  void read_head() {
    began_ = std::chrono::steady_clock::now();
    // Usually one read brings the whole head.
    beast::error_code broken;
    buffer_.consume(parser_->put(buffer_.data(), broken));
    if (broken != http::error::need_more) return on_head(broken);
    stream_.expires_after(kHeaderTime);
    http::async_read_header(stream_, buffer_, *parser_,
                            [self = shared_from_this()](beast::error_code error, std::size_t) { self->on_head(error); });
  }

  /// Answers bytes that the parser cannot read with an error, if the connection still allows an answer.
  void refuse_unreadable(beast::error_code error) {
    if (error == http::error::end_of_stream || error == net::error::eof || error == net::error::connection_reset) return;
    request_.id = hub_.next_id();
    if (error == beast::error::timeout)
      return send_error(Error(ErrorCode::REQUEST_TIMEOUT, fmt::format("expected a whole request within {} s a step, found less. "
                                                                      "Send it faster.",
                                                                      kHeaderTime.count())));
    if (error == http::error::header_limit)
      return send_error(Error(ErrorCode::HEADER_TOO_LARGE,
                              fmt::format("expected headers of up to {} bytes, found more. Shorten them; long options go into "
                                          "a JSON body.",
                                          kMaxHeader)));
    if (error.category() == make_error_code(http::error::bad_method).category())
      return send_error(
          Error(ErrorCode::BAD_REQUEST, "expected an HTTP/1.1 request, found " + error.message() + ". Correct it."));
  }

  void on_head(beast::error_code error) {
    keep_alive_ = false;
    if (error) return refuse_unreadable(error);
    const auto& head = parser_->get();
    keep_alive_ = head.keep_alive();
    request_.method = std::string(head.method_string());
    const auto text = [&](http::field name) { return std::string(head[name]); };
    // The id goes into headers and the log, so other characters are refused: they could forge a line.
    request_.id = std::string(head["X-Request-Id"]).substr(0, 64);
    if (request_.id.empty() || !std::all_of(request_.id.begin(), request_.id.end(), [](char c) { return c > ' ' && c < '\x7f'; }))
      request_.id = hub_.next_id();
    request_.accept = text(http::field::accept);
    request_.accept_encoding = text(http::field::accept_encoding);
    request_.if_none_match = text(http::field::if_none_match);
    request_.authorization = text(http::field::authorization);
    request_.origin = text(http::field::origin);
    std::string type = text(http::field::content_type);
    type = type.substr(0, type.find(';'));
    while (!type.empty() && type.back() == ' ') type.pop_back();
    std::transform(type.begin(), type.end(), type.begin(),
                   [](char c) { return static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c); });
    request_.content_type = type;
    const std::size_t limit = hub_.options().max_body_bytes;
    const auto length = parser_->content_length();
    try {
      // With two Host headers, or none, the target of the request is ambiguous.
      if (head.version() >= 11 && head.count(http::field::host) != 1)
        throw Error(ErrorCode::BAD_REQUEST,
                    fmt::format("expected one Host header, found {}. Send one.", head.count(http::field::host)));
      parse_target(std::string_view(head.target()), request_);
      if (auto refused = hub_.router().refuse(request_)) return send_refusal(std::move(*refused));
      decoder_ = make_decoder(text(http::field::content_encoding));
      if (length && *length > limit)
        throw Error(ErrorCode::BODY_TOO_LARGE,
                    fmt::format("expected a body of up to {} bytes, found {}. Send fewer rows, or raise "
                                "server.max_body_mb.",
                                limit, *length));
      if (request_.method != "POST" && (length.value_or(0) > 0 || parser_->chunked()))
        throw Error(ErrorCode::BODY_TOO_LARGE, "expected no body here, found one. Leave it out.");
      if (!share_.take(static_cast<std::size_t>(length.value_or(0)), 2 * limit))
        throw make_busy("bodies in flight fill the memory for bodies");
      if (length && !decoder_) request_.body.prepare(static_cast<std::size_t>(*length));
    } catch (const Error& bad) {
      return send_error(bad);
    } catch (const std::bad_alloc&) {
      return send_error(make_busy("no memory is left"));
    }
    if (parser_->is_done()) return dispatch();
    if (text(http::field::expect) == "100-continue") return send_continue();
    begin_body();
  }

  static Error make_busy(const char* why) {
    return {ErrorCode::SERVER_BUSY,
            std::string("the server cannot take the request now: ") + why + ". Try again after the seconds of Retry-After."};
  }

  void send_continue() {
    static constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
    stream_.expires_after(kBodyTime);
    net::async_write(stream_, net::buffer(kContinue), [self = shared_from_this()](beast::error_code error, std::size_t) {
      if (!error) self->begin_body();
    });
  }

  /// Reads from the socket straight into the body if its length is known and it is not encoded.
  void read_straight() {
    if (missing_ == 0) return dispatch();
    stream_.async_read_some(net::buffer(request_.body.prepare(missing_), std::min(missing_, kReadStep)),
                            [self = shared_from_this()](beast::error_code error, std::size_t n) {
                              if (error) return self->on_broken_body(error);
                              self->hash_.update(self->request_.body.data() + self->request_.body.size(), n);
                              self->request_.body.commit(n);
                              self->missing_ -= n;
                              self->count_received(n);
                              self->read_straight();
                            });
  }

  void begin_body() {
    stream_.expires_after(kBodyTime);
    if (decoder_ || !parser_->content_length()) return read_body();
    // Bytes that came with the head begin the body; bytes behind the body belong to the next request.
    missing_ = static_cast<std::size_t>(*parser_->content_length());
    const std::size_t here = std::min(missing_, buffer_.size());
    request_.body.append(buffer_.data().data(), here);
    hash_.update(request_.body.data(), here);
    buffer_.consume(here);
    missing_ -= here;
    read_straight();
  }

  /// Reads a chunked or encoded body through a buffer of one step.
  void read_body() {
    step_.resize(kBodyStep);
    auto& target = parser_->get().body();
    target.data = step_.data();
    target.size = step_.size();
    http::async_read_some(stream_, buffer_, *parser_,
                          [self = shared_from_this()](beast::error_code error, std::size_t) { self->on_body(error); });
  }

  void on_broken_body(beast::error_code error) {
    keep_alive_ = false;
    share_.release();
    refuse_unreadable(error);
  }

  /// Extends the deadline after each step of a body.
  void count_received(std::size_t n) {
    received_ += n;
    if (received_ < kBodyStep) return;
    received_ = 0;
    stream_.expires_after(kBodyTime);
  }

  void on_body(beast::error_code error) {
    if (error == http::error::need_buffer) error = {};
    if (error) return on_broken_body(error);
    const std::size_t n = kBodyStep - parser_->get().body().size;
    try {
      take_body(n);
    } catch (const Error& bad) {
      keep_alive_ = false;
      return send_error(bad);
    } catch (const std::bad_alloc&) {
      keep_alive_ = false;
      return send_error(make_busy("no memory is left"));
    }
    count_received(n);
    if (parser_->is_done()) return dispatch();
    read_body();
  }

  void take_body(std::size_t n) {
    const std::size_t limit = hub_.options().max_body_bytes;
    const std::size_t before = request_.body.size();
    if (decoder_) {
      decoder_->decode(step_.data(), n, limit, request_.body);
      if (parser_->is_done()) decoder_->finish();
    } else {
      request_.body.append(step_.data(), n);
    }
    hash_.update(request_.body.data() + before, request_.body.size() - before);
    if (request_.body.size() > limit)
      throw Error(
          ErrorCode::BODY_TOO_LARGE,
          fmt::format("expected a body of up to {} bytes, found more. Send fewer rows, or raise server.max_body_mb.", limit));
    if (!share_.take(request_.body.size() - before, 2 * limit)) throw make_busy("bodies in flight fill the memory for bodies");
  }

  void dispatch() {
    is_whole_ = true;
    received_ = 0;
    stream_.expires_never();  // the queue has a deadline for the run
    Router& router = hub_.router();
    if (!router.is_computed(request_)) return send(std::make_shared<const Answer>(router.answer_now(request_)));
    // The run gets the request; this object retains the parts that the answer and the log need.
    Request run = std::move(request_);
    request_ = {};
    request_.id = run.id;
    request_.method = run.method;
    request_.path = run.path;
    request_.origin = run.origin;
    bytes_in_ = run.body.size();
    is_running_ = true;
    const RunQueue::Ticket ticket =
        router.submit(std::move(run), hash_.digest(), [self = shared_from_this()](const std::shared_ptr<const Answer>& answer) {
          net::post(self->stream_.get_executor(), [self, answer] {
            self->is_running_ = false;
            beast::error_code ignored;
            self->stream_.socket().cancel(ignored);  // ends the watch for a disconnected client
            self->share_.release();
            if (self->is_gone_) return self->leave_unanswered();
            self->hub_.router().metrics().count_latency(self->seconds_since_start());
            self->send(answer);
          });
        });
    if (!ticket.job) {
      is_running_ = false;
      share_.release();
      return send_error(make_busy("the queue is full"));
    }
    watch(ticket);
  }

  /// Abandons the run if the client closes the connection meanwhile.
  void watch(const RunQueue::Ticket& ticket) {
    stream_.socket().async_wait(tcp::socket::wait_read, [self = shared_from_this(), ticket](beast::error_code error) {
      if (error || !self->is_running_) return;
      char byte = 0;
      const ssize_t n = ::recv(self->stream_.socket().native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
      if (n > 0) return;
      // The wait may also end because of bytes that were read since.
      if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return self->watch(ticket);
      self->is_gone_ = true;
      ticket.give_up();
    });
  }

  /// Ends a request whose client has disconnected: it gets no answer, and counts as 499, not as an error of the server.
  void leave_unanswered() {
    Answer answer;
    answer.status = error_info(ErrorCode::CANCELLED).http_status;
    log(answer);
    stream_.close();
  }

  void send_error(const Error& error) { send_refusal(make_error(error, request_.id)); }

  /// Answers before the request was read. The rest of the request cannot be distinguished from the next one, so the
  /// connection ends.
  void send_refusal(Answer answer) {
    if (!is_whole_ && !parser_->is_done()) keep_alive_ = false;
    share_.release();
    send(std::make_shared<const Answer>(std::move(answer)));
  }

  void send(const std::shared_ptr<const Answer>& answer) {
    if (hub_.is_draining()) keep_alive_ = false;
    answer_ = answer;
    Answer cors;
    hub_.router().add_cors(request_, cors);
    head_ = fmt::format("HTTP/1.1 {} {}\r\nContent-Type: {}\r\nContent-Length: {}\r\nX-Request-Id: {}\r\nConnection: {}\r\n",
                        answer->status, std::string_view(http::obsolete_reason(static_cast<http::status>(answer->status))),
                        answer->content_type, answer->body.size(), request_.id, keep_alive_ ? "keep-alive" : "close");
    for (const Answer* one : {answer.get(), static_cast<const Answer*>(&cors)})
      for (const auto& [name, value] : one->headers) head_ += fmt::format("{}: {}\r\n", name, value);
    head_ += "X-Content-Type-Options: nosniff\r\n\r\n";
    const bool has_body = request_.method != "HEAD" && answer->status != 204;
    unsent_ = {net::buffer(head_), has_body ? net::buffer(answer->body) : net::const_buffer()};
    log(*answer);
    stream_.expires_after(kWriteTime);
    write_first();
  }

  /// Sends a short answer in one write, without a round through the event loop.
  void write_first() {
    beast::error_code error;
    const std::size_t n = stream_.socket().write_some(unsent_, error);
    if (error && error != net::error::would_block) return answer_.reset();
    if (count_sent(n)) return on_sent();
    write();
  }

  /// Sends a long answer in steps. A slow client is allowed while it reads one step per kWriteTime.
  void write() {
    stream_.async_write_some(unsent_, [self = shared_from_this()](beast::error_code error, std::size_t n) {
      if (error) return self->answer_.reset();
      if (self->count_sent(n)) return self->on_sent();
      if (self->sent_ >= kBodyStep) {
        self->sent_ = 0;
        self->stream_.expires_after(kWriteTime);
      }
      self->write();
    });
  }

  /// Counts sent bytes; returns true if the answer is complete.
  bool count_sent(std::size_t n) {
    sent_ += n;
    for (net::const_buffer& buffer : unsent_) {
      const std::size_t taken = std::min(n, buffer.size());
      buffer += taken;
      n -= taken;
    }
    return unsent_[0].size() + unsent_[1].size() == 0;
  }

  void on_sent() {
    answer_.reset();
    sent_ = 0;
    if (keep_alive_) return wait_for_request();
    beast::error_code ignored;
    stream_.socket().shutdown(tcp::socket::shutdown_send, ignored);
    stream_.expires_after(kLingerTime);
    linger();
  }

  /// Reads what the client still sends, for a while. Closing at once could destroy the answer before the client reads it.
  void linger() {
    step_.resize(kBodyStep);
    stream_.async_read_some(net::buffer(step_), [self = shared_from_this()](beast::error_code error, std::size_t n) {
      self->lingered_ += n;
      if (!error && self->lingered_ < kLingerBytes) self->linger();
    });
  }

  double seconds_since_start() const { return std::chrono::duration<double>(std::chrono::steady_clock::now() - began_).count(); }

  void log(const Answer& answer) {
    hub_.router().metrics().count_request(answer.status);
    // Health checks come every few seconds and would fill the log.
    if (request_.path == "/health") return;
    log_event(answer.status >= 500 ? "warning" : "info", "request",
              {{"request_id", request_.id},
               {"method", request_.method.substr(0, 20)},
               {"path", request_.path.substr(0, 200)},
               {"status", answer.status},
               {"body_bytes", bytes_in_},
               {"answer_bytes", answer.body.size()},
               {"seconds", seconds_since_start()},
               {"run_id", answer.run_id}});
    bytes_in_ = 0;
  }

  Stream stream_;
  Hub& hub_;
  BodyShare share_;
  beast::flat_buffer buffer_{kMaxBuffer};
  std::optional<http::request_parser<http::buffer_body>> parser_;
  std::unique_ptr<ContentDecoder> decoder_;
  Request request_;
  StreamHash hash_;
  std::vector<char> step_;
  std::size_t missing_ = 0, received_ = 0, sent_ = 0, bytes_in_ = 0, lingered_ = 0;
  bool is_whole_ = false, keep_alive_ = false, is_idle_ = false, is_running_ = false, is_gone_ = false;
  std::shared_ptr<const Answer> answer_;
  std::string head_;
  std::array<net::const_buffer, 2> unsent_;
  std::chrono::steady_clock::time_point began_ = std::chrono::steady_clock::now();
};

void Hub::add(const std::shared_ptr<Session>& session) {
  const std::lock_guard lock(mutex_);
  sessions_[session.get()] = session;
}

void Hub::remove(Session* session) {
  const std::lock_guard lock(mutex_);
  sessions_.erase(session);
}

bool Hub::is_empty() {
  const std::lock_guard lock(mutex_);
  return sessions_.empty();
}

void Hub::drain() {
  is_draining_ = true;
  router_.set_draining();
  std::vector<std::shared_ptr<Session>> open;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [unused, session] : sessions_)
      if (auto one = session.lock()) open.push_back(std::move(one));
  }
  for (const auto& session : open) session->close_if_idle();
}

/// The listening socket. It accepts connections until stop().
class Listener {
 public:
  Listener(net::io_context& context, const ServerOptions& options, Hub& hub)
      : context_(context), acceptor_(context), pause_(context), hub_(hub) {
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
      if (hub_.router().metrics().connections < kMaxConnections) {
        beast::error_code ignored;
        socket.set_option(tcp::no_delay(true), ignored);
        socket.non_blocking(true, ignored);
        const auto session = std::make_shared<Session>(std::move(socket), hub_);
        hub_.add(session);
        session->start();
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
  Hub& hub_;
};

/// Startup, reload and shutdown of the server. SIGHUP reloads; SIGTERM and SIGINT shut down.
class Life {
 public:
  Life(net::io_context& context, Listener& listener, Hub& hub)
      : listener_(listener),
        hub_(hub),
        strand_(net::make_strand(context)),
        signals_(strand_, SIGTERM, SIGINT, SIGHUP),
        poll_(strand_),
        tidy_(strand_) {}
  ~Life() {
    if (loader_.joinable()) loader_.join();
  }
  Life(const Life&) = delete;
  Life& operator=(const Life&) = delete;

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
    SnapshotHolder& snapshots = hub_.router().snapshots();
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
    hub_.drain();
    signals_.cancel();
    tidy_.cancel();
    wait_for_sessions();
  }

  void wait_for_sessions() {
    if (hub_.is_empty()) return;
    poll_.expires_after(std::chrono::milliseconds(5));
    poll_.async_wait([this](beast::error_code error) {
      if (error) return;
      hub_.drain();
      wait_for_sessions();
    });
  }

  Listener& listener_;
  Hub& hub_;
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
    Hub hub(options, router);
    Listener listener(context, options, hub);
    Life life(context, listener, hub);
    log_event("info", "listening", {{"host", options.host}, {"port", listener.port()}});
    listener.accept();
    life.start();
    if (on_listening) on_listening(listener.port());
    std::vector<std::thread> threads;
    for (int i = 1; i < kNetworkThreads; ++i) threads.emplace_back([&context] { context.run(); });
    context.run();
    for (std::thread& thread : threads) thread.join();
    failure = life.failure();
  }
  if (failure) std::rethrow_exception(failure);
  log_event("info", "stopped");
}

}  // namespace fractile::server
