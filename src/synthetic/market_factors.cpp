// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "synthetic/market_factors.hpp"

#include <cmath>

namespace fractile::synthetic {
namespace {

// Daily figures, close to close.
constexpr double kMarketDrift = 0.0004;
constexpr double kMarketVolatility = 0.0095;
constexpr double kSectorVolatility = 0.0045;
constexpr double kIndustryVolatility = 0.0055;
/// In the order of kExposures: size value growth leverage volatility momentum yield.
constexpr std::array<double, kNExposures> kStyleVolatility{0.0018, 0.0034, 0.0014, 0.0010, 0.0024, 0.0052, 0.0010};
constexpr double kOvernightShare = 0.3;  ///< of the variance
constexpr double kVolatilityMemory = 0.98;
constexpr double kVolatilityOfVolatility = 0.3;
constexpr double kViewMemory = 0.98;

double innovation(double memory) { return std::sqrt(1.0 - memory * memory); }

}  // namespace

FactorPath::FactorPath(std::uint64_t seed) : random_(seed) {
  for (double& view : views_) view = random_.next_normal();
}

void FactorPath::next_day() {
  log_volatility_ =
      kVolatilityMemory * log_volatility_ + kVolatilityOfVolatility * innovation(kVolatilityMemory) * random_.next_normal();
  for (double& view : views_) view = kViewMemory * view + innovation(kViewMemory) * random_.next_normal();
}

SessionFactors FactorPath::draw(double share_of_variance) {
  // All common factors share one volatility.
  const double scale = std::sqrt(share_of_variance) * portable_exp(log_volatility_);
  SessionFactors factors;
  factors.market = share_of_variance * kMarketDrift + kMarketVolatility * scale * random_.next_student();
  std::array<double, kNSectors> sector{};
  for (double& r : sector) r = kSectorVolatility * scale * random_.next_normal();
  for (int i = 0; i < kNIndustries; ++i)
    factors.industry[static_cast<std::size_t>(i)] =
        sector[static_cast<std::size_t>(sector_of_industry(i))] + kIndustryVolatility * scale * random_.next_normal();
  for (std::size_t k = 0; k < factors.style.size(); ++k) factors.style[k] = kStyleVolatility[k] * scale * random_.next_normal();
  return factors;
}

SessionFactors FactorPath::draw_overnight() { return draw(kOvernightShare); }
SessionFactors FactorPath::draw_intraday() { return draw(1.0 - kOvernightShare); }

}  // namespace fractile::synthetic
