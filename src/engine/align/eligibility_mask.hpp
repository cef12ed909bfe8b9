// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "engine/panel/panel_view.hpp"
#include "fractile/config.hpp"

/// The mask of panel rows that accept a signal: methodology section 2, rule 8 and `bad_open_print`.
namespace fractile {

/// An openret this low is a bad print (methodology section 2, rule 7).
inline constexpr double kBadOpenReturn = -0.95;

enum class RowState : std::uint8_t { open, outside_universe, bad_open_print };

/// The states of the loaded days' rows.
class EligibilityMask {
 public:
  /// Throws MISSING_PANEL_COLUMN, INVALID_VALUE if the universe does not fit the snapshot's columns.
  EligibilityMask(const PanelView& panel, const RunConfig& config, int threads, const std::function<void()>& poll);
  RowState state(RowIndex row) const noexcept {
    return states_.empty() ? RowState::open : states_[static_cast<std::size_t>(row - first_)];
  }

 private:
  RowIndex first_;
  std::vector<RowState> states_;  // empty if all rows are eligible
};

/// The panel rows of the loaded days whose characteristics meet `breakpoints`, a bit each; made on first use of a view and cached
/// there. Throws as EligibilityMask.
std::shared_ptr<const std::vector<std::uint64_t>> find_reference_rows(const PanelView& panel, const RunConfig& config);

}  // namespace fractile
