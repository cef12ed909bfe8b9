// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <sys/mman.h>

#include <cstddef>
#include <memory>
#include <new>

namespace fractile {

/// An uninitialized array for plain values, on huge pages where it is large and the system gives them: the first
/// touch of small pages costs more than a column's conversion. Throws std::bad_alloc.
template <class T>
std::shared_ptr<T[]> make_large_array(std::size_t n) {
  constexpr std::size_t kHugePage = std::size_t{2} << 20;
  const std::size_t bytes = n * sizeof(T);
  if (bytes < 2 * kHugePage) return std::shared_ptr<T[]>(new T[n]);
  constexpr auto kAlignment = std::align_val_t{kHugePage};
  const std::size_t rounded = (bytes + kHugePage - 1) / kHugePage * kHugePage;
  void* memory = ::operator new(rounded, kAlignment);
  madvise(memory, rounded, MADV_HUGEPAGE);
  return std::shared_ptr<T[]>(static_cast<T*>(memory), [](T* p) { ::operator delete(p, kAlignment); });
}

}  // namespace fractile
