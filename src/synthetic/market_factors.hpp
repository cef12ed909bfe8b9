// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <array>

#include "fractile/snapshot.hpp"
#include "synthetic/portable_math.hpp"

namespace fractile::synthetic {

inline constexpr int kNIndustries = 70;
inline constexpr int kNSectors = 11;

/// Sector (from 0) of an industry (from 0); neighbouring industries share a sector.
constexpr int sector_of_industry(int industry) noexcept { return industry * kNSectors / kNIndustries; }

/// The common returns of one session: of the market, of each industry (its sector's included)
/// and of one unit of each exposure.
struct SessionFactors {
  double market = 0.0;
  std::array<double, kNIndustries> industry{};
  std::array<double, kNExposures> style{};
};

/// The common part of returns, session by session, and the drifting views that the signal has of industries.
class FactorPath {
 public:
  explicit FactorPath(std::uint64_t seed);

  /// Moves to the next trading day: market volatility and views change.
  void next_day();
  /// Draws the session from a close to the next open.
  SessionFactors draw_overnight();
  /// Draws the session from an open to the same day's close.
  SessionFactors draw_intraday();
  /// Standard normal across industries, slowly moving.
  double industry_view(int industry) const noexcept { return views_[static_cast<std::size_t>(industry)]; }

 private:
  SessionFactors draw(double share_of_variance);

  Random random_;
  double log_volatility_ = 0.0;
  std::array<double, kNIndustries> views_{};
};

}  // namespace fractile::synthetic
