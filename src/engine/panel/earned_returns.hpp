// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <memory>
#include <vector>

#include "engine/panel/panel_view.hpp"
#include "fractile/config.hpp"

/// The return that a trade earns, methodology section 14: ret, or openret with from_open, and the delisting return behind it.
namespace fractile {

/// A view that reads like a column by panel row; NaN: missing. Cheap to copy.
class EarnedReturns {
 public:
  EarnedReturns() = default;
  /// Throws MISSING_PANEL_COLUMN if from_open needs openret and the snapshot lacks it, INVALID_VALUE if delist_ret is text.
  EarnedReturns(const PanelView& panel, const RunConfig& config);
  double operator[](RowIndex row) const noexcept {
    if (exits_) {
      const Exit& exit = exits_->of_security[static_cast<std::size_t>(exits_->panel.security_of_row(row))];
      if (exit.row == row) return exit.earned;
    }
    return column_[row];
  }
  /// The column itself, and a flag that is true if some of its rows earn another return.
  const Reals& column() const noexcept { return column_; }
  bool has_exits() const noexcept { return exits_ != nullptr; }

 private:
  /// A security's last row, if it leaves the panel with a delisting return.
  struct Exit {
    RowIndex row = kNoRow;
    double earned = 0.0;
  };
  struct Exits {
    const PanelView& panel;
    std::vector<Exit> of_security;
  };
  static std::shared_ptr<const Exits> find_exits(const PanelView& panel, const RunConfig& config, const Reals& column);

  Reals column_;
  std::shared_ptr<const Exits> exits_;  // null if no row has a delisting return
};

}  // namespace fractile
