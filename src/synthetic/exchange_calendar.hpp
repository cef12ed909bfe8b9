// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <vector>

#include "fractile/types.hpp"

namespace fractile::synthetic {

/// True if a United States stock exchange is closed on the day for a holiday that recurs every year by rule.
bool is_holiday(Day day) noexcept;
/// Monday to Friday without holidays, from start to end inclusive.
std::vector<Day> trading_days(Day start, Day end);

}  // namespace fractile::synthetic
