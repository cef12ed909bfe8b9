// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <filesystem>

#include "ledger/sqlite.hpp"

/// The tables of a ledger file, and the migration of older files.
namespace fractile::ledger {

/// Number of the schema that this program reads and writes; a file has it as PRAGMA user_version.
inline constexpr int kSchemaVersion = 2;

/// Opens a ledger, creates its tables or migrates them forward, and makes sure that it can be written. Throws Error
/// LEDGER_UNREADABLE on a newer schema, another file or damage; SqliteFailure.
Connection open_ledger(const std::filesystem::path& file);

/// Applies the steps that migrate a database to `version`. Requires an open transaction.
void migrate(const Connection& connection, int version);

}  // namespace fractile::ledger
