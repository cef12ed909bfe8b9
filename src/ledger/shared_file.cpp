// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "ledger/shared_file.hpp"

#include <fmt/format.h>
#include <sys/stat.h>

#include <random>
#include <thread>

#include "fractile/error.hpp"
#include "ledger/schema.hpp"

namespace fractile::ledger {

const Connection& SharedFile::open() {
  struct stat now{};
  const bool is_there = ::stat(path_.c_str(), &now) == 0;
  // Trials must not go to a file that was deleted or replaced, so the file is checked.
  if (connection_ && is_there && now.st_dev == device_ && now.st_ino == inode_) return *connection_;
  connection_.reset();
  connection_.emplace(open_ledger(path_));
  if (::stat(path_.c_str(), &now) == 0) {
    device_ = now.st_dev;
    inode_ = now.st_ino;
  }
  return *connection_;
}

void SharedFile::report(const SqliteFailure& failure) {
  {
    const std::lock_guard lock(mutex_);
    connection_.reset();
  }
  if (failure.is_busy())
    throw Error(
        ErrorCode::LEDGER_NOT_WRITABLE,
        fmt::format("expected to write the ledger \"{}\", found it locked by another process for {} s. End that process, or "
                    "name another file in $FRACTILE_LEDGER.",
                    path_.string(), kLongestWait.count()));
  if (failure.is_unwritable())
    throw Error(
        ErrorCode::LEDGER_NOT_WRITABLE,
        fmt::format("expected to write the ledger \"{}\", found: {}. Make the file and its folder writable, or name a file "
                    "elsewhere in $FRACTILE_LEDGER.",
                    path_.string(), failure.what()));
  throw Error(ErrorCode::LEDGER_UNREADABLE,
              fmt::format("expected a ledger of fractile at \"{}\", found: {}. Restore it from a copy, or name another file in "
                          "$FRACTILE_LEDGER.",
                          path_.string(), failure.what()));
}

void SharedFile::pause() {
  // A random pause, so that two processes that collided do not collide again.
  static thread_local std::minstd_rand generator{std::random_device{}()};
  std::this_thread::sleep_for(std::chrono::microseconds(std::uniform_int_distribution<int>(200, 4000)(generator)));
}

void SharedFile::close_and_lock() {
  mutex_.lock();
  if (connection_) connection_->keep_log_on_close();
  connection_.reset();
}

}  // namespace fractile::ledger
