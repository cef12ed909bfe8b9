// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "server/body_buffer.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <cstring>
#include <new>
#include <utility>

namespace fractile::server {

BodyBuffer::~BodyBuffer() {
  if (data_) munmap(data_, capacity_);
}

BodyBuffer::BodyBuffer(BodyBuffer&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)),
      size_(std::exchange(other.size_, 0)),
      capacity_(std::exchange(other.capacity_, 0)) {}

BodyBuffer& BodyBuffer::operator=(BodyBuffer&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  std::swap(capacity_, other.capacity_);
  return *this;
}

char* BodyBuffer::prepare(std::size_t count) {
  constexpr std::size_t kPage = 4096;
  const std::size_t needed = size_ + count + kPadding;
  if (needed > capacity_) {
    const std::size_t wanted = (std::max(needed, capacity_ * 2) + kPage - 1) / kPage * kPage;
    void* const memory = data_ ? mremap(data_, capacity_, wanted, MREMAP_MAYMOVE)
                               : mmap(nullptr, wanted, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) throw std::bad_alloc();
    data_ = static_cast<char*>(memory);
    capacity_ = wanted;
    // A big body is touched once from end to end: huge pages make that several times as fast.
    if (wanted >= (std::size_t{8} << 20)) madvise(data_, capacity_, MADV_HUGEPAGE);
  }
  return data_ + size_;
}

void BodyBuffer::append(const void* data, std::size_t count) {
  std::memcpy(prepare(count), data, count);
  commit(count);
}

}  // namespace fractile::server
