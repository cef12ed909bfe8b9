// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <filesystem>
#include <mutex>
#include <optional>

#include "ledger/sqlite.hpp"

namespace fractile::ledger {

/// The process's connection to a ledger file that other processes use too. Thread-safe.
class SharedFile {
 public:
  explicit SharedFile(std::filesystem::path path) : path_(std::move(path)) {}

  const std::filesystem::path& path() const noexcept { return path_; }

  /// Calls work(connection), and retries for up to 30 s while another process has the file locked. Throws Error
  /// LEDGER_NOT_WRITABLE, LEDGER_UNREADABLE.
  template <class Work>
  auto use(Work&& work) {
    for (const auto began = Clock::now();;) {
      try {
        const std::lock_guard lock(mutex_);
        return work(open());
      } catch (const SqliteFailure& failure) {
        if (!failure.is_busy() || Clock::now() - began > kLongestWait) report(failure);
      }
      pause();
    }
  }

  // Called around a fork: SQLite's locks belong to the process, so a child must not inherit an open connection.
  void close_and_lock();
  void unlock() { mutex_.unlock(); }

 private:
  using Clock = std::chrono::steady_clock;
  static constexpr std::chrono::seconds kLongestWait{30};

  /// The connection to the file that now has the path. Requires the mutex.
  const Connection& open();
  [[noreturn]] void report(const SqliteFailure& failure);
  static void pause();

  const std::filesystem::path path_;
  std::mutex mutex_;
  std::optional<Connection> connection_;  // guarded by mutex_, as is the identity of its file
  dev_t device_ = 0;
  ino_t inode_ = 0;
};

}  // namespace fractile::ledger
