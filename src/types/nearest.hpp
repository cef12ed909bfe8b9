// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace fractile {

/// Returns the nearest of `names` by Levenshtein's distance, the first of equals; "" if `names` is empty.
std::string nearest_name(std::string_view name, const std::vector<std::string_view>& names);

}  // namespace fractile
