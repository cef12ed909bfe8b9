// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "synthetic/name_state.hpp"

#include <algorithm>
#include <cmath>

namespace fractile::synthetic {
namespace {

constexpr std::size_t kSizeAt = 0, kValueAt = 1, kGrowthAt = 2, kLeverageAt = 3, kVolatilityAt = 4, kMomentumAt = 5, kYieldAt = 6;
// Moments of the long-run cross-section, which standardise exposures.
constexpr double kMeanLogMcap = 20.3;  // 650 million dollars
constexpr double kStdLogMcap = 1.9;
constexpr double kMeanLogVolatility = -3.6;  // 2.7 % a day
constexpr double kStdLogVolatility = 0.38;

constexpr double kOvernightStd = 0.5477225575051661;  // sqrt(0.3), as in the common factors
constexpr double kIntradayStd = 0.8366600265340756;
constexpr double kOvernightAlphaShare = 0.3;

constexpr double kAlphaMemory = 0.97;
constexpr double kAlphaInnovation = 0.2431049156228644;  // sqrt(1 - memory^2)
/// Expected daily return for one unit of alpha, in units of the name's own volatility.
constexpr double kAlphaPerVolatility = 0.021;

constexpr double kMomentumMemory = 0.985;
constexpr double kMomentumGain = 0.21;  // keeps its variance near one
constexpr double kStyleMemory = 0.998;
constexpr double kStyleInnovation = 0.06321392251711642;
constexpr double kTurnoverMemory = 0.98;
constexpr double kVarianceMemory = 0.97;
/// Reversion per day. Without it, decades of compounding would leave prices of a millionth of a dollar.
constexpr double kPriceReversion = 0.00012;
constexpr double kIssuance = 0.0005;  // per day; shares grow if the capitalisation has shrunk

double common_return(const NameState& name, const SessionFactors& factors) {
  double sum = name.beta * factors.market + factors.industry[static_cast<std::size_t>(name.industry)];
  for (std::size_t k = 0; k < factors.style.size(); ++k) sum += name.exposure[k] * factors.style[k];
  return sum;
}

double within(double x, double low, double high) { return x < low ? low : x > high ? high : x; }

/// Exposures that follow from price and variance.
void observe_price_exposures(NameState& name) {
  name.exposure[kSizeAt] = (portable_log(name.price * name.shares) - kMeanLogMcap) / kStdLogMcap;
  name.exposure[kVolatilityAt] = within((0.5 * portable_log(name.variance) - kMeanLogVolatility) / kStdLogVolatility, -5.0, 5.0);
}

}  // namespace

NameState make_name(const Lifetime& life, bool is_covered, Random& random) {
  NameState name;
  name.life = life;
  name.is_covered = is_covered;
  const double u = random.next_uniform();
  name.industry = static_cast<int>(kNIndustries * (0.4 * u + 0.6 * u * u));  // industries differ in number of names
  name.is_unclassified = random.next_uniform() < 0.05;
  const double size = random.next_normal();
  name.beta = within(1.0 + 0.3 * random.next_normal(), 0.1, 2.5);
  name.idiosyncratic_volatility = within(portable_exp(-3.75 - 0.18 * size + 0.25 * random.next_normal()), 0.006, 0.08);
  name.price = within(portable_exp(2.9 + 0.35 * size + 0.7 * random.next_normal()), 0.5, 3000.0);
  name.base_log_price = portable_log(name.price);
  name.shares = portable_exp(kMeanLogMcap + kStdLogMcap * size) / name.price;
  name.base_log_turnover = -5.2 + 0.25 * size + 0.5 * random.next_normal();
  name.log_turnover = name.base_log_turnover;
  const double daily = 0.013 + name.idiosyncratic_volatility;
  name.variance = daily * daily * portable_exp(0.2 * random.next_normal());
  for (double& exposure : name.exposure) exposure = random.next_normal();
  observe_price_exposures(name);
  name.alpha = random.next_normal();
  name.earlier_alpha = kAlphaMemory * name.alpha + kAlphaInnovation * random.next_normal();
  name.noise = random.next_normal();
  return name;
}

NameStep advance_to_close(NameState& name, const SessionFactors& intraday, Random& random) {
  NameStep step;
  step.intraday_common = common_return(name, intraday);
  const double own = name.idiosyncratic_volatility * (kIntradayStd * random.next_student() +
                                                      (1.0 - kOvernightAlphaShare) * kAlphaPerVolatility * name.earlier_alpha);
  const double reversion = kPriceReversion * (name.base_log_price - portable_log(name.price));
  step.intraday = within(step.intraday_common + own + reversion, -0.8, 3.0);
  const double growth = (1.0 + name.overnight) * (1.0 + step.intraday);
  name.growth *= growth;
  name.common += name.overnight_common + step.intraday_common;
  name.price *= growth;
  const double ret = growth - 1.0;
  name.variance = std::max(kVarianceMemory * name.variance + (1.0 - kVarianceMemory) * ret * ret, 1e-6);
  const double surprise = within(own / name.idiosyncratic_volatility, -4.0, 4.0);
  auto& x = name.exposure;
  x[kMomentumAt] = within(kMomentumMemory * x[kMomentumAt] + kMomentumGain * surprise, -5.0, 5.0);
  // A fall in price raises value and leverage.
  x[kValueAt] = within(kStyleMemory * x[kValueAt] + 0.9 * kStyleInnovation * random.next_normal() - 0.4 * ret, -5.0, 5.0);
  x[kGrowthAt] = within(kStyleMemory * x[kGrowthAt] + kStyleInnovation * random.next_normal(), -5.0, 5.0);
  x[kLeverageAt] = within(kStyleMemory * x[kLeverageAt] + 0.9 * kStyleInnovation * random.next_normal() - 0.4 * ret, -5.0, 5.0);
  x[kYieldAt] = within(kStyleMemory * x[kYieldAt] + kStyleInnovation * random.next_normal(), -5.0, 5.0);
  name.log_turnover =
      name.base_log_turnover + kTurnoverMemory * (name.log_turnover - name.base_log_turnover) + 0.06 * random.next_normal();
  name.shares *= 1.0 - kIssuance * within(x[kSizeAt], -3.0, 3.0);
  observe_price_exposures(name);
  return step;
}

void draw_next_overnight(NameState& name, const SessionFactors& overnight, Random& random) {
  name.overnight_common = common_return(name, overnight);
  // The alpha was made one close ago and can be traded at this close, so the next night and day earn it.
  const double own = name.idiosyncratic_volatility *
                     (kOvernightStd * random.next_student() + kOvernightAlphaShare * kAlphaPerVolatility * name.alpha);
  name.overnight = within(name.overnight_common + own, -0.8, 3.0);
  name.earlier_alpha = name.alpha;
  name.alpha = kAlphaMemory * name.alpha + kAlphaInnovation * random.next_normal();
  name.noise = kAlphaMemory * name.noise + kAlphaInnovation * random.next_normal();
}

double observe_signal(const NameState& name, double industry_view) noexcept {
  const double raw = 0.75 * name.alpha + 0.45 * name.exposure[kMomentumAt] + 0.40 * name.exposure[kValueAt] +
                     0.40 * industry_view + 0.30 * name.noise;
  return std::floor(raw * 8192.0 + 0.5) / 8192.0;  // coarse enough for a few ties per day
}

}  // namespace fractile::synthetic
