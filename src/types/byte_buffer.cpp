// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "types/byte_buffer.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <mutex>
#include <new>
#include <utility>

namespace fractile {
namespace {

constexpr std::size_t kHugePage = std::size_t{2} << 20;
constexpr std::size_t kBig = 4 * kHugePage;    // smaller mappings are not worth retaining
constexpr std::size_t kGrown = kHugePage / 4;  // a buffer of this size is likely to grow further

struct Mapping {
  char* data = nullptr;
  std::size_t size = 0;
  bool is_old = false;  ///< retained since before the latest release_idle()
};

void unmap(const Mapping& mapping) noexcept {
  if (mapping.data) munmap(mapping.data, mapping.size);
}

void* map(std::size_t size) noexcept { return mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0); }

/// Returns `mapping` with `size` bytes, possibly at another address. On MAP_FAILED the mapping is unchanged.
void* grow(const Mapping& mapping, std::size_t size) noexcept {
#ifdef __SANITIZE_THREAD__
  // ThreadSanitizer does not see mremap(). The next user of the old addresses would seem to race with their former user.
  void* const memory = map(size);
  if (memory == MAP_FAILED) return memory;
  std::memcpy(memory, mapping.data, mapping.size);
  unmap(mapping);
  return memory;
#else
  return mremap(mapping.data, mapping.size, size, MREMAP_MAYMOVE);
#endif
}

/// The cache of mappings: released buffers leave them here, and new buffers take them.
class Kept {
 public:
  /// Returns the smallest cached mapping of `size` to four times `size` bytes; empty if there is none.
  Mapping take(std::size_t size) noexcept {
    const std::lock_guard lock(mutex_);
    Mapping* best = nullptr;
    for (Mapping& one : mappings_)
      if (one.data && one.size >= size && one.size / 4 <= size && (!best || one.size < best->size)) best = &one;
    if (!best) return {};
    bytes_ -= best->size;
    return std::exchange(*best, {});
  }

  void give(Mapping mapping) noexcept {
    {
      const std::lock_guard lock(mutex_);
      const auto room = std::find_if(mappings_.begin(), mappings_.end(), [](const Mapping& one) { return !one.data; });
      if (room != mappings_.end() && bytes_ + mapping.size <= limit_) {
        bytes_ += mapping.size;
        *room = std::exchange(mapping, {});
      }
    }
    unmap(mapping);
  }

  void set_limit(std::size_t bytes) noexcept {
    const std::lock_guard lock(mutex_);
    limit_ = bytes;
  }

  void release_idle() noexcept {
    std::array<Mapping, kMaxMappings> idle{};
    {
      const std::lock_guard lock(mutex_);
      for (std::size_t i = 0; i < kMaxMappings; ++i) {
        Mapping& one = mappings_[i];
        if (!one.is_old) {
          one.is_old = one.data != nullptr;
          continue;
        }
        bytes_ -= one.size;
        idle[i] = std::exchange(one, {});
      }
    }
    for (const Mapping& one : idle) unmap(one);
  }

 private:
  static constexpr std::size_t kMaxMappings = 16;
  std::mutex mutex_;
  std::array<Mapping, kMaxMappings> mappings_;  // guarded by mutex_
  std::size_t bytes_ = 0;                       // guarded by mutex_
  std::size_t limit_ = 0;                       // guarded by mutex_
};

Kept& kept() {
  static Kept instance;
  return instance;
}

}  // namespace

ByteBuffer::~ByteBuffer() {
  if (capacity_ >= kBig)
    kept().give({data_, capacity_});
  else
    unmap({data_, capacity_});
}

ByteBuffer::ByteBuffer(ByteBuffer&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)),
      size_(std::exchange(other.size_, 0)),
      capacity_(std::exchange(other.capacity_, 0)),
      forgotten_(std::exchange(other.forgotten_, 0)) {}

ByteBuffer& ByteBuffer::operator=(ByteBuffer&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  std::swap(capacity_, other.capacity_);
  std::swap(forgotten_, other.forgotten_);
  return *this;
}

char* ByteBuffer::prepare(std::size_t count) {
  constexpr std::size_t kPage = 4096;
  const std::size_t needed = size_ + count + kPadding;
  if (needed > capacity_) {
    // A buffer that grows is touched once from end to end; huge pages make this several times faster.
    const bool is_huge = needed >= kGrown;
    const std::size_t step = is_huge ? kHugePage : kPage;
    const std::size_t wanted = (std::max({needed, capacity_ * 2, is_huge ? kBig : 0}) + step - 1) / step * step;
    if (!data_ && wanted >= kBig)
      if (const Mapping again = kept().take(wanted); again.data) {
        data_ = again.data;
        capacity_ = again.size;
        return data_;
      }
    void* const memory = data_ ? grow({data_, capacity_}, wanted) : map(wanted);
    if (memory == MAP_FAILED) throw std::bad_alloc();
    data_ = static_cast<char*>(memory);
    capacity_ = wanted;
    if (wanted >= kBig) madvise(data_, capacity_, MADV_HUGEPAGE);
  }
  return data_ + size_;
}

void ByteBuffer::append(const void* data, std::size_t count) {
  if (count == 0) return;  // `data` may be null
  std::memcpy(prepare(count), data, count);
  commit(count);
}

void ByteBuffer::forget_before(const void* place) noexcept {
  constexpr std::size_t kWorthwhile = 4 * kHugePage;
  const auto here = static_cast<std::size_t>(static_cast<const char*>(place) - data_);
  if (here < forgotten_ + kWorthwhile) return;
  // Whole huge pages only: the system releases nothing of a partial one.
  const auto address = reinterpret_cast<std::uintptr_t>(data_) + here;
  const std::size_t end = here - std::min(here, address % kHugePage);
  if (end <= forgotten_) return;
  madvise(data_ + forgotten_, end - forgotten_, MADV_DONTNEED);
  forgotten_ = end;
}

void ByteBuffer::keep_memory(std::size_t bytes) noexcept { kept().set_limit(bytes); }

void ByteBuffer::release_idle() noexcept { kept().release_idle(); }

}  // namespace fractile
