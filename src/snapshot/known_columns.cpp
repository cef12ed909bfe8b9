// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "snapshot/known_columns.hpp"

#include <algorithm>
#include <array>
#include <map>

#include "fractile/snapshot.hpp"

namespace fractile {
namespace {

constexpr std::array<std::string_view, 10> kAlwaysReal{"ret", "resret", "openret",   "resopenret", "mcap",
                                                       "adv", "vol",    "close_adj", "borrow_bps", "delist_ret"};

}  // namespace

bool is_exposure(std::string_view name) noexcept {
  return std::find(std::begin(kExposures), std::end(kExposures), name) != std::end(kExposures);
}
bool is_always_real(std::string_view name) noexcept {
  return std::find(kAlwaysReal.begin(), kAlwaysReal.end(), name) != kAlwaysReal.end() || is_exposure(name);
}
bool must_be_number(std::string_view name) noexcept {
  return is_always_real(name) || name == "cap" || name == "industry_id" || name == "sector_id";
}

bool is_price(std::string_view name) noexcept {
  return name == "close_adj" || name == "close" || name == "prc" || name == "mcap";
}

std::string unit_of(std::string_view name) {
  static const std::map<std::string_view, std::string> kUnits{{"ret", "simple total return, close of n-1 to close of n"},
                                                              {"resret", "residual of ret"},
                                                              {"openret", "simple return, open of n to open of n+1"},
                                                              {"resopenret", "residual of openret"},
                                                              {"mcap", "dollars"},
                                                              {"adv", "dollars a day"},
                                                              {"vol", "dollars a share"},
                                                              {"close_adj", "dollars a share"},
                                                              {"borrow_bps", "basis points a year"},
                                                              {"delist_ret", "simple return after the last row"},
                                                              {"cap", "1 large, 2 medium, 3 small"},
                                                              {"industry_id", "code"},
                                                              {"sector_id", "code"}};
  const auto found = kUnits.find(name);
  return found != kUnits.end() ? found->second : is_exposure(name) ? "exposure" : "";
}

}  // namespace fractile
