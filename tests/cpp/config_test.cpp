// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "fractile/config.hpp"

#include <gtest/gtest.h>

#include <string>

#include "fractile/error.hpp"

namespace fractile {
namespace {

std::string refusal_of(const std::string& options, ErrorCode code) {
  try {
    parse_config(options);
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), code) << error.what();
    return error.what();
  }
  ADD_FAILURE() << "nothing was thrown for " << options.substr(0, 80);
  return "";
}

TEST(Config, TextThatNestsTooDeeplyIsRefused) {
  const std::string deep(400000, '[');
  for (const std::string& text : {deep, "{\"lag\":" + deep, "{\"lag\":" + deep + std::string(deep.size(), ']') + "}"})
    EXPECT_NE(refusal_of(text, ErrorCode::INVALID_VALUE).find("levels"), std::string::npos);
}

TEST(Config, TextThatIsNoJsonIsRefused) {
  for (const char* text : {"", "[]", "1", "{", "{\"lag\":1", "{\"lag\":1}x", "{\"lag\":\"\xff\"}", "{\"lag\":1,\"lag\":2}"})
    refusal_of(text, ErrorCode::INVALID_VALUE);
}

TEST(Config, OptionsReadBackAsTheyAreWritten) {
  for (const char* text : {"{}", R"({"universe":{"adv":{"min":1e300},"cap":[2,1,-0.0]},"tc_value":[5e-324,1e308]})",
                           R"({"byvar_list":["\u00e9","a\"b\\"],"fractile":[0.1,99.9],"threads":3})"}) {
    const std::string written = config_to_json(parse_config(text));
    EXPECT_EQ(config_to_json(parse_config(written)), written);
  }
}

}  // namespace
}  // namespace fractile
