// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "formats/formats.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <string>
#include <vector>

#include "arrow/arrow_column.hpp"
#include "arrow_builder.hpp"
#include "fractile/error.hpp"
#include "fractile/panel.hpp"
#include "fractile/signal.hpp"
#include "message_of.hpp"
#include "types/id_text.hpp"

namespace fractile {
namespace {

namespace fs = std::filesystem;
using testing::batch;
using testing::plain;
using testing::stream_of;
using testing::texts;

constexpr int kRows = 60;
constexpr std::size_t kDecodedLimit = std::size_t{1} << 24;

std::string read_bytes(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// Reads the files of tests/cpp/files and files that the test writes; skipped if the formats module was not built.
class Formats : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() / ("fractile_formats_" + std::to_string(getpid()));
    fs::create_directories(folder_);
    try {
      write("probe.csv");
    } catch (const Error& error) {
      if (error.code() == ErrorCode::FORMATS_NOT_AVAILABLE) GTEST_SKIP() << error.what();
      throw;
    }
  }
  void TearDown() override { fs::remove_all(folder_); }

  /// The table of tests/cpp/files/make_files.py.
  static testing::Array table() {
    std::vector<std::int64_t> ids;
    std::vector<std::int32_t> days;
    std::vector<std::string> next_days;
    std::vector<double> values;
    std::vector<int> valid;
    for (int i = 0; i < kRows; ++i) {
      ids.push_back(7 * i - 100);
      days.push_back(18263 + i / 10);
      next_days.push_back(format_day(18264 + i / 10));
      values.push_back(i / 8.0 - 3.0);
      valid.push_back(i % 11 != 5);
    }
    return batch({plain("security_id", "l", ids), plain("date_sig", "tdD", days), texts("date_avail", "u", next_days),
                  plain("signal", "g", values).valid(valid)});
  }
  fs::path write(const std::string& name) const {
    ArrowArrayStream stream = stream_of({table()});
    formats::write_file((folder_ / name).string(), &stream);
    return folder_ / name;
  }
  fs::path write_text(const std::string& name, const std::string& text) const {
    std::ofstream(folder_ / name, std::ios::binary) << text;
    return folder_ / name;
  }
  /// One or more files of every kind.
  std::vector<fs::path> all_files() const {
    std::vector<fs::path> out{write("ours.parquet"), write("ours.csv"), write("ours.arrow")};
    ArrowArrayStream stream = stream_of({table()});
    const std::vector<std::uint8_t> bytes = formats::write_ipc_stream(&stream);
    out.push_back(write_text("ours.arrows", std::string(bytes.begin(), bytes.end())));
    for (const char* name : {"lz4.arrow", "lz4.arrows", "zstd.arrow", "zstd.arrows", "snappy.parquet", "gzip.parquet",
                             "lz4.parquet", "none.parquet", "pages.parquet", "checksums.parquet"})
      out.emplace_back(fs::path(FRACTILE_TEST_FILES) / name);
    return out;
  }

