// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <optional>
#include <vector>

#include "audit/coverage.hpp"
#include "audit/profile.hpp"
#include "audit/signal_rows.hpp"
#include "audit/vintages.hpp"
#include "fractile/audit.hpp"

namespace fractile::audit {

/// Annualised Sharpe ratios before costs of the signal's book, as traded and one period later. NaN without a book.
struct LaggedSharpe {
  double as_traded, one_later;
};

/// The books of two vintages on their common keys.
struct VintageSharpe {
  double newer, older;  ///< annualised
  double difference;    ///< newer less older, per period
  double error;         ///< of the difference
};

/// The measurements that checks judge. One is absent if no row of the signal can be used without its impossible rows.
struct Measurements {
  const SignalRows& rows;
  const Profile* profile = nullptr;
  const LaggedSharpe* sharpe = nullptr;
  const Coverage* coverage = nullptr;
  const Vintages* vintages = nullptr;  ///< null if there is one vintage
  const VintageSharpe* vintage_sharpe = nullptr;
  bool refuses_lookahead = false;  ///< lookahead="error"
};

/// All checks, in the order of docs/how_to_audit.md.
std::vector<AuditCheck> judge(const Measurements& found, const PanelView& panel, const SignalKeys& keys);

}  // namespace fractile::audit
