// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "ledger/schema.hpp"

#include <fmt/format.h>

#include <array>

#include "fractile/error.hpp"

namespace fractile::ledger {
namespace {

constexpr std::int64_t kApplicationId = 0x66726163;  // "frac"

/// The migration steps: step n takes a file of schema n to schema n + 1. A released step must never change.
constexpr std::array<const char*, kSchemaVersion> kSteps{
    R"sql(
CREATE TABLE study(
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  forgotten INTEGER NOT NULL DEFAULT 0);
CREATE TABLE trial(
  id INTEGER PRIMARY KEY,
  study INTEGER NOT NULL REFERENCES study(id),
  run_id TEXT NOT NULL,
  time_ms INTEGER NOT NULL,
  snapshot TEXT NOT NULL,
  config TEXT NOT NULL,
  periods INTEGER NOT NULL,
  periods_per_year INTEGER NOT NULL,
  sr REAL, skew REAL, kurt REAL,
  sr_net REAL, skew_net REAL, kurt_net REAL,
  UNIQUE(study, run_id));
)sql",
    R"sql(
CREATE TABLE calendar(
  id INTEGER PRIMARY KEY,
  hash TEXT NOT NULL UNIQUE,
  days BLOB);
CREATE TABLE returns(
  trial INTEGER PRIMARY KEY REFERENCES trial(id),
  calendar INTEGER NOT NULL REFERENCES calendar(id),
  ret BLOB,
  ret_net BLOB);
ALTER TABLE study ADD COLUMN stored INTEGER NOT NULL DEFAULT 0;
)sql"};

[[noreturn]] void refuse(const std::filesystem::path& file, const std::string& expected, const std::string& found,
                         const char* remedy) {
  throw Error(ErrorCode::LEDGER_UNREADABLE,
              fmt::format("expected {}, found {} at \"{}\". {}", expected, found, file.string(), remedy));
}

/// The schema's version; 0 for a file without tables.
int read_version(const Connection& connection, const std::filesystem::path& file) {
  // The id is read last: another process that makes the tables at this moment sets it together with them.
  const bool has_tables = connection.ask_whole("SELECT count(*) FROM sqlite_schema") > 0;
  const auto version = static_cast<int>(connection.ask_whole("PRAGMA user_version"));
  const bool is_ours = connection.ask_whole("PRAGMA application_id") == kApplicationId;
  if (!is_ours && has_tables)
    refuse(file, "a ledger of fractile", "another SQLite database", "Name another file in $FRACTILE_LEDGER.");
  if (version > kSchemaVersion)
    refuse(file, fmt::format("a ledger of schema {} or older", kSchemaVersion), fmt::format("schema {}", version),
           "Update fractile, or name another file in $FRACTILE_LEDGER.");
  return version;
}

}  // namespace

void migrate(const Connection& connection, int version) {
  const auto from = static_cast<int>(connection.ask_whole("PRAGMA user_version"));
  for (int step = from; step < version; ++step) connection.execute(kSteps[static_cast<std::size_t>(step)]);
  connection.execute(fmt::format("PRAGMA application_id = {}; PRAGMA user_version = {}", kApplicationId, version).c_str());
}

Connection open_ledger(const std::filesystem::path& file) {
  Connection connection(file);
  int version = read_version(connection, file);
  // Set in a new file, so that it can return the pages of forgotten studies to the disk.
  if (version == 0) connection.execute("PRAGMA auto_vacuum = INCREMENTAL");
  const std::string mode = connection.ask_text("PRAGMA journal_mode = WAL");
  if (mode != "wal")
    refuse(file, "a file system with shared memory, which SQLite's write-ahead log needs", "journal mode " + mode,
           "Name a file on a local disk in $FRACTILE_LEDGER.");
  // A killed process loses no committed trial. A power failure may lose the last trials, but never damages the file.
  connection.execute("PRAGMA synchronous = NORMAL");
  // The begin of a write transaction proves that the file can be written.
  Transaction transaction(connection, Transaction::Kind::write);
  version = read_version(connection, file);
  if (version < kSchemaVersion) migrate(connection, kSchemaVersion);
  transaction.commit();
  return connection;
}

}  // namespace fractile::ledger