  fs::path folder_;
};

std::string format_of(const fs::path& path) { return formats::format_of_path(path.string(), ErrorCode::INTERNAL); }

Signal read(const std::string& bytes, const std::string& format) {
  return read_signal_bytes(bytes.data(), bytes.size(), format, {"signal"}, kDecodedLimit);
}

/// The id of a row, which is a number or the text of one.
std::int64_t id_at(const Signal& signal, std::int64_t row) {
  const IdColumn& ids = signal.keys.security_id;
  if (!ids.is_text()) return ids.numbers[row];
  std::int64_t number = 0;
  const std::int32_t code = ids.codes[row];
  return code >= 0 && parse_whole_id(ids.texts[static_cast<std::size_t>(code)], number) ? number : -1;
}

void expect_whole(const Signal& signal, const std::string& what) {
  ASSERT_EQ(signal.keys.n_rows, kRows) << what;
  ASSERT_TRUE(signal.keys.date_sig && signal.keys.date_avail) << what;
  for (int i = 0; i < kRows; ++i) {
    ASSERT_EQ(id_at(signal, i), 7 * i - 100) << what;
    const double value = signal.values[0][i];
    if (i % 11 == 5)
      ASSERT_TRUE(std::isnan(value)) << what;
    else
      ASSERT_EQ(value, i / 8.0 - 3.0) << what;
  }
}

TEST_F(Formats, EveryKindOfFileIsTheSameTable) {
  for (const fs::path& path : all_files()) {
    expect_whole(read_signal_file(path.string(), {"signal"}), path.string());
    expect_whole(read(read_bytes(path), format_of(path)), path.string() + " as bytes");
  }
}

TEST_F(Formats, PanelsOfEveryKindGiveTheirColumns) {
  for (const fs::path& path : all_files()) {
    const auto panel = open_panel_file(path);
    EXPECT_EQ(panel->column_names(), (std::vector<std::string>{"security_id", "date_sig", "date_avail", "signal"})) << path;
    ArrowArrayStream stream{};
    panel->open_columns({"signal", "security_id"}, &stream);
    const ArrowBatches held(&stream);
    EXPECT_EQ(held.names(), (std::vector<std::string>{"signal", "security_id"})) << path;
    EXPECT_EQ(held.n_rows(), kRows) << path;
  }
}

/// A cut input yields an error, or the rows before the cut if the format allows an end there (CSV, streams).
TEST_F(Formats, CutInputsAreErrorsOrFewerRows) {
  for (const fs::path& path : all_files()) {
    const std::string whole = read_bytes(path), format = format_of(path);
    const bool ends_anywhere = format == "csv" || path.extension() == ".arrows";
    int refused = 0;
    for (std::size_t size = 0; size < whole.size(); size += size < 64 ? 1 : 7) {
      try {
        const Signal signal = read(whole.substr(0, size), format);
        EXPECT_TRUE(ends_anywhere) << path << " cut at " << size;
        EXPECT_LE(signal.keys.n_rows, kRows) << path << " cut at " << size;
      } catch (const Error& error) {
        ++refused;
        EXPECT_EQ(error_info(error.code()).category, ErrorCategory::signal) << error.what();
      }
    }
    EXPECT_GT(refused, 3) << path;
  }
}

/// An input with a flipped bit yields an error or a consistent table. The memory limit bounds allocations by wrong lengths.
TEST_F(Formats, FlippedBitsAreErrorsOrTables) {
  for (const fs::path& path : all_files()) {
    const std::string whole = read_bytes(path), format = format_of(path);
    int refused = 0, read_well = 0;
    for (std::size_t bit = 0; bit < 8 * whole.size(); bit += 5) {
      std::string bytes = whole;
      bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ (1 << (bit % 8)));
      try {
        const Signal signal = read(bytes, format);
        double sum = 0.0;
        for (std::int64_t i = 0; i < signal.keys.n_rows; ++i) sum += signal.values[0][i] + static_cast<double>(id_at(signal, i));
        read_well += sum == sum || sum != sum;
      } catch (const Error& error) {
        ++refused;
        EXPECT_EQ(error_info(error.code()).category, ErrorCategory::signal) << error.what();
      }
    }
    EXPECT_GT(refused, 10) << path;
    EXPECT_GT(read_well, 10) << path;
  }
}

TEST_F(Formats, ChecksumsOfPagesAreChecked) {
  const std::string whole = read_bytes(fs::path(FRACTILE_TEST_FILES) / "checksums.parquet");
  std::uint32_t footer = 0;
  std::memcpy(&footer, whole.data() + whole.size() - 8, sizeof footer);
  int refused = 0;
  for (std::size_t bit = 8 * 4; bit < 8 * (whole.size() - 8 - footer); bit += 3) {
    std::string bytes = whole;
    bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ (1 << (bit % 8)));
    try {
      expect_whole(read(bytes, "parquet"), "bit " + std::to_string(bit));
    } catch (const Error&) {
      ++refused;
    }
  }
  EXPECT_GT(refused, 500);
}

