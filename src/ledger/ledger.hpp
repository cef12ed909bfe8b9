// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "fractile/result.hpp"
#include "ledger/deflation.hpp"
#include "ledger/trial.hpp"

/// The trial ledger: which runs a study made, in a SQLite file that processes share.
namespace fractile::ledger {

/// $FRACTILE_LEDGER, else ledger.sqlite in the snapshots' folder.
std::filesystem::path ledger_file(const std::filesystem::path& snapshots);

/// The study of a run: the one given, else $FRACTILE_STUDY; "" is none. Throws INVALID_VALUE on a name that could not be a
/// snapshot id.
std::string study_name(const std::optional<std::string>& given);

/// One ledger file as this process uses it. Thread-safe, and usable in the child of a fork.
///
/// record() only queues. One thread of the process writes what is queued, all that waits in one transaction.
class Ledger {
 public:
  /// The process's own object for a file; nothing is opened yet.
  static Ledger& at(const std::filesystem::path& file);

  /// Opens the file and makes sure that it can be written; call it before a run. Creates or migrates its tables.
  /// Throws LEDGER_NOT_WRITABLE, LEDGER_UNREADABLE.
  void require_writable();
  /// Queues a trial. The same run of the same study is written once, whichever process made it.
  void record(TrialRecord record);
  /// Waits until all that was recorded before is in the file. Throws as require_writable().
  void flush();

  // Readers flush first, so that they see all trials of their own process. Throw as flush(), and STUDY_NOT_FOUND.

  /// study, trials, first, last (UTC, ISO 8601; "" for none), forgotten: one row per name. No row if the file does not exist.
  Table studies();
  /// One row per trial in the order of time: run_id, time, snapshot, periods, ..., config.
  Table trials(const std::string& study);
  /// The stored returns, by run_id. `is_net`: after costs.
  std::vector<std::pair<std::string, DatedReturns>> returns(const std::string& study, bool is_net);
  Deflation deflate(const std::string& study, const Trial& own);
  /// Deletes the trials of a study; their number stays. Returns it.
  std::int64_t forget(const std::string& study);

  Ledger(const Ledger&) = delete;
  Ledger& operator=(const Ledger&) = delete;

 private:
  struct State;
  explicit Ledger(std::filesystem::path file);
  template <class Read>
  auto read(Read&& work);
  template <class Read>
  auto read_study(const std::string& study, Read&& work);

  std::unique_ptr<State> state_;
  friend struct Registry;
};

/// Flushes every ledger of the process, for processes that end without exit().
void flush_all();

}  // namespace fractile::ledger
