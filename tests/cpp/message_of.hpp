// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <gtest/gtest.h>

#include <string>

#include "fractile/error.hpp"

namespace fractile {

/// The message of the Error that `run` throws, which must have this code; a failure of the test and "" if it throws none.
template <class Run>
std::string message_of(ErrorCode code, Run&& run) {
  try {
    run();
  } catch (const Error& error) {
    EXPECT_EQ(error_info(error.code()).name, error_info(code).name) << error.what();
    return error.what();
  }
  ADD_FAILURE() << "expected an error";
  return "";
}

}  // namespace fractile
