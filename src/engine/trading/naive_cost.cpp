// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "engine/kernels/kernels.hpp"
#include "engine/trading/cost_model.hpp"

namespace fractile {
namespace {

class NaiveCost final : public CostModel {
 public:
  NaiveCost(const PanelView& panel, const RunConfig& config)
      : cap_classes_(config.calc_turnover ? panel.cap_classes() : nullptr) {
    constexpr double kBps = 1e-4;
    for (int c = 0; c < kNCapClasses; ++c) rate_of_class_[c] = config.tc_level[static_cast<std::size_t>(c)] * kBps;
  }

  Cost price(const TradeList& trades) override {
    find_rates(trades);
    return {sum_products(trades.change.data(), rate_.data(), rate_.size()), 0};
  }

  void price_each(const TradeList& trades, std::vector<double>& out) override {
    find_rates(trades);
    out.resize(trades.size());
    for (std::size_t i = 0; i < out.size(); ++i) out[i] = trades.change[i] * rate_[i];
  }

 private:
  void find_rates(const TradeList& trades) {
    rate_.resize(trades.size());
    for (std::size_t i = 0; i < rate_.size(); ++i) rate_[i] = rate_of_class_[cap_classes_->of(trades.newest[i])];
  }

  std::shared_ptr<const CapClasses> cap_classes_;  // null if the run has no costs
  double rate_of_class_[kNCapClasses];
  std::vector<double> rate_;
};

}  // namespace

std::unique_ptr<CostModel> make_naive_cost(const PanelView& panel, const RunConfig& config) {
  return std::make_unique<NaiveCost>(panel, config);
}

}  // namespace fractile
