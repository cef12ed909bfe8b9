// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <exception>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "ledger/shared_file.hpp"
#include "ledger/trial.hpp"

namespace fractile::ledger {

/// The queue of trials that are not in the file yet, and the thread that writes them. Thread-safe.
///
/// The thread writes all queued trials at once, in one transaction, so batches grow under load.
class TrialWriter {
 public:
  explicit TrialWriter(SharedFile& file) : file_(file) {}

  void add(TrialRecord record);
  /// Waits until all trials that were added before are written. Throws the error of the last attempt to write.
  void flush();
  /// Throws the error of the last attempt to write, if it failed.
  void require_working();
  /// Writes the queued trials and ends the thread. Returns the number of trials that could not be written.
  std::size_t finish();

  // Called around a fork: the child lacks the writing thread, and the parent writes the queued trials.
  void lock() { mutex_.lock(); }
  void unlock() { mutex_.unlock(); }
  void abandon();

 private:
  void start();  ///< starts the thread if there is none
  void work();
  void write(const std::vector<TrialRecord>& batch);

  SharedFile& file_;
  std::mutex mutex_;
  // Guarded by mutex_. By pointer, so that a child can abandon objects that its parent's threads use.
  std::unique_ptr<std::condition_variable> changed_ = std::make_unique<std::condition_variable>();
  std::unique_ptr<std::thread> thread_;
  std::vector<TrialRecord> waiting_;
  std::uint64_t n_added_ = 0, n_written_ = 0;
  std::exception_ptr failure_;
  bool is_closing_ = false;
};

}  // namespace fractile::ledger
