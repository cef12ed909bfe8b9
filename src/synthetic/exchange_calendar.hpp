// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <vector>

#include "fractile/types.hpp"

namespace fractile::synthetic {

/// Whether a United States stock exchange would be closed for a holiday that falls every year by rule.
bool is_holiday(Day day) noexcept;
/// Monday to Friday without holidays, from start to end inclusive.
std::vector<Day> trading_days(Day start, Day end);

}  // namespace fractile::synthetic
