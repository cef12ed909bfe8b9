// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

struct sqlite3;
struct sqlite3_stmt;

/// A thin wrapper of SQLite: a connection, its statements, its transactions. Not thread-safe.
namespace fractile::ledger {

/// A failure that SQLite reports; the ledger turns it into an Error.
struct SqliteFailure : std::runtime_error {
  SqliteFailure(int status, const std::string& message) : std::runtime_error(message), code(status) {}
  int code;
  /// Another connection holds the lock: the same call may succeed later.
  bool is_busy() const noexcept;
  /// The file or its folder cannot be written, because permission, space or a lock is missing.
  bool is_unwritable() const noexcept;
};

/// A prepared statement. Parameters and columns are numbered from 0.
class Statement {
 public:
  Statement(sqlite3* connection, std::string_view sql);

  Statement& bind(int parameter, std::int64_t value);
  /// NaN becomes NULL.
  Statement& bind(int parameter, double value);
  /// The text must live until the statement has run.
  Statement& bind(int parameter, std::string_view text);
  /// Binds the bytes of values in this machine's byte order; the values must live until the statement has run. Empty: NULL.
  template <class T>
  Statement& bind_values(int parameter, std::span<const T> values) {
    return bind_bytes(parameter, std::as_bytes(values));
  }

  /// Runs to the next row; false at the end, after which parameters can be bound anew.
  bool step();
  /// Runs a statement without rows.
  void run();

  std::int64_t whole(int column) const;
  /// NULL is NaN.
  double real(int column) const;
  std::string text(int column) const;
  /// The values that bind_values() wrote.
  template <class T>
  std::vector<T> values(int column) const {
    const std::span<const std::byte> found = bytes(column);
    std::vector<T> out(found.size() / sizeof(T));
    copy(found, out.data(), out.size() * sizeof(T));
    return out;
  }

 private:
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const noexcept;
  };
  Statement& bind_bytes(int parameter, std::span<const std::byte> bytes);
  std::span<const std::byte> bytes(int column) const;
  static void copy(std::span<const std::byte> from, void* to, std::size_t size) noexcept;

  sqlite3* connection_;
  std::unique_ptr<sqlite3_stmt, Finalize> statement_;
};

/// A connection to a database file. Must not be open while the process forks.
class Connection {
 public:
  /// Creates the file if it is missing.
  explicit Connection(const std::filesystem::path& file);
  Connection(Connection&& other) noexcept;
  Connection& operator=(Connection&&) = delete;
  ~Connection();

  Statement prepare(std::string_view sql) const { return {connection_, sql}; }
  void execute(const char* sql) const;
  /// The first column of the first row.
  std::int64_t ask_whole(std::string_view sql) const;
  std::string ask_text(std::string_view sql) const;
  std::int64_t last_row() const noexcept;
  /// Rows that the last statement inserted, changed or deleted.
  std::int64_t n_changed() const noexcept;
  /// Lets close leave the write-ahead log unchanged, which makes closing quick.
  void keep_log_on_close() const noexcept;

 private:
  sqlite3* connection_ = nullptr;
};

/// A transaction: all its reads see one state of the file. The destructor rolls back unless it was committed.
class Transaction {
 public:
  enum class Kind : std::uint8_t { read, write };
  Transaction(const Connection& connection, Kind kind);
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;
  ~Transaction();
  void commit();

 private:
  const Connection* connection_;
};

}  // namespace fractile::ledger
