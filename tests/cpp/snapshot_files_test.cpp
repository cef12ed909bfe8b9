// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
//
// Snapshots under damage, crashes, rivals and removal: each is survived or detected.
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <random>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "fractile/error.hpp"
#include "fractile/panel.hpp"
#include "fractile/snapshot.hpp"
#include "snapshot/catalog.hpp"
#include "snapshot/durable_files.hpp"
#include "snapshot/manifest.hpp"
#include "snapshot_rows.hpp"

namespace fractile {
namespace {

namespace fs = std::filesystem;
using testing::make_rows;
using testing::panel_of;
using testing::ScratchFolder;

ErrorCode code_of(const std::function<void()>& run, std::string* message = nullptr) {
  try {
    run();
  } catch (const Error& error) {
    if (message) *message = error.what();
    return error.code();
  }
  ADD_FAILURE() << "nothing was thrown";
  return ErrorCode::INTERNAL;
}

std::string read(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}
void write(const fs::path& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary).write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

void create(const fs::path& root, const std::string& id, int n_days = 20) {
  create_snapshot(root, id, *panel_of(make_rows(n_days, 4, 1)), {});
}

TEST(SnapshotFiles, EveryFlippedBitIsFound) {
  ScratchFolder root;
  create(root.path(), "s");
  std::mt19937_64 random(1);
  for (const auto& entry : fs::recursive_directory_iterator(root.path() / "s")) {
    if (!entry.is_regular_file()) continue;
    const std::string whole = read(entry.path());
    const bool is_manifest = entry.path().filename() == kManifestFile;
    for (int k = 0; k < (is_manifest ? 200 : 40); ++k) {
      // Half of the flips are in the header, which opening reads.
      const std::size_t at = random() % (k % 2 ? whole.size() : std::min<std::size_t>(whole.size(), 4096));
      std::string broken = whole;
      broken[at] = static_cast<char>(broken[at] ^ (1 << random() % 8));
      write(entry.path(), broken);
      ASSERT_EQ(code_of([&] { verify_snapshot(root.path(), "s"); }), ErrorCode::CORRUPT_SNAPSHOT) << entry.path() << " " << at;
      ASSERT_EQ(code_of([&] { Snapshot::open(root.path(), "s", Verify::content); }), ErrorCode::CORRUPT_SNAPSHOT);
      if (is_manifest || at < 4096) {
        ASSERT_EQ(code_of([&] { Snapshot::open(root.path(), "s", Verify::header); }), ErrorCode::CORRUPT_SNAPSHOT);
      }
    }
    write(entry.path(), whole);
  }
  EXPECT_NO_THROW(verify_snapshot(root.path(), "s"));
}

/// A snapshot of one name on two days. The test flips every 61st bit, or every $FRACTILE_BIT_STRIDE-th.
TEST(SnapshotFiles, EveryBitOfASmallSnapshotIsGuarded) {
  const char* wanted = std::getenv("FRACTILE_BIT_STRIDE");
  const std::size_t stride = wanted ? std::strtoull(wanted, nullptr, 10) : 61;
  ScratchFolder root;
  std::vector<testing::Array> columns{testing::plain("security_id", "l", std::vector<std::int64_t>{7, 7}),
                                      testing::plain("date", "tdD", std::vector<Day>{18000, 18001}),
                                      testing::plain("ret", "g", std::vector<double>{0.25, -0.5})};
  create_snapshot(root.path(), "s", *panel_of(std::move(columns)), {});
  std::size_t tries = 0, bit = 0;
  for (const auto& entry : fs::recursive_directory_iterator(root.path() / "s")) {
    if (!entry.is_regular_file()) continue;
    const std::string whole = read(entry.path());
    const bool is_manifest = entry.path().filename() == kManifestFile;
    std::fstream file(entry.path(), std::ios::in | std::ios::out | std::ios::binary);
    const auto put = [&](std::size_t at, char byte) {
      file.seekp(static_cast<std::streamoff>(at));
      file.put(byte).flush();
    };
    for (; bit < 8 * whole.size(); bit += stride) {
      const std::size_t at = bit / 8;
      put(at, static_cast<char>(whole[at] ^ (1 << bit % 8)));
      ASSERT_EQ(code_of([&] { verify_snapshot(root.path(), "s"); }), ErrorCode::CORRUPT_SNAPSHOT) << entry.path() << " " << bit;
      if (is_manifest || at < 4096) {
        ASSERT_EQ(code_of([&] { Snapshot::open(root.path(), "s"); }), ErrorCode::CORRUPT_SNAPSHOT) << entry.path() << " " << bit;
      }
      put(at, whole[at]);
      ++tries;
    }
    bit -= 8 * whole.size();
  }
  EXPECT_NO_THROW(verify_snapshot(root.path(), "s"));
  std::printf("%zu bits flipped, each found\n", tries);
}

TEST(SnapshotFiles, CutLongAndMissingFilesAreFoundWhenOpened) {
  ScratchFolder root;
  create(root.path(), "s", 300);
  for (const char* name : {"index.bin", "segments/0001/ret.f32", "segments/0000/exposures.f32", "segments/0001/cap.i32"}) {
    const fs::path path = root.path() / "s" / name;
    const std::string whole = read(path);
    for (const std::string& wrong : {std::string(), whole.substr(0, 100), whole.substr(0, whole.size() - 1), whole + "x"}) {
      write(path, wrong);
      EXPECT_EQ(code_of([&] { Snapshot::open(root.path(), "s", Verify::header); }), ErrorCode::CORRUPT_SNAPSHOT);
      EXPECT_EQ(code_of([&] { verify_snapshot(root.path(), "s"); }), ErrorCode::CORRUPT_SNAPSHOT);
    }
    fs::remove(path);
    std::string message;
    EXPECT_EQ(code_of([&] { Snapshot::open(root.path(), "s"); }, &message), ErrorCode::CORRUPT_SNAPSHOT);
    EXPECT_NE(message.find(name), std::string::npos) << message;
    write(path, whole);
  }
  EXPECT_NO_THROW(Snapshot::open(root.path(), "s", Verify::content));
}

TEST(SnapshotFiles, AFileOfAnotherTypeIsFoundWhenOpened) {
  ScratchFolder root;
  create(root.path(), "s");
  const fs::path segment = root.path() / "s" / segment_directory(0);
  fs::copy_file(segment / "ret.f32", segment / "cap.i32", fs::copy_options::overwrite_existing);
  EXPECT_EQ(code_of([&] { Snapshot::open(root.path(), "s"); }), ErrorCode::CORRUPT_SNAPSHOT);
}

/// Writes the manifest with its hash made to fit.
void write_manifest(const fs::path& root, const Manifest& manifest) {
  write(root / manifest.info.id / kManifestFile, manifest_to_json(manifest));
}

TEST(SnapshotFiles, AManifestThatListsWhatIsNotThereIsFoundWhenOpened) {
  ScratchFolder root;
  create(root.path(), "s");
  const Manifest whole = read_manifest(root.path() / "s");
  const auto open_with = [&](const std::function<void(Manifest&)>& change) {
    Manifest manifest = whole;
    change(manifest);
    write_manifest(root.path(), manifest);
    std::string message;
    EXPECT_EQ(code_of([&] { Snapshot::open(root.path(), "s", Verify::header); }, &message), ErrorCode::CORRUPT_SNAPSHOT);
    return message;
  };
  const auto column = [](Manifest& manifest, const char* name) -> ColumnInfo& {
    return *std::find_if(manifest.info.columns.begin(), manifest.info.columns.end(),
                         [&](const ColumnInfo& one) { return one.name == name; });
  };
  EXPECT_NE(open_with([&](Manifest& m) { column(m, "cap").name = "caps"; }).find("caps.i32"), std::string::npos);
  EXPECT_NE(open_with([&](Manifest& m) { column(m, "ret").float64 = true; }).find("ret.f64"), std::string::npos);
  EXPECT_NE(open_with([&](Manifest& m) { column(m, "ret").float32 = false; }).find("\"ret\""), std::string::npos);
  EXPECT_NE(open_with([&](Manifest& m) { column(m, "mcap").kind = ColumnKind::text; }).find("mcap.i32"), std::string::npos);
  EXPECT_NE(open_with([&](Manifest& m) { m.info.columns.clear(); }).find("\"ret\""), std::string::npos);
  write_manifest(root.path(), whole);
  EXPECT_NO_THROW(Snapshot::open(root.path(), "s", Verify::content));
}

TEST(SnapshotFiles, NoNumberInAManifestDecidesHowMuchMemoryIsTaken) {
  ScratchFolder root;
  create(root.path(), "s");
  for (const std::uint64_t bytes : {std::uint64_t{1} << 50, ~std::uint64_t{0}}) {
    Manifest manifest = read_manifest(root.path() / "s");
    manifest.index_bytes = bytes;
    write_manifest(root.path(), manifest);
    EXPECT_EQ(code_of([&] { Snapshot::open(root.path(), "s"); }), ErrorCode::CORRUPT_SNAPSHOT);
    EXPECT_EQ(code_of([&] { verify_snapshot(root.path(), "s"); }), ErrorCode::CORRUPT_SNAPSHOT);
    remove_snapshot(root.path(), "s");
    create(root.path(), "s");
  }
}

TEST(SnapshotFiles, AManifestOfAnyTextIsRefused) {
  ScratchFolder root;
  create(root.path(), "s");
  const std::string whole = read(root.path() / "s" / kManifestFile);
  std::string real = whole;
  const std::size_t at = real.find("\"rows\": ") + 8;
  real.replace(at, real.find(',', at) - at, "1e300");
  const std::string deep(200000, '[');
  for (const std::string& text : {std::string(), std::string("null"), std::string("{}"), deep, "{\"a\":" + deep, real}) {
    write(root.path() / "s" / kManifestFile, text);
    EXPECT_EQ(code_of([&] { Snapshot::open(root.path(), "s"); }), ErrorCode::CORRUPT_SNAPSHOT) << text.substr(0, 40);
  }
}

TEST(SnapshotFiles, ARenamedFolderIsFound) {
  ScratchFolder root;
  create(root.path(), "s");
  fs::rename(root.path() / "s", root.path() / "t");
  std::string message;
  EXPECT_EQ(code_of([&] { Snapshot::open(root.path(), "t"); }, &message), ErrorCode::CORRUPT_SNAPSHOT);
  EXPECT_NE(message.find("\"s\""), std::string::npos) << message;
  std::vector<std::string> damaged;
  EXPECT_TRUE(list_snapshots(root.path(), &damaged).empty());
  EXPECT_EQ(damaged, std::vector<std::string>{"t"});
}

TEST(SnapshotFiles, ARemovedSnapshotGoesOnServing) {
  ScratchFolder root;
  create(root.path(), "s");
  const auto snapshot = Snapshot::open(root.path(), "s");
  const std::int32_t before = snapshot->codes("cap")[3];
  remove_snapshot(root.path(), "s");
  EXPECT_TRUE(root.entries().empty());
  EXPECT_EQ(snapshot->codes("cap")[3], before);
  EXPECT_TRUE(std::isnan(snapshot->real<float>("mcap").data[snapshot->row_capacity() - 1]));  // padding, touched only now
  EXPECT_TRUE(snapshot->is_intact());
  EXPECT_EQ(code_of([&] { remove_snapshot(root.path(), "s"); }), ErrorCode::NO_SNAPSHOTS);
}

TEST(SnapshotFiles, ACutUnderTheMapIsSeen) {
  ScratchFolder root;
  create(root.path(), "s", 300);
  const auto snapshot = Snapshot::open(root.path(), "s");
  EXPECT_TRUE(snapshot->is_intact());
  fs::resize_file(root.path() / "s" / segment_directory(1) / "ret.f32", 4096);
  EXPECT_FALSE(snapshot->is_intact());
}

TEST(SnapshotFiles, SharedSegmentsOutliveTheirFirstOwner) {
  ScratchFolder root;
  create(root.path(), "first", 300);
  fs::create_directory(root.path() / "second");
  fs::copy(root.path() / "first", root.path() / "second", fs::copy_options::create_hard_links | fs::copy_options::recursive);
  Manifest manifest = read_manifest(root.path() / "first");
  manifest.info.id = "second";
  manifest.info.parent = "first";
  fs::remove(root.path() / "second" / kManifestFile);
  write_text_durably(root.path() / "second" / kManifestFile, manifest_to_json(manifest));
  remove_snapshot(root.path(), "first");
  EXPECT_NO_THROW(Snapshot::open(root.path(), "second", Verify::content));
  EXPECT_EQ(read_snapshot_info(root.path(), "second").parent, "first");
}

TEST(SnapshotFiles, OfRivalsExactlyOneWins) {
  ScratchFolder root;
  const auto rows = make_rows(30, 10, 2);
  std::vector<std::unique_ptr<PanelSource>> panels;
  for (int k = 0; k < 6; ++k) panels.push_back(panel_of(rows));
  std::atomic<int> won{0}, refused{0};
  std::vector<std::thread> rivals;
  for (const auto& panel : panels)
    rivals.emplace_back([&root, &won, &refused, source = panel.get()] {
      try {
        create_snapshot(root.path(), "same", *source, {});
        ++won;
      } catch (const Error& error) {
        refused += error.code() == ErrorCode::SNAPSHOT_EXISTS;
      }
    });
  for (std::thread& rival : rivals) rival.join();
  EXPECT_EQ(won, 1);
  EXPECT_EQ(refused, 5);
  EXPECT_EQ(root.entries(), std::vector<std::string>{"same"});
  EXPECT_NO_THROW(verify_snapshot(root.path(), "same"));
}

TEST(SnapshotFiles, ABuildThatEndsLeavesNothing) {
  ScratchFolder root;
  for (int stop = 0; stop < 10; ++stop) {
    int calls = 0;
    BuildOptions options;
    options.progress = [&](std::string_view, double) {
      if (calls++ == stop) throw std::runtime_error("stop");
    };
    const auto panel = panel_of(make_rows(10, 3, 3));
    if (stop < 9) {
      EXPECT_THROW(create_snapshot(root.path(), "s", *panel, options), std::runtime_error) << stop;
      EXPECT_TRUE(root.entries().empty()) << stop;
    } else {
      EXPECT_NO_THROW(create_snapshot(root.path(), "s", *panel, options)) << calls;
    }
  }
}

TEST(SnapshotFiles, LeftoversOfDeadBuildersGoAndOthersStay) {
  ScratchFolder root;
  const std::string dead = ".a.999999999.00000001.tmp", locked = ".b.999999999.00000002.tmp", foreign = ".notes.old.tmp",
                    alive = ".d." + std::to_string(::getpid()) + ".00000003.tmp";
  for (const std::string& name : {dead, locked, foreign, alive}) fs::create_directories(root.path() / name / "segments");
  const int lock = lock_build(root.path() / locked);  // as a builder in another container holds it
  ASSERT_GE(lock, 0);
  create(root.path(), "s");
  EXPECT_FALSE(fs::exists(root.path() / dead));
  EXPECT_TRUE(fs::exists(root.path() / locked));
  EXPECT_TRUE(fs::exists(root.path() / foreign));
  EXPECT_TRUE(fs::exists(root.path() / alive));
  ::close(lock);
  create(root.path(), "t");
  EXPECT_FALSE(fs::exists(root.path() / locked));
  EXPECT_EQ(list_snapshots(root.path()).size(), 2U);
}

TEST(SnapshotFiles, AFolderThatCannotBeMadeIsAnIoFailure) {
  ScratchFolder root;
  write(root.path() / "file", "not a folder");
  std::string message;
  EXPECT_EQ(code_of([&] { create(root.path() / "file", "s"); }, &message), ErrorCode::IO_FAILURE);
  EXPECT_NE(message.find("file"), std::string::npos) << message;
  EXPECT_EQ(code_of([&] { create(root.path() / "file" / "deeper", "s"); }), ErrorCode::IO_FAILURE);
}

TEST(Catalog, SaysWhatToTypeWhereNothingIs) {
  ScratchFolder root;
  const fs::path none = root.path() / "snapshots";
  std::string message;
  EXPECT_EQ(code_of([&] { newest_snapshot(none); }, &message), ErrorCode::NO_SNAPSHOTS);
  EXPECT_EQ(message.rfind("No snapshots found in " + none.string() + "/", 0), 0U) << message;
  EXPECT_NE(message.find("fractile demo"), std::string::npos) << message;
  EXPECT_EQ(code_of([&] { Snapshot::open(none, "s"); }), ErrorCode::NO_SNAPSHOTS);
  EXPECT_TRUE(list_snapshots(none).empty());
}

TEST(Catalog, NamesTheNearestId) {
  ScratchFolder root;
  create(root.path(), "2026-02-10-v1");
  create(root.path(), "prices");
  std::string message;
  EXPECT_EQ(code_of([&] { Snapshot::open(root.path(), "2026-02-10-v2"); }, &message), ErrorCode::SNAPSHOT_NOT_FOUND);
  EXPECT_NE(message.find("Did you mean \"2026-02-10-v1\"?"), std::string::npos) << message;
  EXPECT_NE(message.find("prices"), std::string::npos) << message;
  EXPECT_EQ(code_of([&] { Snapshot::open(root.path(), "../" + root.path().filename().string() + "/prices"); }),
            ErrorCode::SNAPSHOT_NOT_FOUND);
}

TEST(Catalog, ListsByTimeThenId) {
  ScratchFolder root;
  create(root.path(), "b");
  create(root.path(), "a");
  const auto set_created = [&](const std::string& id, const std::string& created) {
    Manifest manifest = read_manifest(root.path() / id);
    manifest.info.created = created;
    fs::remove(root.path() / id / kManifestFile);
    write_text_durably(root.path() / id / kManifestFile, manifest_to_json(manifest));
  };
  for (const char* id : {"a", "b"}) set_created(id, "2026-01-01T00:00:00Z");
  EXPECT_EQ(newest_snapshot(root.path()), "b");
  set_created("a", "2026-01-01T00:00:01Z");
  EXPECT_EQ(newest_snapshot(root.path()), "a");
  const auto all = list_snapshots(root.path());
  ASSERT_EQ(all.size(), 2U);
  EXPECT_EQ(all[0].id, "b");
  std::int64_t bytes = 0;
  for (const auto& entry : fs::recursive_directory_iterator(root.path() / "b"))
    if (entry.is_regular_file() && entry.path().filename() != kManifestFile)
      bytes += static_cast<std::int64_t>(entry.file_size());
  EXPECT_EQ(all[0].bytes, bytes);
}

TEST(Catalog, RefusesIdsThatAreNoFolderNames) {
  ScratchFolder root;
  for (const std::string& id : {std::string(), std::string(".."), std::string("../x"), std::string(".x"), std::string("a b"),
                                std::string("a/b"), std::string(101, 'x'), std::string("é"), std::string("a\0b", 3)})
    EXPECT_EQ(code_of([&] { create(root.path(), id); }), ErrorCode::INVALID_SNAPSHOT_ID) << id;
  EXPECT_TRUE(root.entries().empty());
  EXPECT_NO_THROW(create(root.path(), std::string(100, 'x')));
  EXPECT_EQ(code_of([&] { create(root.path(), std::string(100, 'x')); }), ErrorCode::SNAPSHOT_EXISTS);
}

}  // namespace
}  // namespace fractile
