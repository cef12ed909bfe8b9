// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <cstddef>

/// The handler of reads from a mapped file that was cut after it was mapped.
///
/// The system raises SIGBUS in the reading thread. By default this ends the process: a server with all its requests, or a
/// notebook. The handler of this file maps zeros over the whole range and marks it. The read goes on, and the reader asks
/// afterwards if the mapping is damaged. A mark stays: the mapping must not be used again.
///
/// A SIGBUS elsewhere goes to the previous handler. The handler unwinds nothing in the thread, so no lock stays locked and no
/// destructor is skipped. In return readers may see zeros, which the engine must accept like any other number.
namespace fractile {

/// Installs the handler, or installs it again if another handler (Python's faulthandler) was installed after it.
/// Costs a system call. Called when files are mapped and before every run. Thread-safe.
void install_mapping_guard();

struct GuardEntry;

/// A range of addresses that is registered with the handler. It cannot be copied or moved, because the handler has its address.
class GuardedRange {
 public:
  GuardedRange(const void* begin, std::size_t bytes);
  /// Requires that the addresses are still mapped.
  ~GuardedRange();
  GuardedRange(const GuardedRange&) = delete;
  GuardedRange& operator=(const GuardedRange&) = delete;
  bool is_damaged() const noexcept;

 private:
  GuardEntry* entry_;
};

}  // namespace fractile
