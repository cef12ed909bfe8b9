// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "fractile/config.hpp"

#include <gtest/gtest.h>

#include <cmath>
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

namespace fractile {
namespace {

template <class Change>
std::string refusal_by(Change&& change) {
  RunConfig config;
  change(config);
  try {
    validate(config);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

TEST(Validate, RefusesValuesThatNoParserHasSeen) {
  EXPECT_EQ(refusal_by([](RunConfig&) {}), "");
  const auto names = [](const std::string& text, const char* option) { return text.find(option) != std::string::npos; };
  EXPECT_TRUE(names(refusal_by([](RunConfig& c) { c.lag = -3; }), "lag"));
  EXPECT_TRUE(names(refusal_by([](RunConfig& c) { c.n_fractile = 0; }), "n_fractile"));
  EXPECT_TRUE(names(refusal_by([](RunConfig& c) { c.fractile = {90.0, 10.0}; }), "fractile"));
  EXPECT_TRUE(names(refusal_by([](RunConfig& c) { c.fractile = {std::nan(""), 90.0}; }), "fractile"));
  EXPECT_TRUE(names(refusal_by([](RunConfig& c) { c.hold_days = -1; }), "hold_days"));
  EXPECT_TRUE(names(refusal_by([](RunConfig& c) { c.gmv_musd = INFINITY; }), "gmv_musd"));
  EXPECT_TRUE(names(refusal_by([](RunConfig& c) { c.tc_level = {2.0, -5.0, 10.0}; }), "tc_level"));
  EXPECT_TRUE(names(refusal_by([](RunConfig& c) { c.tc_value = {-0.35, 0.4}; }), "tc_value"));
  EXPECT_TRUE(names(refusal_by([](RunConfig& c) { c.weight = static_cast<Weight>(9); }), "weight"));
  EXPECT_TRUE(names(refusal_by([](RunConfig& c) { c.analysis = {"icc"}; }), "ic"));
  EXPECT_TRUE(names(refusal_by([](RunConfig& c) { c.sort_method = SortMethod::double_; }), "double_var"));
  EXPECT_TRUE(names(refusal_by([](RunConfig& c) { c.threads = -1; }), "threads"));
}

}  // namespace
}  // namespace fractile
