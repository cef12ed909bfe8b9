// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "ledger/sqlite.hpp"

#include <sqlite3.h>

#include <cmath>
#include <cstring>
#include <limits>

namespace fractile::ledger {
namespace {

/// A short timeout: for longer waits the caller retries, and releases its locks meanwhile.
constexpr int kBusyMilliseconds = 20;

[[noreturn]] void fail(sqlite3* connection, int status) {
  throw SqliteFailure(status, connection ? sqlite3_errmsg(connection) : sqlite3_errstr(status));
}

void require(sqlite3* connection, int status) {
  if (status != SQLITE_OK) fail(connection, status);
}

}  // namespace

bool SqliteFailure::is_busy() const noexcept {
  const int primary = code & 0xff;
  return primary == SQLITE_BUSY || primary == SQLITE_LOCKED || code == SQLITE_PROTOCOL;
}

bool SqliteFailure::is_unwritable() const noexcept {
  const int primary = code & 0xff;
  return is_busy() || primary == SQLITE_READONLY || primary == SQLITE_CANTOPEN || primary == SQLITE_PERM ||
         primary == SQLITE_FULL || primary == SQLITE_IOERR || primary == SQLITE_AUTH;
}

Statement::Statement(sqlite3* connection, std::string_view sql) : connection_(connection) {
  sqlite3_stmt* made = nullptr;
  const int status = sqlite3_prepare_v2(connection, sql.data(), static_cast<int>(sql.size()), &made, nullptr);
  statement_.reset(made);
  require(connection, status);
}

void Statement::Finalize::operator()(sqlite3_stmt* statement) const noexcept { sqlite3_finalize(statement); }

Statement& Statement::bind(int parameter, std::int64_t value) {
  require(connection_, sqlite3_bind_int64(statement_.get(), parameter + 1, value));
  return *this;
}

Statement& Statement::bind(int parameter, double value) {
  require(connection_, sqlite3_bind_double(statement_.get(), parameter + 1, value));
  return *this;
}

Statement& Statement::bind(int parameter, std::string_view text) {
  require(connection_,
          sqlite3_bind_text64(statement_.get(), parameter + 1, text.data(), text.size(), SQLITE_STATIC, SQLITE_UTF8));
  return *this;
}

Statement& Statement::bind_bytes(int parameter, std::span<const std::byte> bytes) {
  const void* const data = bytes.empty() ? nullptr : bytes.data();
  require(connection_, sqlite3_bind_blob64(statement_.get(), parameter + 1, data, bytes.size(), SQLITE_STATIC));
  return *this;
}

bool Statement::step() {
  const int status = sqlite3_step(statement_.get());
  if (status == SQLITE_ROW) return true;
  sqlite3_reset(statement_.get());
  if (status != SQLITE_DONE) fail(connection_, status);
  return false;
}

void Statement::run() {
  while (step()) {
  }
}

std::int64_t Statement::whole(int column) const { return sqlite3_column_int64(statement_.get(), column); }

double Statement::real(int column) const {
  if (sqlite3_column_type(statement_.get(), column) == SQLITE_NULL) return std::numeric_limits<double>::quiet_NaN();
  return sqlite3_column_double(statement_.get(), column);
}

std::string Statement::text(int column) const {
  const auto* const text = reinterpret_cast<const char*>(sqlite3_column_text(statement_.get(), column));
  return text ? std::string(text, static_cast<std::size_t>(sqlite3_column_bytes(statement_.get(), column))) : std::string();
}

std::span<const std::byte> Statement::bytes(int column) const {
  const auto* const data = static_cast<const std::byte*>(sqlite3_column_blob(statement_.get(), column));
  return {data, static_cast<std::size_t>(sqlite3_column_bytes(statement_.get(), column))};
}

void Statement::copy(std::span<const std::byte> from, void* to, std::size_t size) noexcept {
  if (size > 0) std::memcpy(to, from.data(), size);
}

Connection::Connection(const std::filesystem::path& file) {
  // Callers have their own lock, so SQLite needs none. The folder is not created, so that a wrong path is refused.
  const int status =
      sqlite3_open_v2(file.c_str(), &connection_, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, nullptr);
  if (status != SQLITE_OK) {
    const SqliteFailure failure(status, connection_ ? sqlite3_errmsg(connection_) : sqlite3_errstr(status));
    sqlite3_close(connection_);
    throw failure;
  }
  sqlite3_extended_result_codes(connection_, 1);
  sqlite3_busy_timeout(connection_, kBusyMilliseconds);
}

Connection::Connection(Connection&& other) noexcept : connection_(other.connection_) { other.connection_ = nullptr; }

Connection::~Connection() { sqlite3_close(connection_); }

void Connection::execute(const char* sql) const {
  require(connection_, sqlite3_exec(connection_, sql, nullptr, nullptr, nullptr));
}

std::int64_t Connection::ask_whole(std::string_view sql) const {
  Statement statement = prepare(sql);
  return statement.step() ? statement.whole(0) : 0;
}

std::string Connection::ask_text(std::string_view sql) const {
  Statement statement = prepare(sql);
  return statement.step() ? statement.text(0) : std::string();
}

std::int64_t Connection::last_row() const noexcept { return sqlite3_last_insert_rowid(connection_); }

std::int64_t Connection::n_changed() const noexcept { return sqlite3_changes64(connection_); }

void Connection::keep_log_on_close() const noexcept {
  sqlite3_db_config(connection_, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
}

Transaction::Transaction(const Connection& connection, Kind kind) : connection_(&connection) {
  connection.execute(kind == Kind::write ? "BEGIN IMMEDIATE" : "BEGIN");
}

void Transaction::commit() {
  connection_->execute("COMMIT");
  connection_ = nullptr;
}

Transaction::~Transaction() {
  if (!connection_) return;
  try {
    connection_->execute("ROLLBACK");
  } catch (const SqliteFailure&) {
    // SQLite has already rolled back.
  }
}

}  // namespace fractile::ledger
