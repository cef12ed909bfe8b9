// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace fractile {

/// The nearest of `names` by Levenshtein's distance, the first of equals; "" where there is none.
std::string nearest_name(std::string_view name, const std::vector<std::string_view>& names);

}  // namespace fractile
