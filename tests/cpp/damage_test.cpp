// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
//
// Runs on data that is damaged, cut or written to: they never return a wrong number without an error, and never end the process.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "fractile/backtest.hpp"
#include "fractile/error.hpp"
#include "fractile/panel.hpp"
#include "output/output.hpp"
#include "snapshot/layout.hpp"
#include "snapshot/manifest.hpp"
#include "snapshot/mapping_guard.hpp"
#include "snapshot_rows.hpp"

namespace fractile {
namespace {

namespace fs = std::filesystem;
using testing::plain;
using testing::ScratchFolder;

constexpr int kDays = 300, kNames = 24;  // two segments
constexpr Day kFirst = 18000;

/// Runs that together read every column and every part of the index.
const std::vector<std::string>& configs() {
  static const std::vector<std::string> kConfigs{
      R"({"mincos": 2})",
      R"({"mincos": 2, "threads": 1, "byvar_list": ["overall", "cap", "country"], "weight": "value", "keep_weights": true})",
      R"({"mincos": 2, "resid": "all", "analysis": ["ic", "fractile", "coverage"], "hold_days": 3})",
      R"({"mincos": 2, "tc_model": "power_law", "from_open": true, "universe": {"cap": [1, 2, 3], "adv": {"min": 1}}})",
      R"({"mincos": 2, "resid": "industry", "lag": 1, "drift": true, "characteristics_asof": "return_day"})",
      R"({"mincos": 2, "sort_method": "double", "double_var": "mcap", "weight": "volume", "tc_model": "power_law"})"};
  return kConfigs;
}

void create_market(const fs::path& root, const std::string& id) {
  std::mt19937_64 random(3);
  const auto uniform = [&] { return static_cast<double>(random() >> 11) * 0x1p-53; };
  std::vector<std::int64_t> ids;
  std::vector<Day> days;
  const std::vector<std::string> reals{"ret",  "resret", "openret", "mcap",     "adv",        "vol",      "close_adj",
                                       "size", "value",  "growth",  "leverage", "volatility", "momentum", "yield"};
  std::vector<std::vector<double>> values(reals.size());
  std::vector<std::int32_t> cap, industry;
  std::vector<std::string> country;
  for (int n = 0; n < kDays; ++n)
    for (int i = 0; i < kNames; ++i) {
      if (uniform() < 0.05) continue;
      ids.push_back(100 + 3 * i);
      days.push_back(kFirst + n);
      for (std::size_t c = 0; c < reals.size(); ++c)
        values[c].push_back(uniform() < 0.02 ? __builtin_nan("") : uniform() + (c > 2) - 0.5 * (c < 3));
      cap.push_back(1 + static_cast<int>(random() % 3));
      industry.push_back(101 + 7 * static_cast<int>(random() % 5));
      country.push_back(std::array{"CH", "JP", "US"}[random() % 3]);
    }
  std::vector<testing::Array> columns{plain("security_id", "l", ids), plain("date", "tdD", days), plain("cap", "i", cap),
                                      plain("industry_id", "i", industry), testing::texts("country", "u", country)};
  for (std::size_t c = 0; c < reals.size(); ++c) columns.push_back(plain(reals[c], "g", values[c]));
  create_snapshot(root, id, *testing::panel_of(std::move(columns)), {});
}

Signal make_signal() {
  std::mt19937_64 random(4);
  std::vector<std::int64_t> ids;
  std::vector<Day> days;
  std::vector<double> values;
  for (int n = 0; n < kDays; ++n)
    for (int i = 0; i < kNames; ++i) {
      ids.push_back(100 + 3 * i);
      days.push_back(kFirst + n);
      values.push_back(static_cast<double>(random() % 1000));
    }
  ArrowArrayStream stream = testing::stream_of(
      {testing::batch({plain("security_id", "l", ids), plain("date_sig", "tdD", days), plain("signal", "g", values)})});
  return read_signal(&stream, {"signal"});
}

Backtester open_market(const fs::path& root, const std::string& id) {
  return Backtester(make_view(Snapshot::open(root, id), kFirst + 40, std::nullopt, true));
}

/// The whole answer of a run without its times.
std::string run(const Backtester& backtester, const Signal& signal, const std::string& config) {
  Result result = backtester.run(signal.keys, signal.values[0], parse_config(config));
  result.elapsed_seconds = 0;
  result.timings.clear();
  return result_to_json(result);
}

std::string read(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}
/// Writes into the same file, as `cp` does.
void write(const fs::path& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary).write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

std::vector<fs::path> data_files(const fs::path& snapshot) {
  std::vector<fs::path> out;
  for (const auto& entry : fs::recursive_directory_iterator(snapshot))
    if (entry.is_regular_file() && entry.path().filename() != kManifestFile) out.push_back(entry.path());
  std::sort(out.begin(), out.end());
  return out;
}

int times_of(const char* variable, int otherwise) {
  const char* wanted = std::getenv(variable);
  return wanted ? std::atoi(wanted) : otherwise;
}

/// Opening a snapshot checks no row. Garbage in rows must not lead a run outside its memory or into an endless loop.
TEST(Damage, GarbageInRowsLeadsNowhere) {
  ScratchFolder root;
  create_market(root.path(), "m");
  const Signal signal = make_signal();
  std::mt19937_64 random(5);
  const fs::path index = root.path() / "m" / kIndexFile;
  const std::string whole = read(index);
  layout::FileHeader header;
  std::memcpy(static_cast<void*>(&header), whole.data(), sizeof header);
  const std::vector<fs::path> files = data_files(root.path() / "m");
  const int tries = times_of("FRACTILE_DAMAGE_TRIES", 60);
  int answered = 0, refused = 0;
  for (int k = 0; k < tries; ++k) {
    const bool in_index = k % 2 == 0;
    const fs::path path = in_index ? index : files[random() % files.size()];
    const std::string before = read(path);
    std::string broken = before;
    std::size_t from = layout::kPageBytes, count = (broken.size() - from) / 4;
    if (path == index) {
      const auto section = layout::kSecurityOfRow + random() % 3;
      from = header.sections[section].offset;
      count = header.sections[section].count;
    }
    const std::size_t first = random() % count, last = first + 1 + random() % (count - first);
    const auto kind = random() % 5;
    for (std::size_t i = first; i < last; ++i) {
      const std::uint32_t value = kind == 0   ? 0U
                                  : kind == 1 ? 0xffffffffU
                                  : kind == 2 ? 0x7fffffffU
                                  : kind == 3 ? static_cast<std::uint32_t>(random())
                                              : static_cast<std::uint32_t>(random() % (2 * count));
      std::memcpy(broken.data() + from + 4 * i, &value, 4);
    }
    write(path, broken);
    const Backtester backtester = open_market(root.path(), "m");
    for (const std::string& config : configs())
      for (int again = 0; again < 2; ++again)  // without, then with a cached alignment
        try {
          run(backtester, signal, config);
          ++answered;
        } catch (const Error&) {
          ++refused;
        }
    write(path, before);
  }
  EXPECT_EQ(answered + refused, tries * 12);
  EXPECT_GT(answered, 0);
}

/// Cuts every file to nothing, to whole pages, within a page and by a byte, before a run and after a run has read it.
TEST(Damage, ACutFileFailsTheRunAndNothingElse) {
  ScratchFolder root;
  create_market(root.path(), "cut");
  create_market(root.path(), "other");
  const Signal signal = make_signal();
  const Backtester other = open_market(root.path(), "other");
  std::vector<std::string> wants;
  for (const std::string& config : configs()) wants.push_back(run(other, signal, config));
  std::size_t k = 0;
  for (const fs::path& path : data_files(root.path() / "cut")) {
    const std::string whole = read(path);
    for (const std::size_t size : {std::size_t{0}, std::size_t{4096}, whole.size() / 2 + 100, whole.size() - 1}) {
      const Backtester backtester = open_market(root.path(), "cut");
      const std::string& config = configs()[k++ % configs().size()];
      if (k % 2 == 0) run(backtester, signal, config);
      fs::resize_file(path, size);
      for (const std::string& any : {config, configs()[k % configs().size()]}) {
        try {
          run(backtester, signal, any);
          ADD_FAILURE() << "expected CORRUPT_SNAPSHOT, found an answer: " << path << " cut to " << size;
        } catch (const Error& error) {
          EXPECT_EQ(error.code(), ErrorCode::CORRUPT_SNAPSHOT) << error.what();
          EXPECT_NE(std::string(error.what()).find("\"cut\""), std::string::npos) << error.what();
        }
      }
      std::vector<RunCell> cells;
      for (const std::string& any : configs()) cells.push_back({signal.values[0], parse_config(any)});
      for (const RunOutcome& outcome : backtester.run_many(signal.keys, cells)) {
        EXPECT_FALSE(outcome.result);
        EXPECT_THROW(std::rethrow_exception(outcome.error), Error);
      }
      EXPECT_EQ(run(other, signal, config), wants[(k - 1) % configs().size()]);
      // Restored bytes count as another file's, so the snapshot is opened again.
      write(path, whole);
      EXPECT_THROW(run(backtester, signal, config), Error);
      std::string again = run(open_market(root.path(), "cut"), signal, config);
      again.replace(again.find("\"cut\""), 5, "\"other\"");
      EXPECT_EQ(again, wants[(k - 1) % configs().size()]);
    }
  }
}

/// A file is cut and then removed or moved: only the mapping shows the cut.
TEST(Damage, ACutFileThatIsRemovedOrMovedFailsTheRun) {
  ScratchFolder root;
  create_market(root.path(), "other");
  const Signal signal = make_signal();
  const std::string want = run(open_market(root.path(), "other"), signal, configs()[1]);
  for (const fs::path& file : data_files(root.path() / "other"))
    for (const std::size_t cut : {std::size_t{1}, std::size_t{700}, std::size_t{5000}}) {
      fs::copy(root.path() / "other", root.path() / "m", fs::copy_options::recursive);
      Manifest manifest = read_manifest(root.path() / "other");
      manifest.info.id = "m";
      write(root.path() / "m" / kManifestFile, manifest_to_json(manifest));
      const Backtester backtester = open_market(root.path(), "m");
      const fs::path path = root.path() / "m" / fs::relative(file, root.path() / "other");
      const std::string whole = read(path);
      fs::resize_file(path, whole.size() - cut);
      const bool says_something = whole.find_first_not_of('\0', whole.size() - cut) != std::string::npos;
      if (cut == 1)
        fs::remove(path);
      else
        fs::rename(root.path() / "m", root.path() / "moved");
      try {
        std::string found = run(backtester, signal, configs()[1]);
        // The cut removed only zeros behind the last value.
        EXPECT_FALSE(says_something) << path << " cut by " << cut;
        found.replace(found.find("\"m\""), 3, "\"other\"");
        EXPECT_EQ(found, want) << path << " cut by " << cut;
      } catch (const Error& error) {
        EXPECT_EQ(error.code(), ErrorCode::CORRUPT_SNAPSHOT) << error.what();
      }
      fs::remove_all(root.path() / "m");
      fs::remove_all(root.path() / "moved");
    }
}

TEST(Damage, AFileWrittenOverInPlaceFailsTheRun) {
  ScratchFolder root;
  create_market(root.path(), "m");
  const Signal signal = make_signal();
  const Backtester backtester = open_market(root.path(), "m");
  run(backtester, signal, configs()[0]);
  const fs::path path = root.path() / "m" / segment_directory(1) / "ret.f32";
  std::string other = read(path);
  other[5000] = static_cast<char>(other[5000] ^ 1);
  std::this_thread::sleep_for(std::chrono::milliseconds(20));  // file times have the resolution of a tick
  write(path, other);
  try {
    run(backtester, signal, configs()[0]);
    ADD_FAILURE() << "expected CORRUPT_SNAPSHOT, found an answer";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::CORRUPT_SNAPSHOT);
  }
}

/// Links and removals touch a file's names, not its content.
TEST(Damage, LinksRenamesAndRemovalsChangeNothing) {
  ScratchFolder root;
  create_market(root.path(), "m");
  const Signal signal = make_signal();
  const Backtester backtester = open_market(root.path(), "m");
  const std::string want = run(backtester, signal, configs()[1]);
  fs::create_directory(root.path() / "n");
  fs::copy(root.path() / "m", root.path() / "n", fs::copy_options::create_hard_links | fs::copy_options::recursive);
  EXPECT_EQ(run(backtester, signal, configs()[1]), want);
  fs::rename(root.path() / "m", root.path() / "moved");
  EXPECT_EQ(run(backtester, signal, configs()[1]), want);
  create_market(root.path(), "m");
  EXPECT_EQ(run(backtester, signal, configs()[1]), want);
  fs::remove_all(root.path() / "n");
  fs::remove_all(root.path() / "moved");
  EXPECT_EQ(run(backtester, signal, configs()[1]), want);
}

/// A file is cut at any moment of a run: the run returns the right bits, or the error.
TEST(Damage, ACutDuringRunsIsNeverAWrongNumber) {
  ScratchFolder root;
  create_market(root.path(), "m");
  const Signal signal = make_signal();
  const std::vector<fs::path> files = data_files(root.path() / "m");
  std::vector<std::string> wants;
  for (const std::string& config : configs()) wants.push_back(run(open_market(root.path(), "m"), signal, config));
  std::mt19937_64 random(6);
  const int tries = times_of("FRACTILE_DAMAGE_TRIES", 60);
  int answered = 0, refused = 0;
  for (int k = 0; k < tries; ++k) {
    const Backtester backtester = open_market(root.path(), "m");
    const fs::path& path = files[random() % files.size()];
    const std::string whole = read(path);
    const std::size_t size = random() % whole.size();
    std::atomic<bool> is_cut{false};
    std::thread cutter([&, wait = random() % 4000] {
      std::this_thread::sleep_for(std::chrono::microseconds(wait));
      fs::resize_file(path, size);
      is_cut = true;
    });
    while (!is_cut) {
      const std::size_t c = random() % configs().size();
      try {
        EXPECT_EQ(run(backtester, signal, configs()[c]), wants[c]) << path << " cut to " << size;
        ++answered;
      } catch (const Error& error) {
        EXPECT_EQ(error.code(), ErrorCode::CORRUPT_SNAPSHOT) << error.what();
        ++refused;
      }
    }
    cutter.join();
    EXPECT_THROW(run(backtester, signal, configs()[0]), Error);
    write(path, whole);
    ASSERT_FALSE(HasFailure());
  }
  std::printf("%d cuts during runs: %d answers, all right; %d runs refused\n", tries, answered, refused);
}

/// A mapping of a file that belongs to no snapshot and is cut to nothing.
volatile char* map_cut_file(const fs::path& path) {
  write(path, std::string(8192, 'x'));
  FILE* file = std::fopen(path.c_str(), "r");
  void* data = ::mmap(nullptr, 8192, PROT_READ, MAP_SHARED, ::fileno(file), 0);
  std::fclose(file);
  fs::resize_file(path, 0);
  return static_cast<volatile char*>(data);
}

void leave_with_42(int) { ::_exit(42); }

TEST(DamageDeathTest, ASigbusElsewhereGoesWhereItWentBefore) {
  ScratchFolder root;
  create_market(root.path(), "m");
  const auto snapshot = Snapshot::open(root.path(), "m");
  volatile char* const foreign = map_cut_file(root.path() / "file");
  // A sanitizer has its own handler, which ends the process in another way.
  EXPECT_EXIT((install_mapping_guard(), ::signal(SIGBUS, SIG_DFL), install_mapping_guard(), foreign[5000]),
              ::testing::KilledBySignal(SIGBUS), "");
  EXPECT_EXIT((::signal(SIGBUS, &leave_with_42), install_mapping_guard(), foreign[5000]), ::testing::ExitedWithCode(42), "");
  EXPECT_EXIT((::signal(SIGBUS, &leave_with_42), install_mapping_guard(), ::raise(SIGBUS)), ::testing::ExitedWithCode(42), "");
  EXPECT_EXIT((::signal(SIGBUS, SIG_DFL), install_mapping_guard(), ::raise(SIGBUS)), ::testing::KilledBySignal(SIGBUS), "");
}

}  // namespace
}  // namespace fractile
