// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "arrow/arrow_column.hpp"
#include "arrow_builder.hpp"
#include "formats/formats.hpp"
#include "fractile/error.hpp"
#include "fractile/panel.hpp"
#include "fractile/signal.hpp"
#include "ingest/date_column.hpp"
#include "message_of.hpp"

namespace fractile {
namespace {

using testing::batch;
using testing::plain;
using testing::stream_of;

/// Files through the formats module; skipped where it was not built.
class IngestFiles : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = std::filesystem::temp_directory_path() / ("fractile_ingest_" + std::to_string(getpid()));
    std::filesystem::create_directories(folder_);
    try {
      ArrowArrayStream stream = stream_of({batch({plain<double>("x", "g", {1.0})})});
      formats::write_file((folder_ / "probe.csv").string(), &stream);
    } catch (const Error& error) {
      if (error.code() == ErrorCode::FORMATS_NOT_AVAILABLE) GTEST_SKIP() << error.what();
      throw;
    }
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  /// A signal and a panel in one: every reader takes its own columns.
  static testing::Array table() {
    return batch(
        {plain<std::int64_t>("security_id", "l", {1, 2, 3}), plain<std::int32_t>("date_sig", "tdD", {18263, 18263, 18264}),
         plain<double>("signal", "g", {0.5, -0.25, 0.125}).valid({1, 0, 1}), plain<double>("unrelated", "g", {1.0, 2.0, 3.0})});
  }
  std::string write(const std::string& name) const {
    ArrowArrayStream stream = stream_of({table()});
    const std::string path = (folder_ / name).string();
    formats::write_file(path, &stream);
    return path;
  }

  std::filesystem::path folder_;
};

TEST_F(IngestFiles, PanelsOfEveryFormatAreTheSame) {
  for (const char* name : {"panel.parquet", "panel.csv", "panel.arrow"}) {
    const auto panel = open_panel_file(write(name));
    EXPECT_EQ(panel->column_names(), (std::vector<std::string>{"security_id", "date_sig", "signal", "unrelated"})) << name;
    EXPECT_EQ(panel->source_name(), name);
    for (int again = 0; again < 2; ++again) {
      ArrowArrayStream stream{};
      panel->open_columns({"unrelated", "date_sig"}, &stream);
      const ArrowBatches held(&stream);
      EXPECT_EQ(held.names(), (std::vector<std::string>{"unrelated", "date_sig"})) << name;
      ASSERT_EQ(held.n_rows(), 3) << name;
      std::vector<Day> days(3);
      read_days(held.schema(1), held.chunks(1).at(0), days.data());
      EXPECT_EQ(days, (std::vector<Day>{18263, 18263, 18264})) << name;
    }
  }
}

TEST_F(IngestFiles, HashIsOfTheFilesBytes) {
  const auto hash_of = [&](const std::string& name, const std::string& bytes) {
    std::ofstream(folder_ / name, std::ios::binary) << bytes;
    return open_panel_file(folder_ / name)->source_hash();
  };
  const std::string first = hash_of("a.csv", "x\n1\n");
  EXPECT_EQ(first.size(), 32U);
  EXPECT_EQ(first, hash_of("b.csv", "x\n1\n"));
  EXPECT_NE(first, hash_of("c.csv", "x\n2\n"));
}

TEST_F(IngestFiles, SignalsOfEveryFormatAreTheSame) {
  for (const char* name : {"signal.parquet", "signal.csv", "signal.arrow"}) {
    const Signal signal = read_signal_file(write(name), {"signal"});
    ASSERT_EQ(signal.keys.n_rows, 3) << name;
    const IdColumn& ids = signal.keys.security_id;
    if (ids.is_text())
      EXPECT_EQ(ids.texts[static_cast<std::size_t>(ids.codes[2])], "3") << name;
    else
      EXPECT_EQ(ids.numbers[2], 3) << name;
    EXPECT_EQ(signal.values[0][0], 0.5) << name;
    EXPECT_NE(signal.values[0][1], signal.values[0][1]) << name;
    EXPECT_TRUE(signal.keys.date_sig) << name;
    EXPECT_FALSE(signal.keys.date_avail) << name;
    const auto said = message_of(ErrorCode::UNKNOWN_COLUMN, [&] { read_signal_file(write(name), {"alpha"}); });
    EXPECT_NE(said.find("found security_id, date_sig, signal, unrelated."), std::string::npos) << said;
  }
}

TEST_F(IngestFiles, BytesOfAStream) {
  ArrowArrayStream stream = stream_of({table()});
  const std::vector<std::uint8_t> bytes = formats::write_ipc_stream(&stream);
  EXPECT_EQ(read_signal_bytes(bytes.data(), bytes.size(), "arrow", {"signal"}).keys.n_rows, 3);
  message_of(ErrorCode::UNREADABLE_SIGNAL, [&] { read_signal_bytes(bytes.data(), bytes.size() / 2, "arrow", {"signal"}); });
}

TEST_F(IngestFiles, WhatIsNotThereIsNamed) {
  const std::string missing = (folder_ / "none.parquet").string();
  EXPECT_NE(message_of(ErrorCode::UNREADABLE_PANEL, [&] { open_panel_file(missing); }).find(missing), std::string::npos);
  EXPECT_NE(message_of(ErrorCode::UNREADABLE_SIGNAL, [&] { read_signal_file(missing, {"signal"}); }).find(missing),
            std::string::npos);
  message_of(ErrorCode::UNREADABLE_PANEL, [&] { open_panel_file(folder_ / "panel.xls"); });
  const auto panel = open_panel_file(write("panel.parquet"));
  ArrowArrayStream stream{};
  EXPECT_ANY_THROW(panel->open_columns({"nothing"}, &stream));
}

}  // namespace
}  // namespace fractile
