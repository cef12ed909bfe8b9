// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
//
// Limits of docs/limits.md that exceed every test machine. Input one beyond a limit is refused before it is read.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "engine/align/alignment.hpp"
#include "fractile/backtest.hpp"
#include "fractile/error.hpp"
#include "snapshot/build_index.hpp"
#include "snapshot/layout.hpp"
#include "snapshot/manifest.hpp"
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

/// A panel of two days.
void create_of_span(const std::filesystem::path& root, const std::string& id, Day first, Day last) {
  create_snapshot(
      root, id,
      *testing::panel_of({testing::plain<std::int64_t>("security_id", "l", {1, 1}),
                          testing::plain<Day>("date", "tdD", {first, last}), testing::plain<double>("ret", "g", {0.01, 0.02})}),
      {});
}

TEST(Limits, DaysOfACalendar) {
  EXPECT_EQ(layout::kMaxCalendarDays, 146'400);
  constexpr Day kFirst = -100'000, kLast = kFirst + 146'400 - 1;
  const testing::ScratchFolder folder;
  create_of_span(folder.path(), "most", kFirst, kLast);
  EXPECT_EQ(Snapshot::open(folder.path(), "most", Verify::content)->dates().back(), kLast);
  try {
    create_of_span(folder.path(), "beyond", kFirst, kLast + 1);
    FAIL() << "nothing was refused";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::PANEL_TOO_LARGE);
    EXPECT_NE(std::string(error.what()).find("within 400 years"), std::string::npos) << error.what();
  }
  // An index with such a calendar is refused too.
  const std::filesystem::path path = folder.path() / "most" / kIndexFile;
  std::fstream index(path, std::ios::in | std::ios::out | std::ios::binary);
  layout::FileHeader header;
  index.read(reinterpret_cast<char*>(&header), sizeof header);
  const layout::Section& dates = header.sections[layout::kDates];
  ASSERT_EQ(dates.count, 2U);
  const Day beyond = kLast + 1;
  index.seekp(static_cast<std::streamoff>(dates.offset + sizeof beyond));
  index.write(reinterpret_cast<const char*>(&beyond), sizeof beyond);
  index.close();
  try {
    Snapshot::open(folder.path(), "most");
    FAIL() << "nothing was refused";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::CORRUPT_SNAPSHOT);
    EXPECT_NE(std::string(error.what()).find("at most 400 years"), std::string::npos) << error.what();
  }
}

}  // namespace
}  // namespace fractile
