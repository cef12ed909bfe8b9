// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace fractile {

/// A set of securities, one bit per security of the snapshot; or of names that are numbered in another way.
class SecuritySet {
 public:
  static constexpr std::size_t kWordBits = 64;

  /// Becomes empty.
  void reset(std::size_t n_securities) { words_.assign(n_securities / kWordBits + 1, 0); }
  void add(std::size_t security) noexcept { words_[security / kWordBits] |= bit_of(security); }
  /// Adds a security that is missing, or removes it.
  void flip(std::size_t security) noexcept { words_[security / kWordBits] ^= bit_of(security); }
  bool has(std::size_t security) const noexcept { return (words_[security / kWordBits] & bit_of(security)) != 0; }
  std::span<std::uint64_t> words() noexcept { return words_; }
  std::span<const std::uint64_t> words() const noexcept { return words_; }
  /// Adds those of another set, which has as many bits, or was never reset.
  void unite(const SecuritySet& other) noexcept {
    for (std::size_t i = 0; i < other.words_.size(); ++i) words_[i] |= other.words_[i];
  }
  /// Becomes the securities that both sets have.
  void intersect(const SecuritySet& a, const SecuritySet& b) {
    words_.resize(a.words_.size());
    for (std::size_t i = 0; i < words_.size(); ++i) words_[i] = a.words_[i] & b.words_[i];
  }
  std::size_t count_common(const SecuritySet& other) const noexcept {
    std::size_t count = 0;
    for (std::size_t i = 0; i < words_.size(); ++i) count += static_cast<std::size_t>(std::popcount(words_[i] & other.words_[i]));
    return count;
  }
  /// Lists the securities, ascending.
  void list(std::vector<std::uint32_t>& out) const {
    list_bits([&](std::size_t i) { return words_[i]; }, out);
  }
  /// The same of those that `other` lacks.
  void list_missing_in(const SecuritySet& other, std::vector<std::uint32_t>& out) const {
    list_bits([&](std::size_t i) { return words_[i] & ~other.words_[i]; }, out);
  }

 private:
  /// Writes several per turn, more than there are if need be: a branch per bit would often be predicted wrongly.
  template <class WordAt>
  void list_bits(WordAt&& word_at, std::vector<std::uint32_t>& out) const {
    constexpr std::size_t kPerTurn = 4;
    std::size_t count = 0;
    for (std::size_t i = 0; i < words_.size(); ++i) count += static_cast<std::size_t>(std::popcount(word_at(i)));
    out.resize(count + kPerTurn);
    std::uint32_t* next = out.data();
    for (std::size_t i = 0; i < words_.size(); ++i) {
      const auto first = static_cast<std::uint32_t>(i * kWordBits);
      std::uint64_t bits = word_at(i);
      std::uint32_t* const end = next + std::popcount(bits);
      for (; next < end; next += kPerTurn)
        for (std::size_t k = 0; k < kPerTurn; ++k, bits &= bits - 1)
          next[k] = first + static_cast<std::uint32_t>(std::countr_zero(bits));
      next = end;
    }
    out.resize(count);
  }
  static constexpr std::uint64_t bit_of(std::size_t security) noexcept { return std::uint64_t{1} << (security % kWordBits); }
  std::vector<std::uint64_t> words_;
};

/// Adds securities to a set: if they ascend, a word of it is written once.
class AscendingAdder {
 public:
  explicit AscendingAdder(SecuritySet& set) : words_(set.words()) {}
  void add_if(bool is_in, std::size_t security) noexcept {
    if (security / SecuritySet::kWordBits != at_) {
      finish();
      at_ = security / SecuritySet::kWordBits;
      bits_ = 0;
    }
    bits_ |= std::uint64_t{is_in} << (security % SecuritySet::kWordBits);
  }
  void finish() noexcept { words_[at_] |= bits_; }

 private:
  std::span<std::uint64_t> words_;
  std::size_t at_ = 0;
  std::uint64_t bits_ = 0;
};

}  // namespace fractile
