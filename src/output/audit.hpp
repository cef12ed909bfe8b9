// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <string>

#include "fractile/audit.hpp"
#include "output/output.hpp"

namespace fractile {

/// The answer of POST /audit.
std::string audit_to_json(const Audit& audit, Orient orient = Orient::records);
/// The verdict, a line per check with its rows, and the profile.
std::string audit_to_text(const Audit& audit);

}  // namespace fractile
