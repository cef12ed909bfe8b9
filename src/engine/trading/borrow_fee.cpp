// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "engine/trading/borrow_fee.hpp"

#include "engine/panel/periods.hpp"

namespace fractile {
namespace {

constexpr const char* kFeeColumn = "borrow_bps";
constexpr double kBpsPerUnit = 1e4;

}  // namespace

BorrowFee::BorrowFee(const PanelView& panel, const RunConfig& config)
    : as_of_(panel, config),
      of_others_(config.borrow_bps.value_or(0.0)),
      days_per_unit_(kBpsPerUnit * periodicity(panel.view(), config).periods_per_year) {
  const bool is_off = config.borrow_bps == 0.0;
  if (!is_off) of_name_ = panel.number(kFeeColumn, kFeeColumn);
  can_arise_ = config.method == Method::long_short && !is_off && (of_others_ > 0.0 || of_name_);
}

double BorrowFee::compute(const Book& book, DateIndex n) const noexcept {
  double sum = 0.0;
  for (std::size_t i = 0; i < book.weight.size(); ++i) {
    if (!(book.weight[i] < 0.0)) continue;
    double fee = of_others_;
    if (of_name_) {
      const RowIndex asof = as_of_.find_row(book.row[i], book.previous[i], n);
      const double known = asof == kNoRow ? -1.0 : of_name_[asof];
      if (known >= 0.0) fee = known;
    }
    sum -= book.weight[i] * fee;
  }
  return sum / days_per_unit_;
}

}  // namespace fractile
