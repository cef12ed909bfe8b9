// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <string>

#include "fractile/fama_macbeth.hpp"
#include "output/output.hpp"

namespace fractile {

/// The answer of POST /fama_macbeth.
std::string fama_macbeth_to_json(const FamaMacBeth& found, Orient orient = Orient::records);
/// The table, and a line about the days.
std::string fama_macbeth_to_text(const FamaMacBeth& found);

}  // namespace fractile
