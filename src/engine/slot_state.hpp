// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <bit>
#include <cstdint>

namespace fractile {

/// A slot holds a signal value, or one of a few NaNs that say why it holds none.
enum class SlotState : std::uint8_t { used, empty, outside, bad_open, bad_open_taken };

inline constexpr std::uint64_t kSlotNaN = 0x7ff8000000000000ULL;
inline constexpr double kEmptySlot = std::bit_cast<double>(kSlotNaN);
inline constexpr double kOutsideSlot = std::bit_cast<double>(kSlotNaN + 1);       ///< not in the universe
inline constexpr double kBadOpenSlot = std::bit_cast<double>(kSlotNaN + 2);       ///< a bad open print, no row yet
inline constexpr double kBadOpenTakenSlot = std::bit_cast<double>(kSlotNaN + 3);  ///< the same, with a row

inline SlotState slot_state(double slot) noexcept {
  const std::uint64_t code = std::bit_cast<std::uint64_t>(slot) - kSlotNaN;
  return code > 3 ? SlotState::used : static_cast<SlotState>(code + 1);
}

}  // namespace fractile
