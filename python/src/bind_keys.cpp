// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include <nanobind/nanobind.h>

#include <array>
#include <bit>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "bind.hpp"

namespace nb = nanobind;

namespace fractile::python {
namespace {

/// The key of a row of a sweep, as sweep/keys.py makes it.
using Key = std::array<std::uint64_t, 2>;

std::size_t count_keys(const nb::bytes& keys) {
  if (keys.size() % sizeof(Key) != 0) throw nb::value_error("expected 16 bytes per key");
  return keys.size() / sizeof(Key);
}

Key read_key(const nb::bytes& keys, std::size_t number) {
  Key key;
  std::memcpy(key.data(), keys.c_str() + number * sizeof(Key), sizeof(Key));
  return key;
}

/// Keys that a store has: a table of which half is empty. A key is a hash, so its own bits name its slot, and a look-up of a
/// million keys is one line of memory.
class KeySet {
 public:
  explicit KeySet(const nb::bytes& keys) {
    const std::size_t n_keys = count_keys(keys);
    slots_.resize(std::bit_ceil(2 * n_keys + 1), kEmpty);
    for (std::size_t i = 0; i < n_keys; ++i) insert(read_key(keys, i));
  }

  std::size_t size() const noexcept { return n_keys_; }

  nb::bytes contains(const nb::bytes& keys) const {
    const std::size_t n_keys = count_keys(keys);
    std::string found(n_keys, '\0');
    for (std::size_t i = 0; i < n_keys; ++i) found[i] = has(read_key(keys, i)) ? '\1' : '\0';
    return nb::bytes(found.data(), found.size());
  }

  nb::list find_lacking(const nb::bytes& keys) const {
    const std::size_t n_keys = count_keys(keys);
    for (std::size_t i = 0; i < n_keys; ++i) __builtin_prefetch(&slots_[slot_of(read_key(keys, i))]);
    nb::list numbers;
    for (std::size_t i = 0; i < n_keys; ++i)
      if (!has(read_key(keys, i))) numbers.append(i);
    return numbers;
  }

 private:
  static constexpr Key kEmpty = {0, 0};

  std::size_t slot_of(const Key& key) const noexcept { return key[0] & (slots_.size() - 1); }

  /// The slot of a key, or the empty one that it would have.
  std::size_t find(const Key& key) const noexcept {
    std::size_t at = slot_of(key);
    while (slots_[at] != key && slots_[at] != kEmpty) at = (at + 1) & (slots_.size() - 1);
    return at;
  }

  bool has(const Key& key) const noexcept { return key == kEmpty ? has_zeros_ : slots_[find(key)] == key; }

  void insert(const Key& key) noexcept {
    n_keys_ += !has(key);
    if (key == kEmpty)
      has_zeros_ = true;
    else
      slots_[find(key)] = key;
  }

  std::vector<Key> slots_;
  std::size_t n_keys_ = 0;
  bool has_zeros_ = false;  // the key that empty slots look like
};

nb::bytes join_keys(const nb::bytes& cells, const nb::bytes& signal) {
  if (signal.size() != sizeof(Key)) throw nb::value_error("expected 16 bytes of a signal");
  const Key of_signal = read_key(signal, 0);
  const std::size_t n_cells = count_keys(cells);
  std::string joined(n_cells * sizeof(Key), '\0');
  for (std::size_t i = 0; i < n_cells; ++i) {
    const Key cell = read_key(cells, i);
    const Key key = {cell[0] ^ of_signal[0], cell[1] ^ of_signal[1]};
    std::memcpy(joined.data() + i * sizeof(Key), key.data(), sizeof(Key));
  }
  return nb::bytes(joined.data(), joined.size());
}

}  // namespace

void bind_keys(nb::module_& module) {
  nb::class_<KeySet>(module, "KeySet", "Keys of rows of a sweep, 16 bytes each.")
      .def(nb::init<nb::bytes>(), nb::arg("keys") = nb::bytes("", 0), "Takes keys that follow each other. Raises ValueError.")
      .def("__len__", &KeySet::size, "Number of different keys.")
      .def("contains", &KeySet::contains, nb::arg("keys"),
           "For each of some keys that follow each other, a byte: 1 if the set has it, else 0. Raises ValueError.")
      .def("lacking", &KeySet::find_lacking, nb::arg("keys"),
           "The numbers from 0, ascending, of those of some keys that the set does not have. Raises ValueError.");
  module.def("join_keys", &join_keys, nb::arg("cells"), nb::arg("signal"),
             "The exclusive or of a signal's 16 bytes and those of each cell, one after the other. Raises ValueError.");
}

}  // namespace fractile::python
