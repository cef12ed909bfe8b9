// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>

/// The one table of errors: X(code, number, category, http_status).
///
/// The enum, the Python classes and the HTTP mapping are made from it; a test compares docs/errors.md with it.
/// The category decides the Python class: config -> ConfigError, signal -> SignalError,
/// snapshot -> SnapshotError, server -> ServerError, run, pool and internal -> FractileError.
/// HTTP status 0: the server never answers with this code; a client or a pool raises it.
#define FRACTILE_ERROR_TABLE(X)                \
  X(UNKNOWN_OPTION, 101, config, 422)          \
  X(INVALID_VALUE, 102, config, 422)           \
  X(REFUSED_COMBINATION, 103, config, 422)     \
  X(MISSING_PANEL_COLUMN, 104, config, 422)    \
  X(INVALID_BYVAR, 105, config, 422)           \
  X(INVALID_CONFIG_FILE, 106, config, 422)     \
  X(STUDY_NOT_FOUND, 107, config, 404)         \
  X(UNKNOWN_COLUMN, 201, signal, 422)          \
  X(COLUMN_TYPE, 202, signal, 422)             \
  X(EMPTY_SIGNAL, 203, signal, 422)            \
  X(NO_USABLE_ROWS, 204, signal, 422)          \
  X(INFINITE_SIGNAL, 205, signal, 422)         \
  X(IMPOSSIBLE_DATES, 206, signal, 422)        \
  X(TRADE_BEFORE_AVAIL, 207, signal, 422)      \
  X(INVALID_POSITION, 208, signal, 422)        \
  X(UNREADABLE_SIGNAL, 209, signal, 422)       \
  X(SIGNAL_TOO_LARGE, 210, signal, 413)        \
  X(NO_SNAPSHOTS, 301, snapshot, 503)          \
  X(SNAPSHOT_NOT_FOUND, 302, snapshot, 404)    \
  X(SNAPSHOT_EXISTS, 303, snapshot, 409)       \
  X(INVALID_SNAPSHOT_ID, 304, snapshot, 422)   \
  X(CORRUPT_SNAPSHOT, 305, snapshot, 500)      \
  X(PANEL_MISSING_COLUMN, 306, snapshot, 422)  \
  X(PANEL_COLUMN_TYPE, 307, snapshot, 422)     \
  X(PANEL_DUPLICATE_ROW, 308, snapshot, 422)   \
  X(PANEL_INFINITE_VALUE, 309, snapshot, 422)  \
  X(PANEL_EMPTY, 310, snapshot, 422)           \
  X(UNREADABLE_PANEL, 311, snapshot, 422)      \
  X(PANEL_TOO_LARGE, 312, snapshot, 413)       \
  X(STORAGE_NOT_AVAILABLE, 313, snapshot, 422) \
  X(NO_TRADING_DAYS, 314, snapshot, 422)       \
  X(IO_FAILURE, 315, snapshot, 500)            \
  X(PANEL_NULL_KEY, 316, snapshot, 422)        \
  X(PANEL_NOTHING_NEW, 317, snapshot, 422)     \
  X(CANCELLED, 401, run, 499)                  \
  X(FORMATS_NOT_AVAILABLE, 402, run, 501)      \
  X(LEDGER_NOT_WRITABLE, 403, run, 500)        \
  X(LEDGER_UNREADABLE, 404, run, 500)          \
  X(BAD_REQUEST, 501, server, 400)             \
  X(UNAUTHORIZED, 502, server, 401)            \
  X(NOT_FOUND, 503, server, 404)               \
  X(METHOD_NOT_ALLOWED, 504, server, 405)      \
  X(REQUEST_TIMEOUT, 505, server, 408)         \
  X(BODY_TOO_LARGE, 506, server, 413)          \
  X(UNSUPPORTED_MEDIA_TYPE, 507, server, 415)  \
  X(INVALID_SIGNAL_PATH, 508, server, 422)     \
  X(HEADER_TOO_LARGE, 509, server, 431)        \
  X(SERVER_BUSY, 510, server, 503)             \
  X(RUN_TIMEOUT, 511, server, 503)             \
  X(SERVER_NOT_READY, 512, server, 503)        \
  X(CANNOT_LISTEN, 513, server, 500)           \
  X(SERVER_TIMEOUT, 514, server, 0)            \
  X(SERVER_UNREACHABLE, 515, server, 0)        \
  X(SERVER_ANSWER, 516, server, 0)             \
  X(WORKER_DIED, 601, pool, 0)                 \
  X(POOL_CLOSED, 602, pool, 0)                 \
  X(NOTHING_PENDING, 603, pool, 0)             \
  X(INTERNAL, 901, internal, 500)

namespace fractile {

enum class ErrorCategory { config, signal, snapshot, run, server, pool, internal };

enum class ErrorCode {
#define FRACTILE_X(code, number, category, http) code = number,
  FRACTILE_ERROR_TABLE(FRACTILE_X)
#undef FRACTILE_X
};

/// The row of one code in the table of errors.
struct ErrorInfo {
  ErrorCode code;
  std::string_view name;
  ErrorCategory category;
  int http_status;
};

/// Looks a code up in the table. O(number of codes).
ErrorInfo error_info(ErrorCode code) noexcept;

/// The only exception that leaves the core.
///
/// `what()` reads "NAME: expected X, found Y [at where]. What to do." (one exception: the message of
/// NO_SNAPSHOTS begins with the words its users know).
class Error : public std::runtime_error {
 public:
  Error(ErrorCode code, const std::string& message);
  ErrorCode code() const noexcept { return code_; }

 private:
  ErrorCode code_;
};

}  // namespace fractile
