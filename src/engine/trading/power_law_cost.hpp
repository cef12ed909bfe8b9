// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "engine/panel/panel_view.hpp"
#include "engine/trading/cost_model.hpp"
#include "engine/trading/unit_rates.hpp"
#include "fractile/config.hpp"

namespace fractile {

/// A trade of `change` capitals costs beta * vol / close_adj * (change * capital / adv)^alpha, the rate, times `change`:
/// `tc_model="power_law"`. The rate is the product of a part of the row (UnitRates) and a part of the change. Analysis "capacity"
/// uses this model whatever the option says, and multiplies its costs by a power of the capital.
class PowerLawCost final : public CostModel {
 public:
  /// Throws MISSING_PANEL_COLUMN if the snapshot lacks vol, adv or close_adj; `option` is the one that needs them. `read_next`: a
  /// column that the caller reads at newest() after price(): it comes from memory while costs are computed.
  PowerLawCost(const PanelView& panel, const RunConfig& config, const char* option, Reals read_next = {});
  /// A trade of unknown cost takes the day's largest rate.
  Cost price(const TradeList& trades) override;
  void price_each(const TradeList& trades, std::vector<double>& out) override;

  /// The changes other than 0 of the last call, and the newest row that each trade knows.
  const std::vector<double>& changes() const noexcept { return change_; }
  const std::vector<RowIndex>& newest() const noexcept { return newest_; }

 private:
  /// (change * capital)^alpha of few different changes, as the trades of equal weights have. The newest of each place.
  class Powers {
   public:
    Powers(double capital, double alpha) noexcept : capital_(capital), alpha_(alpha) {}
    /// NaN if it is 0 or beyond the range of a normal double.
    double of(double change) noexcept;

   private:
    struct Entry {
      double change = -1.0;
      double power = 0.0;
    };
    double capital_, alpha_;
    std::array<Entry, 64> entries_;
  };

  void take_changes(const TradeList& trades);
  double find_rate(std::size_t i) noexcept;
  double compute_rate(double change, RowIndex newest) const noexcept;

  double beta_, alpha_, capital_;
  Reals read_next_;
  std::shared_ptr<const UnitRates> unit_rates_;
  UnitRates::Day cached_;  // of the last call
  Powers powers_;
  // By change other than 0.
  std::vector<std::uint32_t> at_;  // its place in the trade list
  std::vector<RowIndex> newest_;
  std::vector<double> change_;
  std::vector<double> rate_;  // NaN: unknown; of price_each()
};

}  // namespace fractile
