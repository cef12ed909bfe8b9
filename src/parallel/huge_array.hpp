// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <sys/mman.h>

#include <cstddef>
#include <cstdint>
#include <new>
#include <utility>

#if __has_include(<sanitizer/asan_interface.h>)
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(address, size) static_cast<void>(0)
#define ASAN_UNPOISON_MEMORY_REGION(address, size) static_cast<void>(0)
#endif

namespace fractile {

/// An array of plain numbers that is reused from run to run, because the first touch of a page costs more than the work
/// on it. A large array has huge pages if the system supplies them. After reserve() new memory is 0, and takes room when it is
/// touched; old memory is as it was left.
template <class T>
class HugeArray {
 public:
  HugeArray() = default;
  ~HugeArray() { release(); }
  HugeArray(HugeArray&& other) noexcept { swap(other); }
  HugeArray& operator=(HugeArray&& other) noexcept {
    swap(other);
    return *this;
  }
  HugeArray(const HugeArray&) = delete;
  HugeArray& operator=(const HugeArray&) = delete;

  /// Makes room for `count` elements; if it must grow, it first releases the old memory. Throws std::bad_alloc.
  void reserve(std::size_t count) {
    if (count <= count_) return;
    release();
    constexpr std::size_t kHugePage = std::size_t{2} << 20;
    const std::size_t size = count * sizeof(T);
    // A huge page is resident as a whole once it is touched, so small arrays do not use them.
    const bool is_large = size >= kHugePage;
    const std::size_t bytes = is_large ? (size + kHugePage - 1) / kHugePage * kHugePage + kHugePage : size;
    void* raw = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (raw == MAP_FAILED) throw std::bad_alloc();
    raw_ = raw;
    bytes_ = bytes;
    data_ = static_cast<T*>(raw);
    if (is_large) {
      const auto address = reinterpret_cast<std::uintptr_t>(raw);
      data_ = reinterpret_cast<T*>((address + kHugePage - 1) / kHugePage * kHugePage);
      madvise(data_, bytes - kHugePage, MADV_HUGEPAGE);
    }
    count_ = count;
    // AddressSanitizer does not know the end of mapped memory, so it is told here.
    ASAN_POISON_MEMORY_REGION(data_ + count,
                              static_cast<std::size_t>(static_cast<char*>(raw) + bytes - reinterpret_cast<char*>(data_ + count)));
  }
  /// Returns an array for `count` elements that will live long: this memory if it is hardly larger, else fresh memory.
  HugeArray take(std::size_t count) {
    HugeArray taken;
    if (count <= count_ && count_ <= count + count / 8)
      taken.swap(*this);
    else
      taken.reserve(count);
    return taken;
  }
  /// Releases the memory.
  void clear() noexcept { release(); }
  /// Bytes that the array takes from the system.
  std::size_t bytes() const noexcept { return bytes_; }
  T* data() noexcept { return data_; }
  const T* data() const noexcept { return data_; }
  T& operator[](std::size_t i) noexcept { return data_[i]; }
  const T& operator[](std::size_t i) const noexcept { return data_[i]; }

 private:
  void swap(HugeArray& other) noexcept {
    std::swap(raw_, other.raw_);
    std::swap(data_, other.data_);
    std::swap(count_, other.count_);
    std::swap(bytes_, other.bytes_);
  }
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
