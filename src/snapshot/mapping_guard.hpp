// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <cstddef>

/// What reading a mapped file does where the file was cut after it was mapped.
///
/// The system raises SIGBUS in the thread that reads, which by default ends the process, a server with all its other requests
/// or a notebook with it. The handler of this file puts zeros in place of the whole mapping and marks it; the read goes on, and
/// whoever read asks afterwards whether the mapping is damaged. A mark stays: the mapping is not to be used again.
///
/// A SIGBUS elsewhere goes to the handler that was there before. Nothing is undone in the thread that was hit, so no lock stays
/// locked and no destructor is left out; the price is that readers see zeros, which the engine takes as it takes any number.
namespace fractile {

/// Puts the handler in place, and on top again where another one (Python's faulthandler) has come after it.
/// Costs a system call. Called when files are mapped and before every run. Thread-safe.
void install_mapping_guard();

struct GuardEntry;

/// A range of addresses that the handler knows. Not copied, not moved: it is registered under its own address.
class GuardedRange {
 public:
  GuardedRange(const void* begin, std::size_t bytes);
  /// Before the addresses are given back.
  ~GuardedRange();
  GuardedRange(const GuardedRange&) = delete;
  GuardedRange& operator=(const GuardedRange&) = delete;
  bool is_damaged() const noexcept;

 private:
  GuardEntry* entry_;
};

}  // namespace fractile
