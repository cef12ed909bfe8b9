// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "engine/trading/cost_model.hpp"

namespace fractile {

std::unique_ptr<CostModel> make_cost_model(const PanelView& panel, const RunConfig& config) {
  switch (config.tc_model) {
    case TcModel::naive: return make_naive_cost(panel, config);
    case TcModel::power_law: return make_power_law_cost(panel, config);
  }
  return nullptr;
}

}  // namespace fractile