TEST_F(Formats, CutFilesAreRefusedByName) {
  for (const fs::path& path : all_files()) {
    if (format_of(path) == "csv" || path.extension() == ".arrows") continue;
    const std::string whole = read_bytes(path);
    const fs::path cut = write_text("cut" + path.extension().string(), whole.substr(0, whole.size() / 2));
    const std::string signal = message_of(ErrorCode::UNREADABLE_SIGNAL, [&] { read_signal_file(cut.string(), {"signal"}); });
    EXPECT_NE(signal.find(cut.string()), std::string::npos) << signal;
    EXPECT_NE(message_of(ErrorCode::UNREADABLE_PANEL, [&] { open_panel_file(cut)->column_names(); }).find(cut.string()),
              std::string::npos);
  }
}

TEST_F(Formats, OtherBytesAreRefused) {
  for (const char* format : {"parquet", "arrow", "csv"})
    for (const std::string& bytes : {std::string(), std::string(5000, '\0'), std::string(5000, '\xff'), std::string("PAR1PAR1"),
                                     std::string("ARROW1\0\0ARROW1", 14), std::string("\xff\xff\xff\xff\xff\xff\xff\x7f", 8)}) {
      try {
        read(bytes, format);
        ADD_FAILURE() << format << " read " << bytes.size() << " bytes of nothing";
      } catch (const Error& error) {
        EXPECT_EQ(error_info(error.code()).category, ErrorCategory::signal) << error.what();
      }
    }
  message_of(ErrorCode::UNREADABLE_SIGNAL, [&] { read("x", "xls"); });
}

TEST_F(Formats, MoreThanTheLimitIsRefused) {
  for (const fs::path& path : all_files()) {
    const std::string whole = read_bytes(path), format = format_of(path);
    // Uncompressed bytes are not decoded: the columns are views of them.
    if (path.stem() == "ours" && format == "arrow") continue;
    SCOPED_TRACE(path);
    message_of(ErrorCode::UNREADABLE_SIGNAL, [&] { read_signal_bytes(whole.data(), whole.size(), format, {"signal"}, 100); });
    for (std::size_t limit = 1; limit < 100000; limit += limit / 4 + 1) {
      try {
        expect_whole(read_signal_bytes(whole.data(), whole.size(), format, {"signal"}, limit), std::to_string(limit));
      } catch (const Error& error) {
        EXPECT_EQ(error.code(), ErrorCode::UNREADABLE_SIGNAL) << error.what();
        EXPECT_NE(std::string(error.what()).find("bytes of decoded data"), std::string::npos) << error.what();
      }
    }
  }
}

TEST_F(Formats, TextsOfCsvInEveryForm) {
  const std::string plain_rows = "security_id,date_sig,signal\n1,2020-01-02,0.5\n2,2020-01-02,\n";
  const auto with = [](std::string text, const std::string& from, const std::string& to) {
    for (std::size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size()) text.replace(at, from.size(), to);
    return text;
  };
  for (const std::string& text : {plain_rows, with(plain_rows, "\n", "\r\n"), "\xef\xbb\xbf" + plain_rows,
                                  plain_rows.substr(0, plain_rows.size() - 1), with(plain_rows, "2020-01-02", "\"2020-01-02\""),
                                  with(plain_rows, ",\n", ",nan\n"), with(plain_rows, ",\n", ",NULL\n")}) {
    const Signal signal = read(text, "csv");
    ASSERT_EQ(signal.keys.n_rows, 2) << text;
    EXPECT_EQ(id_at(signal, 1), 2) << text;
    EXPECT_EQ(signal.values[0][0], 0.5) << text;
    EXPECT_TRUE(std::isnan(signal.values[0][1])) << text;
  }
  message_of(ErrorCode::EMPTY_SIGNAL, [&] { read("security_id,date_sig,signal\n", "csv"); });
  message_of(ErrorCode::UNREADABLE_SIGNAL, [&] { read(plain_rows + "3,2020-01-02\n", "csv"); });
  message_of(ErrorCode::COLUMN_TYPE, [&] { read(plain_rows + "3,2020-01-02,much\n", "csv"); });
  EXPECT_EQ(read(plain_rows + "3.5,2020-01-02,1\n", "csv").keys.security_id.texts.size(),
            3u);  // a text among ids makes all texts
}

}  // namespace
}  // namespace fractile
