// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
//
// Appends. Law: the result equals the snapshot that is made at once from both panels. Also shared files, refusals and reports.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include "fractile/changes.hpp"
#include "fractile/error.hpp"
#include "fractile/panel.hpp"
#include "message_of.hpp"
#include "panel_table.hpp"
#include "snapshot/manifest.hpp"

namespace fractile {
namespace {

namespace fs = std::filesystem;
using testing::Cell;
using testing::merged;
using testing::panel_of;
using testing::PanelMaker;
using testing::PanelTable;
using testing::ScratchFolder;

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

SnapshotInfo create(const ScratchFolder& root, const std::string& id, const PanelTable& table, StoreAs dtype = StoreAs::float32) {
  BuildOptions options;
  options.dtype = dtype;
  return create_snapshot(root.path(), id, *panel_of(table, 1), options);
}

AppendResult append(const ScratchFolder& root, const std::string& id, const PanelTable& table, const std::string& new_id) {
  return append_snapshot(root.path(), id, *panel_of(table, 2), new_id, {});
}

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

std::string read(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

ino_t inode(const fs::path& path) {
  struct stat info{};
  EXPECT_EQ(::stat(path.c_str(), &info), 0) << path;
  return info.st_ino;
}

std::set<std::string> files_of(const fs::path& folder) {
  std::set<std::string> out;
  for (const auto& entry : fs::recursive_directory_iterator(folder))
    if (entry.is_regular_file()) out.insert(fs::relative(entry.path(), folder).string());
  return out;
}

/// Compares every file but the manifest byte by byte, and the fields of the manifest that describe the content.
void expect_same_snapshot(const fs::path& root, const std::string& a, const std::string& b) {
  ASSERT_EQ(files_of(root / a), files_of(root / b));
  for (const std::string& file : files_of(root / a))
    if (file != kManifestFile) {
      ASSERT_EQ(read(root / a / file), read(root / b / file)) << file;
    }
  const Manifest x = read_manifest(root / a), y = read_manifest(root / b);
  EXPECT_EQ(x.info.content_hash, y.info.content_hash);
  EXPECT_EQ(x.dictionaries, y.dictionaries);
  ASSERT_EQ(x.info.columns.size(), y.info.columns.size());
  std::map<std::string, ColumnInfo> by_name;
  for (const ColumnInfo& column : y.info.columns) by_name[column.name] = column;
  for (const ColumnInfo& column : x.info.columns) {
    const ColumnInfo& other = by_name.at(column.name);
    EXPECT_EQ(column.kind, other.kind) << column.name;
    EXPECT_EQ(column.whole, other.whole) << column.name;
    EXPECT_EQ(column.missing, other.missing) << column.name;
    EXPECT_EQ(column.unit, other.unit) << column.name;
    EXPECT_EQ(column.hash, other.hash) << column.name;
  }
}

/// Compares the answer of diff_snapshots() with one computed by plain maps.
void expect_changes(const SnapshotChanges& found, const PanelTable& before, const PanelTable& after, StoreAs dtype) {
  std::int64_t added = 0, removed = 0, restated = 0;
  std::map<std::string, std::map<Day, std::int64_t>> changed;
  std::map<std::string, std::int64_t> filled, emptied;
  for (const auto& [key, cells] : after.rows) {
    if (!before.rows.contains(key)) {
      ++added;
      continue;
    }
    bool differs = false;
    for (const auto& [column, is_text] : before.columns) {
      if (!after.columns.contains(column)) continue;
      const Cell x = before.at(key, column), y = after.at(key, column);
      const bool as_float32 = dtype == StoreAs::float32 && column != "wide";
      if (testing::is_same(x, y, as_float32)) continue;
      differs = true;
      ++changed[column][key.first];
      filled[column] += testing::is_missing(x);
      emptied[column] += testing::is_missing(y);
    }
    restated += differs;
  }
  for (const auto& [key, cells] : before.rows) removed += !after.rows.contains(key);
  EXPECT_EQ(found.rows_added, added);
  EXPECT_EQ(found.rows_removed, removed);
  EXPECT_EQ(found.rows_restated, restated);
  EXPECT_EQ(found.rows_before, static_cast<std::int64_t>(before.rows.size()));
  EXPECT_EQ(found.rows_after, static_cast<std::int64_t>(after.rows.size()));
  std::set<std::string> seen;
  for (const ColumnChange& column : found.columns) {
    seen.insert(column.name);
    if (!before.columns.contains(column.name) || !after.columns.contains(column.name)) {
      EXPECT_EQ(column.what, before.columns.contains(column.name) ? ColumnChange::What::removed : ColumnChange::What::added);
      std::int64_t values = 0;
      const PanelTable& owner = before.columns.contains(column.name) ? before : after;
      for (const auto& [key, cells] : owner.rows) values += !testing::is_missing(owner.at(key, column.name));
      EXPECT_EQ(column.rows, values) << column.name;
      continue;
    }
    const auto& days = changed[column.name];
    EXPECT_EQ((std::map<Day, std::int64_t>(column.by_date.begin(), column.by_date.end())), days) << column.name;
    EXPECT_EQ(column.filled, filled[column.name]) << column.name;
    EXPECT_EQ(column.emptied, emptied[column.name]) << column.name;
    EXPECT_EQ(column.what, days.empty() ? ColumnChange::What::stored : ColumnChange::What::restated) << column.name;
    if (days.empty()) {
      EXPECT_NE(column.stored_before, column.stored_after);
    }
  }
  for (const auto& [column, days] : changed) EXPECT_TRUE(days.empty() || seen.contains(column)) << column;
  for (const auto& [column, is_text] : after.columns) EXPECT_TRUE(before.columns.contains(column) || seen.contains(column));
}

TEST(Append, IsTheSameAsInOneGo) {
  const char* wanted = std::getenv("FRACTILE_APPEND_CASES");
  const std::uint64_t n_cases = wanted ? std::strtoull(wanted, nullptr, 10) : 40;
  int nothing_new = 0;
  for (std::uint64_t seed = 1; seed <= n_cases; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    PanelMaker maker(seed);
    const StoreAs dtype = std::array{StoreAs::float32, StoreAs::float64, StoreAs::both}[seed % 3];
    PanelTable now = maker.make();
    ScratchFolder root;
    create(root, "s0", now, dtype);
    for (int step = 0; step < 2; ++step) {
      const PanelTable panel = maker.continue_from(now);
      const PanelTable both = merged(now, panel);
      const std::string old_id = "s" + std::to_string(step), new_id = "s" + std::to_string(step + 1);
      create(root, "once", both, dtype);
      if (read_snapshot_info(root.path(), "once").content_hash == read_snapshot_info(root.path(), old_id).content_hash) {
        message_of(ErrorCode::PANEL_NOTHING_NEW, [&] { append(root, old_id, panel, new_id); });
        ++nothing_new;
        break;
      }
      const AppendResult result = append(root, old_id, panel, new_id);
      ASSERT_NO_FATAL_FAILURE(expect_same_snapshot(root.path(), new_id, "once"));
      EXPECT_NO_THROW(verify_snapshot(root.path(), new_id));
      EXPECT_NO_THROW(verify_snapshot(root.path(), old_id));
      EXPECT_EQ(result.bytes_written + result.bytes_shared, result.info.bytes);
      EXPECT_EQ(result.info.parent, old_id);
      EXPECT_EQ(newest_snapshot(root.path()), new_id);
      expect_changes(result.changes, now, both, dtype);
      const auto before = Snapshot::open(root.path(), old_id), after = Snapshot::open(root.path(), new_id);
      expect_changes(diff_snapshots(*after, *before), both, now, dtype);
      ASSERT_FALSE(::testing::Test::HasFailure());
      remove_snapshot(root.path(), "once");
      now = both;
    }
  }
  EXPECT_LT(nothing_new, static_cast<int>(n_cases) / 4 + 2);
}

/// Some names over three segments.
PanelTable long_table() {
  PanelMaker maker(7);
  PanelTable table;
  table.columns = {{"ret", false}, {"cap", false}, {"score", false}, {"size", false}, {"country", true}};
  for (int n = 0; n < 600; ++n)
    for (int i = 0; i < 3; ++i) maker.add(table, 18000 + n, i);
  // Every text occurs on the last day too, so that another day changes no codes.
  for (int i = 0; i < 3; ++i)
    table.rows[{18599, i}]["country"] = {kNaN, std::array{"CH", "JP", "US"}[static_cast<std::size_t>(i)]};
  return table;
}

PanelTable one_day(Day day, const std::string& country = "CH") {
  PanelTable panel;
  panel.columns = long_table().columns;
  for (int i = 0; i < 3; ++i)
    panel.rows[{day, i}] = {
        {"ret", {0.25, ""}}, {"cap", {2.0, ""}}, {"score", {0.5, ""}}, {"size", {0.125, ""}}, {"country", {kNaN, country}}};
  return panel;
}

TEST(Append, ALaterDayWritesTheLastSegmentAndTheIndex) {
  ScratchFolder root;
  create(root, "a", long_table());
  const AppendResult result = append(root, "a", one_day(18600), "b");
  for (const std::string& file : files_of(root.path() / "b")) {
    const bool is_shared = file.starts_with("segments/0000") || file.starts_with("segments/0001");
    EXPECT_EQ(inode(root.path() / "a" / file) == inode(root.path() / "b" / file), is_shared) << file;
  }
  EXPECT_GT(result.bytes_shared, result.bytes_written / 2);
  EXPECT_EQ(result.changes.rows_added, 3);
  EXPECT_EQ(result.changes.rows_restated, 0);
  EXPECT_EQ(result.changes.dates_added, std::vector<Day>{18600});
  EXPECT_TRUE(result.changes.columns.empty());
}

TEST(Append, ARestatedValueWritesItsFileAlone) {
  ScratchFolder root;
  create(root, "a", long_table());
  PanelTable panel;
  panel.columns = {{"score", false}};
  panel.rows[{18300, 1}]["score"] = {0.75, ""};
  panel.rows[{18301, 1}]["score"] = {kNaN, ""};
  const AppendResult result = append(root, "a", panel, "b");
  for (const std::string& file : files_of(root.path() / "b"))
    EXPECT_EQ(inode(root.path() / "a" / file) == inode(root.path() / "b" / file),
              file != "segments/0001/score.f32" && file != kManifestFile)
        << file;
  ASSERT_EQ(result.changes.columns.size(), 1U);
  EXPECT_EQ(result.changes.columns[0].name, "score");
  EXPECT_EQ(result.changes.columns[0].by_date, (std::vector<std::pair<Day, std::int64_t>>{{18300, 1}, {18301, 1}}));
  EXPECT_EQ(result.changes.columns[0].emptied, 1);
  EXPECT_EQ(result.changes.rows_restated, 2);
  // Rows that repeat their old values change nothing.
  message_of(ErrorCode::PANEL_NOTHING_NEW, [&] { append(root, "b", panel, "c"); });
}

TEST(Append, ANewTextThatSortsLastKeepsTheOthersCodes) {
  ScratchFolder root;
  create(root, "a", long_table());
  append(root, "a", one_day(18600, "ZA"), "last");
  append(root, "a", one_day(18600, "AT"), "first");
  const auto shares = [&](const char* id) {
    const std::string file = "segments/0000/country.i32";
    return inode(root.path() / "a" / file) == inode(root.path() / id / file);
  };
  EXPECT_TRUE(shares("last"));
  EXPECT_FALSE(shares("first"));
}

/// A float32 column may have had fractions that were rounded away, so reals stay reals. A float64 column shows its fractions.
TEST(Append, AColumnWithoutItsLastFractionStaysRealInFloat32) {
  PanelTable table = long_table();
  for (auto& [key, cells] : table.rows) cells["score"] = {key == PanelTable::Key{18000, 0} ? 0.5 : 3.0, ""};
  PanelTable panel;
  panel.columns = {{"score", false}};
  panel.rows[{18000, 0}]["score"] = {2.0, ""};
  for (const StoreAs dtype : {StoreAs::float32, StoreAs::float64}) {
    ScratchFolder root;
    create(root, "a", table, dtype);
    append(root, "a", panel, "b");
    const ColumnKind kind = Snapshot::open(root.path(), "b")->find_column("score")->kind;
    EXPECT_EQ(kind, dtype == StoreAs::float32 ? ColumnKind::real : ColumnKind::integer);
    PanelTable all = table;
    all.columns = {{"score", false}};
    for (auto& [key, cells] : all.rows) cells = {{"score", {4.0, ""}}};
    append(root, "b", all, "c");  // nothing of the parent remains
    EXPECT_EQ(Snapshot::open(root.path(), "c")->find_column("score")->kind, ColumnKind::integer);
  }
}

/// Large numbers look whole in float32.
TEST(Append, LargeRealsStayReal) {
  PanelTable table = long_table();
  table.columns["shares"] = false;
  for (auto& [key, cells] : table.rows) cells["shares"] = {123456789.5 + static_cast<double>(key.second), ""};
  ScratchFolder root;
  create(root, "a", table);
  PanelTable panel = one_day(18600);
  append(root, "a", panel, "b");
  create(root, "once", merged(table, panel));
  ASSERT_NO_FATAL_FAILURE(expect_same_snapshot(root.path(), "b", "once"));
}

TEST(Append, RemovingOneOfTwoFreesWhatIsItsOwn) {
  ScratchFolder root;
  create(root, "a", long_table());
  append(root, "a", one_day(18600), "b");
  append(root, "b", one_day(18601), "c");
  const auto links = [&](const std::string& file) {
    struct stat info{};
    EXPECT_EQ(::stat((root.path() / file).c_str(), &info), 0);
    return info.st_nlink;
  };
  EXPECT_EQ(links("b/segments/0000/ret.f32"), 3U);
  EXPECT_EQ(links("b/segments/0002/ret.f32"), 1U);
  remove_snapshot(root.path(), "b");
  EXPECT_EQ(links("a/segments/0000/ret.f32"), 2U);
  EXPECT_NO_THROW(verify_snapshot(root.path(), "a"));
  EXPECT_NO_THROW(verify_snapshot(root.path(), "c"));
  EXPECT_EQ(read_snapshot_info(root.path(), "c").parent, "b");
  remove_snapshot(root.path(), "a");
  EXPECT_EQ(links("c/segments/0000/ret.f32"), 1U);
  EXPECT_NO_THROW(Snapshot::open(root.path(), "c", Verify::content));
}

TEST(Append, RefusesPanels) {
  ScratchFolder root;
  create(root, "a", long_table());
  create(root, "taken", one_day(1));
  const auto refused = [&](ErrorCode code, const std::string& words, const PanelTable& panel, const std::string& id = "a",
                           const std::string& new_id = "b") {
    const std::string message = message_of(code, [&] { append(root, id, panel, new_id); });
    EXPECT_TRUE(contains(message, words)) << message;
    EXPECT_TRUE(contains(message, "expected")) << message;
    EXPECT_TRUE(contains(message, "found")) << message;
    EXPECT_EQ(root.entries().size(), 2U);
  };
  const PanelTable day = one_day(18600);
  refused(ErrorCode::SNAPSHOT_NOT_FOUND, "\"nowhere\"", day, "nowhere");
  refused(ErrorCode::SNAPSHOT_EXISTS, "\"taken\"", day, "a", "taken");
  refused(ErrorCode::SNAPSHOT_EXISTS, "\"a\"", day, "a", "a");
  refused(ErrorCode::INVALID_SNAPSHOT_ID, "../b", day, "a", "../b");
  PanelTable text = day;
  text.columns["score"] = true;
  for (auto& [key, cells] : text.rows) cells["score"] = {kNaN, "high"};
  refused(ErrorCode::PANEL_COLUMN_TYPE, "expected numbers in column \"score\"", text);
  PanelTable number = day;
  number.columns["country"] = false;
  for (auto& [key, cells] : number.rows) cells["country"] = {41.0, ""};
  refused(ErrorCode::PANEL_COLUMN_TYPE, "expected text in column \"country\"", number);
  PanelTable infinite = day;
  infinite.rows.begin()->second["score"] = {std::numeric_limits<double>::infinity(), ""};
  refused(ErrorCode::PANEL_INFINITE_VALUE, "\"score\"", infinite);
  infinite.rows.begin()->second["score"] = {1e39, ""};
  refused(ErrorCode::PANEL_INFINITE_VALUE, "float32", infinite);
  PanelTable without_ret = day;
  without_ret.columns.erase("ret");
  refused(ErrorCode::PANEL_MISSING_COLUMN, "ret for 3 rows", without_ret);
  PanelTable same;
  same.columns = {{"cap", false}};
  for (const auto& [key, cells] : long_table().rows) same.rows[key]["cap"] = cells.at("cap");
  refused(ErrorCode::PANEL_NOTHING_NEW, "found none in 1800 rows", same);
  PanelTable nothing = day;
  nothing.rows.clear();
  refused(ErrorCode::PANEL_EMPTY, "found 0", nothing);
  const auto of_arrays = [&](ErrorCode code, std::vector<testing::Array> arrays) {
    return message_of(code, [&] { append_snapshot(root.path(), "a", *panel_of(std::move(arrays)), "b", {}); });
  };
  const std::vector<std::int64_t> ids{1, 1};
  const std::vector<Day> days{18600, 18600};
  const std::vector<double> ret{0.5, 0.25};
  EXPECT_TRUE(contains(
      of_arrays(ErrorCode::PANEL_DUPLICATE_ROW,
                {testing::plain("security_id", "l", ids), testing::plain("date", "tdD", days), testing::plain("ret", "g", ret)}),
      "found 1 more"));
  EXPECT_TRUE(contains(
      of_arrays(ErrorCode::PANEL_MISSING_COLUMN, {testing::plain("security_id", "l", ids), testing::plain("ret", "g", ret)}),
      "security_id and date"));
  EXPECT_EQ(root.entries().size(), 2U);
}

/// A column without a value fits numbers and texts.
TEST(Append, AColumnThatWasEmptyMayBecomeText) {
  PanelTable table = long_table();
  table.columns["note"] = false;
  ScratchFolder root;
  create(root, "a", table);
  PanelTable panel = one_day(18600);
  panel.columns["note"] = true;
  panel.rows[{18600, 1}]["note"] = {kNaN, "split"};
  append(root, "a", panel, "b");
  PanelTable both = merged(table, panel);
  both.columns["note"] = true;
  create(root, "once", both);
  ASSERT_NO_FATAL_FAILURE(expect_same_snapshot(root.path(), "b", "once"));
  PanelTable empty = one_day(18601);
  empty.columns["country"] = false;
  for (auto& [key, cells] : empty.rows) cells["country"] = {};
  append(root, "b", empty, "c");
  EXPECT_EQ(Snapshot::open(root.path(), "c")->find_column("country")->kind, ColumnKind::text);
}

/// The append finds damage in files that it reads; verify finds damage in shared files, as in the parent.
TEST(Append, ADamagedParentIsNotGivenNewHashes) {
  const PanelTable table = long_table();
  const auto flip = [](const fs::path& path) {
    // The damaged part of the index is one that opening does not check.
    const auto at = static_cast<std::streamoff>(path.filename() == kIndexFile ? fs::file_size(path) - 3000 : 5000);
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekg(at);
    const int byte = file.get();
    file.seekp(at);
    file.put(static_cast<char>(byte ^ 1));
  };
  for (const char* name : {"index.bin", "segments/0002/ret.f32", "segments/0002/cap.i32", "segments/0001/exposures.f32",
                           "segments/0000/country.i32"}) {
    ScratchFolder root;
    create(root, "a", table);
    flip(root.path() / "a" / name);
    const std::string message = message_of(ErrorCode::CORRUPT_SNAPSHOT, [&] { append(root, "a", one_day(18600), "b"); });
    EXPECT_TRUE(contains(message, name)) << message;
    EXPECT_EQ(root.entries().size(), 1U);
  }
  ScratchFolder root;
  create(root, "a", table);
  flip(root.path() / "a" / "segments/0000/ret.f32");
  append(root, "a", one_day(18600), "b");
  message_of(ErrorCode::CORRUPT_SNAPSHOT, [&] { verify_snapshot(root.path(), "b"); });
}

/// While the append reads the parent, the parent is removed and another snapshot takes its place.
TEST(Append, AParentThatIsReplacedMeanwhileIsCopiedFromMemory) {
  const PanelTable table = long_table();
  PanelTable other = table;
  for (auto& [key, cells] : other.rows) cells["ret"] = {0.125, ""};
  for (const bool is_replaced : {false, true}) {
    ScratchFolder root;
    create(root, "a", table);
    AppendOptions options;
    options.progress = [&](std::string_view stage, double) {
      if (stage != "cap") return;
      remove_snapshot(root.path(), "a");
      if (is_replaced) create(root, "a", other);
    };
    const AppendResult result = append_snapshot(root.path(), "a", *panel_of(one_day(18600), 2), "b", options);
    create(root, "once", merged(table, one_day(18600)));
    ASSERT_NO_FATAL_FAILURE(expect_same_snapshot(root.path(), "b", "once"));
    EXPECT_EQ(result.bytes_written + result.bytes_shared, result.info.bytes);
  }
}

TEST(Append, AnAppendThatEndsLeavesNothing) {
  ScratchFolder root;
  create(root, "a", long_table());
  for (int stop = 0; stop < 8; ++stop) {
    int calls = 0;
    AppendOptions options;
    options.progress = [&](std::string_view, double) {
      if (calls++ == stop) throw std::runtime_error("stop");
    };
    const auto panel = panel_of(one_day(18600), 2);
    if (stop < 7) {
      EXPECT_THROW(append_snapshot(root.path(), "a", *panel, "b", options), std::runtime_error) << stop;
      EXPECT_EQ(root.entries(), std::vector<std::string>{"a"}) << stop;
    } else {
      EXPECT_NO_THROW(append_snapshot(root.path(), "a", *panel, "b", options)) << calls;
    }
  }
}

TEST(Diff, OfASnapshotWithItselfOrItsTwin) {
  ScratchFolder root;
  create(root, "a", long_table());
  create(root, "b", long_table());
  const SnapshotChanges changes = diff_snapshots(*Snapshot::open(root.path(), "a"), *Snapshot::open(root.path(), "b"));
  EXPECT_TRUE(changes.is_equal);
  EXPECT_EQ(changes.before, "a");
  EXPECT_EQ(changes.after, "b");
  EXPECT_TRUE(changes.columns.empty());
}

TEST(Diff, OfTheSameDataInAnotherWidth) {
  ScratchFolder root;
  create(root, "a", long_table(), StoreAs::float32);
  create(root, "b", long_table(), StoreAs::both);
  const SnapshotChanges changes = diff_snapshots(*Snapshot::open(root.path(), "a"), *Snapshot::open(root.path(), "b"));
  EXPECT_FALSE(changes.is_equal);
  EXPECT_EQ(changes.rows_restated, 0);
  for (const ColumnChange& column : changes.columns) {
    EXPECT_EQ(column.what, ColumnChange::What::stored) << column.name;
    EXPECT_EQ(column.stored_before, "float32");
    EXPECT_EQ(column.stored_after, "float32+float64");
  }
  EXPECT_EQ(changes.columns.size(), 3U);  // ret, score, size
}

}  // namespace
}  // namespace fractile
