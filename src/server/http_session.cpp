// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
//
// One connection: deadlines, limits, the reading of requests and the sending of answers.
#include "server/http_session.hpp"

#include <sys/socket.h>

#include <boost/beast/http.hpp>

#include "server/content_decoder.hpp"
#include "server/log.hpp"
#include "types/hash.hpp"

namespace fractile::server {
namespace {

namespace http = beast::http;
using std::chrono::seconds;

constexpr seconds kIdleTime{60};    // between requests
constexpr seconds kHeaderTime{10};  // for a whole head
constexpr seconds kBodyTime{10};    // for each kBodyStep of a body
constexpr std::size_t kBodyStep = std::size_t{64} << 10;
constexpr std::size_t kReadStep = std::size_t{1} << 20;  // fits into a cache
constexpr seconds kWriteTime{60};                        // for each kBodyStep of an answer
constexpr seconds kLingerTime{2};
constexpr std::size_t kLingerBytes = std::size_t{16} << 20;
constexpr std::size_t kMaxBuffer = std::size_t{256} << 10;  // for bytes that are read and not yet parsed
constexpr std::uint32_t kMaxHeader = 16 << 10;

}  // namespace

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
  Session(Stream::socket_type socket, OpenSessions& sessions)
      : stream_(std::move(socket)), sessions_(sessions), share_(sessions.router().metrics()) {
    ++sessions_.router().metrics().connections;
    buffer_.reserve(kBodyStep * 2);
  }
  ~Session() {
    --sessions_.router().metrics().connections;
    sessions_.remove(this);
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
    if (sessions_.is_draining() && buffer_.size() == 0) return stream_.close();
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
    request_.id = sessions_.next_id();
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
      request_.id = sessions_.next_id();
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
    const std::size_t limit = sessions_.options().max_body_bytes;
    const auto length = parser_->content_length();
    try {
      // With two Host headers, or none, the target of the request is ambiguous.
      if (head.version() >= 11 && head.count(http::field::host) != 1)
        throw Error(ErrorCode::BAD_REQUEST,
                    fmt::format("expected one Host header, found {}. Send one.", head.count(http::field::host)));
      parse_target(std::string_view(head.target()), request_);
      if (auto refused = sessions_.router().refuse(request_)) return send_refusal(std::move(*refused));
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
    const std::size_t limit = sessions_.options().max_body_bytes;
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
    Router& router = sessions_.router();
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
            self->sessions_.router().metrics().count_latency(self->seconds_since_start());
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
    if (sessions_.is_draining()) keep_alive_ = false;
    answer_ = answer;
    Answer cors;
    sessions_.router().add_cors(request_, cors);
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
    sessions_.router().metrics().count_request(answer.status);
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
  OpenSessions& sessions_;
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

void OpenSessions::add(const std::shared_ptr<Session>& session) {
  const std::lock_guard lock(mutex_);
  open_[session.get()] = session;
}

void OpenSessions::remove(Session* session) {
  const std::lock_guard lock(mutex_);
  open_.erase(session);
}

bool OpenSessions::is_empty() {
  const std::lock_guard lock(mutex_);
  return open_.empty();
}

void OpenSessions::drain() {
  is_draining_ = true;
  router_.set_draining();
  std::vector<std::shared_ptr<Session>> open;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [unused, session] : open_)
      if (auto one = session.lock()) open.push_back(std::move(one));
  }
  for (const auto& session : open) session->close_if_idle();
}

void serve_connection(Stream::socket_type socket, OpenSessions& sessions) {
  const auto session = std::make_shared<Session>(std::move(socket), sessions);
  sessions.add(session);
  session->start();
}

}  // namespace fractile::server
