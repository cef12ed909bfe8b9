// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "snapshot/mapping_guard.hpp"

#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <mutex>

namespace fractile {

/// A registered range. It is written under a mutex. The handler reads it at any moment in any thread, without a lock, so no
/// entry is ever freed.
struct GuardEntry {
  std::atomic<std::uintptr_t> begin{0};  ///< 0: free
  std::atomic<std::uintptr_t> end{0};
  std::atomic<bool> is_damaged{false};
};

namespace {

static_assert(std::atomic<std::uintptr_t>::is_always_lock_free && std::atomic<bool>::is_always_lock_free);

/// A block of entries. When all blocks are full, another is added; blocks are never removed.
struct Block {
  std::array<GuardEntry, 512> entries;
  std::atomic<Block*> next{nullptr};
};
constinit Block first_block;
constinit std::mutex entries_mutex;

GuardEntry* take_entry() {
  for (Block* block = &first_block;;) {
    for (GuardEntry& entry : block->entries)
      if (entry.begin == 0) return &entry;
    if (!block->next) block->next = new Block();
    block = block->next;
  }
}

/// The entry of the range with the address; null if there is none.
GuardEntry* find_entry(std::uintptr_t address) noexcept {
  for (Block* block = &first_block; block; block = block->next)
    for (GuardEntry& entry : block->entries) {
      const std::uintptr_t begin = entry.begin, end = entry.end;
      // Read again, because the entry may have been reused for another range meanwhile.
      if (begin != 0 && begin <= address && address < end && entry.begin == begin) return &entry;
    }
  return nullptr;
}

/// Replaces the whole range at once. Page by page, a large column would need more mappings than a process may have. The range is
/// marked before it reads as zeros, so that no reader sees a zero without the mark. The system call is safe in a handler;
/// ThreadSanitizer would take the function mmap() for a write to the whole range.
bool replace_range_of(std::uintptr_t address) noexcept {
  GuardEntry* const entry = find_entry(address);
  if (!entry) return false;
  entry->is_damaged = true;
  const std::uintptr_t begin = entry->begin;
  void* const start = reinterpret_cast<void*>(begin);  // NOLINT(performance-no-int-to-ptr)
  constexpr int kFlags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED;
  return ::syscall(SYS_mmap, start, entry->end - begin, PROT_READ, kFlags, -1, 0) != -1;
}

struct sigaction handler_before{};
constinit std::mutex install_mutex;

/// Passes a fault outside our ranges to the previous handler: the same instruction faults again, or a sent signal is sent again.
/// This happens once only, because that handler may pass it back (Python's does); then the default action ends the process.
void step_aside(int number, bool is_sent) noexcept {
  ::sigaction(number, &handler_before, nullptr);
  handler_before = {};
  handler_before.sa_handler = SIG_DFL;
  if (is_sent) ::raise(number);
}

void on_bus_error(int number, siginfo_t* info, void*) {
  const int kept = errno;
  const bool is_unreadable = info->si_code == BUS_ADRERR || info->si_code == BUS_MCEERR_AR;
  if (!is_unreadable || !replace_range_of(reinterpret_cast<std::uintptr_t>(info->si_addr)))
    step_aside(number, info->si_code <= 0);
  errno = kept;
}

}  // namespace

void install_mapping_guard() {
  const std::lock_guard lock(install_mutex);
  struct sigaction now{};
  if (::sigaction(SIGBUS, nullptr, &now) != 0) return;
  if ((now.sa_flags & SA_SIGINFO) != 0 && now.sa_sigaction == &on_bus_error) return;
  handler_before = now;
  struct sigaction ours{};
  ours.sa_sigaction = &on_bus_error;
  ours.sa_flags = SA_SIGINFO | SA_ONSTACK;
  ::sigemptyset(&ours.sa_mask);
  ::sigaction(SIGBUS, &ours, nullptr);
}

GuardedRange::GuardedRange(const void* begin, std::size_t bytes) {
  const std::lock_guard lock(entries_mutex);
  entry_ = take_entry();
  const auto address = reinterpret_cast<std::uintptr_t>(begin);
  entry_->is_damaged = false;
  entry_->end = address + bytes;
  entry_->begin = address;
}

GuardedRange::~GuardedRange() {
  const std::lock_guard lock(entries_mutex);
  entry_->begin = 0;
}

bool GuardedRange::is_damaged() const noexcept { return entry_->is_damaged; }

}  // namespace fractile
