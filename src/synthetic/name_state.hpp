// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <array>
#include <cstdint>

#include "fractile/snapshot.hpp"
#include "synthetic/lifetimes.hpp"
#include "synthetic/market_factors.hpp"

namespace fractile::synthetic {

/// The state of one name, which the simulation carries from day to day.
struct NameState {
  Lifetime life{};
  int industry = 0;  ///< from 0
  bool is_covered = false;
  bool is_unclassified = false;   ///< its industry becomes known only some weeks after it entered
  int halted_days = 0;            ///< trading days still to come without a row
  std::int64_t signal_begin = 0;  ///< place of its first signal row

  double beta = 1.0;
  double idiosyncratic_volatility = 0.0;  ///< daily
  double price = 0.0;                     ///< dollars a share, adjusted
  double base_log_price = 0.0;
  double shares = 0.0;
  double log_turnover = 0.0;  ///< of dollar volume over capitalisation
  double base_log_turnover = 0.0;
  double variance = 0.0;                       ///< exponentially weighted, of daily returns
  std::array<double, kNExposures> exposure{};  ///< in the order of kExposures
  double alpha = 0.0;                          ///< the predictable part of the signal, made at the last close
  double earlier_alpha = 0.0;                  ///< the alpha of the day before
  double noise = 0.0;                          ///< the unpredictable part of the signal

  // The session to the coming open is drawn a day ahead: `openret` of a row ends there.
  double overnight = 0.0;
  double overnight_common = 0.0;
  // Growth and common return since the last row; more than a day's only after a halt.
  double growth = 1.0;
  double common = 0.0;
};

/// The outcome of one close-to-close step of a name.
struct NameStep {
  double intraday = 0.0;
  double intraday_common = 0.0;
};

/// A name on the close before its first day. Draws from `random`.
NameState make_name(const Lifetime& life, bool is_covered, Random& random);

/// Moves a name from the open of a day to its close: the price, and all numbers that depend on it. `alpha` becomes this close's.
NameStep advance_to_close(NameState& name, const SessionFactors& intraday, Random& random);
/// Draws the return from the close to the next open, and does not yet apply it to the price.
void draw_next_overnight(NameState& name, const SessionFactors& overnight, Random& random);
/// The planted signal at this close.
double observe_signal(const NameState& name, double industry_view) noexcept;

}  // namespace fractile::synthetic
