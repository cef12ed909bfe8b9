// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <sys/mman.h>

#include <cstddef>
#include <cstdint>
#include <new>
#include <span>

#if __has_include(<sanitizer/asan_interface.h>)
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(address, size) static_cast<void>(0)
#define ASAN_UNPOISON_MEMORY_REGION(address, size) static_cast<void>(0)
#endif

namespace fractile {

/// Memory for arrays that are written out of order: huge pages where the system gives them, kept
/// from run to run, because the first touch of a page costs more than the work on it. Contents are
/// undefined after reserve().
template <class T>
class HugeArray {
 public:
  HugeArray() = default;
  ~HugeArray() { release(); }
  HugeArray(const HugeArray&) = delete;
  HugeArray& operator=(const HugeArray&) = delete;

  /// At least `count` elements; grows by giving the old memory back first. Throws std::bad_alloc.
  void reserve(std::size_t count) {
    if (count <= count_) return;
    release();
    constexpr std::size_t kPage = std::size_t{2} << 20;
    const std::size_t bytes = (count * sizeof(T) + kPage - 1) / kPage * kPage + kPage;
    void* raw = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (raw == MAP_FAILED) throw std::bad_alloc();
    raw_ = raw;
    bytes_ = bytes;
    const auto address = reinterpret_cast<std::uintptr_t>(raw);
    data_ = reinterpret_cast<T*>((address + kPage - 1) / kPage * kPage);
    madvise(data_, bytes - kPage, MADV_HUGEPAGE);
    count_ = count;
    // Mapped memory is none of the allocator's: AddressSanitizer is told where the array ends.
    ASAN_POISON_MEMORY_REGION(data_ + count, address + bytes - reinterpret_cast<std::uintptr_t>(data_ + count));
  }
  /// Gives the memory back.
  void clear() noexcept { release(); }
  T* data() noexcept { return data_; }
  const T* data() const noexcept { return data_; }
  T& operator[](std::size_t i) noexcept { return data_[i]; }

 private:
  void release() noexcept {
    if (raw_) {
      ASAN_UNPOISON_MEMORY_REGION(raw_, bytes_);
      munmap(raw_, bytes_);
    }
    raw_ = nullptr;
    data_ = nullptr;
    count_ = bytes_ = 0;
  }
  void* raw_ = nullptr;
  T* data_ = nullptr;
  std::size_t count_ = 0;
  std::size_t bytes_ = 0;
};

}  // namespace fractile
