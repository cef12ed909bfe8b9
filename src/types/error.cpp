// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "fractile/error.hpp"

#include <array>

namespace fractile {
namespace {

constexpr std::array kTable{
#define FRACTILE_X(code, number, category, http) ErrorInfo{ErrorCode::code, #code, ErrorCategory::category, http},
    FRACTILE_ERROR_TABLE(FRACTILE_X)
#undef FRACTILE_X
};

/// The message of NO_SNAPSHOTS begins with the words that users expect; all others begin with their name.
std::string full_message(ErrorCode code, const std::string& message) {
  if (code == ErrorCode::NO_SNAPSHOTS) return message;
  return std::string(error_info(code).name) + ": " + message;
}

}  // namespace

ErrorInfo error_info(ErrorCode code) noexcept {
  for (const ErrorInfo& info : kTable)
    if (info.code == code) return info;
  return {code, "INTERNAL", ErrorCategory::internal, 500};
}

Error::Error(ErrorCode code, const std::string& message) : std::runtime_error(full_message(code, message)), code_(code) {}

}  // namespace fractile
