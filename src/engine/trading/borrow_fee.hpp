// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include "engine/panel/as_of.hpp"
#include "engine/portfolio/book.hpp"
#include "fractile/config.hpp"

namespace fractile {

/// The fee for short positions per day: methodology section 14.
class BorrowFee {
 public:
  /// Throws INVALID_VALUE if the column borrow_bps is text.
  BorrowFee(const PanelView& panel, const RunConfig& config);
  /// True if a day of the run can have a fee.
  bool can_arise() const noexcept { return can_arise_; }
  /// The fee of holding a book on day n, as a fraction of one side's capital. O(names).
  double compute(const Book& book, DateIndex n) const noexcept;

 private:
  AsOf as_of_;
  Characteristic of_name_;    // basis points per year; empty if there are none
  double of_others_ = 0.0;    // basis points per year of names without a known value
  double days_per_unit_ = 1;  // divisor from basis points per year to a fraction per day
  bool can_arise_ = false;
};

}  // namespace fractile
