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

/// The trial ledger: the runs of each study, in a SQLite file that processes share.
namespace fractile::ledger {

/// $FRACTILE_LEDGER, else ledger.sqlite in the snapshots' folder.
std::filesystem::path ledger_file(const std::filesystem::path& snapshots);

/// The study of a run: the given one, else $FRACTILE_STUDY; "" is none. Throws INVALID_VALUE on a name that is not a valid
/// snapshot id.
std::string study_name(const std::optional<std::string>& given);

/// This process's access to one ledger file. Thread-safe, and usable in the child of a fork.
///
/// record() only queues. One thread of the process writes all queued trials in one transaction.
class Ledger {
 public:
  /// Returns the process's object for a file, and opens nothing yet.
  static Ledger& at(const std::filesystem::path& file);

  /// Opens the file and makes sure that it can be written; call it before a run. Creates or migrates its tables.
  /// Throws LEDGER_NOT_WRITABLE, LEDGER_UNREADABLE.
  void require_writable();
  /// Queues a trial. The same run of the same study is written once, even if several processes made it.
  void record(TrialRecord record);
  /// Waits until all trials that were recorded before are in the file. Throws the errors of require_writable().
  void flush();

  // Readers flush first, so that they see all trials of their own process. They throw the errors of flush(), and STUDY_NOT_FOUND.

  /// study, trials, first, last (UTC, ISO 8601; "" for none), forgotten: one row per name. No row if the file does not exist.
  Table studies();
  /// One row per trial in the order of time: run_id, time, snapshot, periods, ..., config.
  Table trials(const std::string& study);
  /// The stored returns, by run_id. `is_net`: after costs.
  std::vector<std::pair<std::string, DatedReturns>> returns(const std::string& study, bool is_net);
  Deflation deflate(const std::string& study, const Trial& own);
  /// Deletes the trials of a study, and returns their number, which the ledger retains.
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
