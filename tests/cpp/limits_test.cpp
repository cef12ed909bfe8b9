// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
//
// docs/limits.md: sizes that no test machine holds. What is one beyond is refused before any of it is read.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "engine/alignment.hpp"
#include "fractile/backtest.hpp"
#include "fractile/error.hpp"
#include "snapshot/build_index.hpp"
#include "snapshot_rows.hpp"

namespace fractile {
namespace {

template <class Call>
void expect_refusal(ErrorCode code, std::int64_t most, Call&& call) {
  try {
    call();
    FAIL() << "nothing was refused";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), code);
    EXPECT_NE(std::string(error.what()).find("at most " + std::to_string(most)), std::string::npos) << error.what();
  }
}

TEST(Limits, PanelRows) {
  EXPECT_EQ(kMaxPanelRows, 2'092'957'696);
  require_panel_rows(kMaxPanelRows);
  expect_refusal(ErrorCode::PANEL_TOO_LARGE, kMaxPanelRows, [] { require_panel_rows(kMaxPanelRows + 1); });
}

TEST(Limits, PlacesBetweenFirstAndLastDays) {
  EXPECT_EQ(kMaxPlaces, 2'097'152'000);
  require_places(kMaxPlaces);
  expect_refusal(ErrorCode::PANEL_TOO_LARGE, kMaxPlaces, [] { require_places(kMaxPlaces + 1); });
}

TEST(Limits, SignalRows) {
  EXPECT_EQ(kMaxSignalRows, 4'294'967'295);
  const testing::ScratchFolder folder;
  create_snapshot(folder.path(), "small", *testing::panel_of(testing::make_rows(20, 3, 1)), {});
  const Backtester backtester(make_view(Snapshot::open(folder.path(), "small"), std::nullopt, std::nullopt, true));
  SignalKeys keys;
  keys.n_rows = kMaxSignalRows + 1;
  expect_refusal(ErrorCode::SIGNAL_TOO_LARGE, kMaxSignalRows, [&] { backtester.run(keys, nullptr, {}); });
  const std::vector<RunCell> cells(2);
  expect_refusal(ErrorCode::SIGNAL_TOO_LARGE, kMaxSignalRows, [&] { backtester.run_many(keys, cells); });
}

}  // namespace
}  // namespace fractile
