// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "fractile/snapshot.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "fractile/error.hpp"
#include "fractile/panel.hpp"
#include "message_of.hpp"
#include "snapshot_rows.hpp"

namespace fractile {
namespace {

using testing::arrays_of;
using testing::make_rows;
using testing::panel_of;
using testing::plain;
using testing::Row;
using testing::ScratchFolder;
using testing::texts;

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

std::vector<Row> shuffled(std::vector<Row> rows, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  std::shuffle(rows.begin(), rows.end(), random);
  return rows;
}

SnapshotInfo create(const ScratchFolder& root, const std::string& id, const std::vector<Row>& rows,
                    StoreAs dtype = StoreAs::float32) {
  BuildOptions options;
  options.dtype = dtype;
  return create_snapshot(root.path(), id, *panel_of(rows), options);
}

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

/// Same number, or both the one NaN that stands for missing.
template <class T>
void expect_stored(RealColumn<T> column, RowIndex row, double expected) {
  const T found = column.data[static_cast<std::ptrdiff_t>(row) * column.stride];
  if (std::isnan(expected)) {
    if constexpr (sizeof(T) == 4)
      ASSERT_EQ(std::bit_cast<std::uint32_t>(found), 0x7fc00000U);
    else
      ASSERT_EQ(std::bit_cast<std::uint64_t>(found), 0x7ff8000000000000U);
  } else {
    ASSERT_EQ(found, static_cast<T>(expected));
  }
}

void expect_reals(const Snapshot& snapshot, StoreAs dtype, RowIndex at, const Row& row) {
  const auto expect = [&](const char* name, double value) {
    if (dtype != StoreAs::float64) {
      ASSERT_NO_FATAL_FAILURE(expect_stored(snapshot.real<float>(name), at, value)) << name;
    }
    if (dtype != StoreAs::float32) {
      ASSERT_NO_FATAL_FAILURE(expect_stored(snapshot.real<double>(name), at, value)) << name;
    }
  };
  ASSERT_NO_FATAL_FAILURE(expect("ret", row.ret));
  ASSERT_NO_FATAL_FAILURE(expect("mcap", row.mcap));
  ASSERT_NO_FATAL_FAILURE(expect("size", row.size));
  ASSERT_NO_FATAL_FAILURE(expect("momentum", row.momentum));
  ASSERT_NO_FATAL_FAILURE(expect("score", row.score));
}

/// Everything a snapshot says, against plain loops over the rows it was made of.
void expect_holds(const Snapshot& snapshot, const std::vector<Row>& rows, StoreAs dtype) {
  // One comparison after the other, over every part of a snapshot.
  std::map<Day, std::map<std::int64_t, const Row*>> by_day;
  std::set<std::int64_t> ids;
  for (const Row& row : rows) {
    by_day[row.day][row.id] = &row;
    ids.insert(row.id);
  }
  ASSERT_EQ(snapshot.n_rows(), static_cast<std::int64_t>(rows.size()));
  ASSERT_TRUE(std::equal(ids.begin(), ids.end(), snapshot.security_ids().begin(), snapshot.security_ids().end()));
  ASSERT_EQ(snapshot.dates().size(), by_day.size());
  ASSERT_EQ(snapshot.real<float>("ret").data != nullptr, dtype != StoreAs::float64);
  ASSERT_EQ(snapshot.real<double>("ret").data != nullptr, dtype != StoreAs::float32);
  ASSERT_EQ(snapshot.row_capacity() % 1024, 0);

  std::vector<bool> is_used(static_cast<std::size_t>(snapshot.row_capacity()), false);
  std::map<std::int64_t, RowIndex> newest;
  std::map<std::pair<std::int64_t, DateIndex>, RowIndex> place;
  DateIndex n = 0;
  RowIndex before = 0;
  for (const auto& [day, names] : by_day) {
    ASSERT_EQ(snapshot.dates()[static_cast<std::size_t>(n)], day);
    ASSERT_GE(snapshot.row_begin(n), before);
    ASSERT_EQ(snapshot.row_end(n) - snapshot.row_begin(n), static_cast<RowIndex>(names.size()));
    RowIndex at = snapshot.row_begin(n);
    for (const auto& [id, row] : names) {
      const auto u = static_cast<std::size_t>(at);
      is_used[u] = true;
      const SecurityIndex security = snapshot.security_of_row()[u];
      ASSERT_EQ(snapshot.security_ids()[static_cast<std::size_t>(security)], id);
      ASSERT_EQ(snapshot.previous_row()[u], newest.contains(id) ? newest[id] : kNoRow);
      newest[id] = at;
      place[{security, n}] = at;
      ASSERT_NO_FATAL_FAILURE(expect_reals(snapshot, dtype, at, *row));
      ASSERT_EQ(snapshot.codes("cap")[u], row->cap);
      const std::int32_t code = snapshot.codes("country")[u];
      ASSERT_EQ(code == kMissingCode, row->country.empty());
      if (!row->country.empty()) {
        ASSERT_EQ(snapshot.dictionary("country").at(static_cast<std::size_t>(code)), row->country);
      }
      ++at;
    }
    before = snapshot.row_end(n++);
  }
  Row padding;
  padding.ret = padding.mcap = padding.size = padding.momentum = padding.score = kNaN;
  for (std::size_t u = 0; u < is_used.size(); ++u) {
    if (is_used[u]) continue;
    ASSERT_EQ(snapshot.security_of_row()[u], -1);
    ASSERT_EQ(snapshot.previous_row()[u], kNoRow);
    ASSERT_EQ(snapshot.codes("cap")[u], kMissingCode);
    ASSERT_NO_FATAL_FAILURE(expect_reals(snapshot, dtype, static_cast<RowIndex>(u), padding));
  }
  std::size_t entries = 0;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    ASSERT_EQ(snapshot.row_of_begin()[i], static_cast<std::int32_t>(entries));
    for (DateIndex day = 0; day < n; ++day) {
      const auto found = place.find({static_cast<std::int64_t>(i), day});
      if (day < snapshot.first_day()[i] || day > snapshot.last_day()[i])
        ASSERT_TRUE(found == place.end());
      else
        ASSERT_EQ(snapshot.row_of()[entries++], found == place.end() ? kNoRow : found->second);
    }
    ASSERT_TRUE(place.contains({static_cast<std::int64_t>(i), snapshot.first_day()[i]}));
    ASSERT_TRUE(place.contains({static_cast<std::int64_t>(i), snapshot.last_day()[i]}));
  }
  ASSERT_EQ(entries, snapshot.row_of().size());
}

TEST(Snapshot, KeepsEveryValueOfShuffledRows) {
  const std::vector<Row> rows = make_rows(600, 9, 1);
  for (const StoreAs dtype : {StoreAs::float32, StoreAs::float64, StoreAs::both}) {
    ScratchFolder root;
    const SnapshotInfo info = create(root, "s", shuffled(rows, 2), dtype);
    const auto snapshot = Snapshot::open(root.path(), "s", Verify::content);
    ASSERT_NO_FATAL_FAILURE(expect_holds(*snapshot, rows, dtype)) << static_cast<int>(dtype);
    EXPECT_EQ(info.n_dates, 600);
    EXPECT_EQ(info.n_rows, static_cast<std::int64_t>(rows.size()));
    EXPECT_EQ(format_day(info.first_date), "2020-01-06");
    EXPECT_EQ(info.content_hash, snapshot->content_hash());
    EXPECT_FALSE(snapshot->real<float>("value"));  // an exposure that the panel lacks
    EXPECT_FALSE(snapshot->real<float>("cap"));
    EXPECT_EQ(snapshot->codes("ret"), nullptr);
    EXPECT_TRUE(snapshot->dictionary("ret").empty());
  }
}

TEST(Snapshot, KeepsIdsFarApart) {
  ScratchFolder root;
  const std::vector<Row> rows = make_rows(20, 30, 3, std::int64_t{1} << 57);
  create(root, "s", shuffled(rows, 4));
  ASSERT_NO_FATAL_FAILURE(expect_holds(*Snapshot::open(root.path(), "s"), rows, StoreAs::float32));
}

TEST(Snapshot, HasNoPlaceUnusedWhereSegmentsFillPages) {
  std::vector<Row> rows;
  for (int n = 0; n < 257; ++n)
    for (int i = 0; i < 4; ++i) {
      Row row;
      row.id = i;
      row.day = 18000 + n;
      row.ret = n + i;
      row.score = 0.5;  // whole numbers would be stored as such
      rows.push_back(row);
    }
  ScratchFolder root;
  create(root, "one", {rows.begin(), rows.end() - 4});
  create(root, "two", rows);
  EXPECT_EQ(Snapshot::open(root.path(), "one")->row_capacity(), 1024);
  const auto two = Snapshot::open(root.path(), "two");
  EXPECT_EQ(two->row_capacity(), 2048);
  EXPECT_EQ(two->row_begin(256), 1024);
  ASSERT_NO_FATAL_FAILURE(expect_holds(*two, rows, StoreAs::float32));
}

TEST(Snapshot, DoesNotDependOnTheOrderOfRows) {
  std::vector<Row> rows = make_rows(300, 8, 5);
  ScratchFolder root;
  std::set<std::string> hashes{create(root, "by-security", rows).content_hash};
  hashes.insert(create(root, "shuffled", shuffled(rows, 6)).content_hash);
  std::sort(rows.begin(), rows.end(), [](const Row& a, const Row& b) { return std::tie(a.day, a.id) < std::tie(b.day, b.id); });
  hashes.insert(create(root, "by-date", rows).content_hash);
  EXPECT_EQ(hashes.size(), 1U);
  rows[17].score += 1e-3;
  EXPECT_FALSE(hashes.contains(create(root, "other", rows).content_hash));
}

TEST(Snapshot, ChoosesHowColumnsAreStored) {
  const std::vector<Row> rows = make_rows(10, 3, 7);
  const std::size_t size = rows.size();
  auto columns = arrays_of(rows);
  std::vector<double> wholes(size, 3.0), wide(size, 5e9), edge(size, 2147483647.0);
  wholes[1] = kNaN;
  wholes[2] = -0.0;
  columns.push_back(plain("wholes", "g", wholes));
  columns.push_back(plain("wide", "g", wide));
  columns.push_back(plain("edge", "g", edge));
  columns.push_back(plain("void", "g", std::vector<double>(size, kNaN)));
  columns.push_back(plain("adv", "l", std::vector<std::int64_t>(size, 12)));
  columns.push_back(plain("big", "l", std::vector<std::int64_t>(size, (std::int64_t{1} << 53) - 1)));
  testing::Array flag;
  flag.name = "flag";
  flag.format = "b";
  flag.length = static_cast<std::int64_t>(size);
  flag.add_null().add_bits(std::vector<int>(size, 1));
  columns.push_back(flag);
  ScratchFolder root;
  const SnapshotInfo info = create_snapshot(root.path(), "s", *panel_of(columns), {});
  const auto snapshot = Snapshot::open(root.path(), "s");
  const auto kind = [&](const char* name) { return snapshot->find_column(name)->kind; };
  EXPECT_EQ(kind("wholes"), ColumnKind::integer);
  EXPECT_EQ(kind("edge"), ColumnKind::integer);
  EXPECT_EQ(kind("void"), ColumnKind::integer);
  EXPECT_EQ(kind("country"), ColumnKind::text);
  EXPECT_EQ(kind("flag"), ColumnKind::text);  // a boolean is the category true, false
  EXPECT_EQ(kind("adv"), ColumnKind::real);   // dollars, though whole here
  EXPECT_EQ(kind("mcap"), ColumnKind::real);
  EXPECT_EQ(kind("wide"), ColumnKind::real);
  EXPECT_TRUE(snapshot->find_column("wide")->whole);
  EXPECT_FALSE(snapshot->find_column("score")->whole);
  EXPECT_EQ(snapshot->find_column("wholes")->missing, 1);
  EXPECT_EQ(snapshot->find_column("void")->missing, static_cast<std::int64_t>(size));
  EXPECT_EQ(snapshot->find_column("mcap")->unit, "dollars");
  EXPECT_EQ(snapshot->codes("flag")[0], 0);
  EXPECT_EQ(snapshot->dictionary("flag").front(), "true");
  EXPECT_EQ(snapshot->codes("edge")[0], 2147483647);
  EXPECT_EQ(snapshot->real<double>("big")[0], 9007199254740991.0);  // float32 would round it
  EXPECT_FALSE(snapshot->real<float>("big"));
  EXPECT_EQ(snapshot->find_column("nowhere"), nullptr);
  EXPECT_EQ(info.columns.size(), columns.size() - 2);
  const std::vector<std::string> sorted{"CH", "JP", "US", "Österreich"};
  EXPECT_TRUE(std::includes(sorted.begin(), sorted.end(), snapshot->dictionary("country").begin(),
                            snapshot->dictionary("country").end()));
}

TEST(Snapshot, TakesColumnsByOtherNames) {
  auto columns = arrays_of(make_rows(10, 3, 8));
  columns[2].name = "RetColumn";
  ScratchFolder root;
  BuildOptions options;
  options.read.map = {{"ret", "RetColumn"}, {"resret", "RetColumn"}};
  create_snapshot(root.path(), "s", *panel_of(columns), options);
  const auto snapshot = Snapshot::open(root.path(), "s");
  EXPECT_TRUE(snapshot->real<float>("ret"));
  EXPECT_TRUE(snapshot->real<float>("resret"));
  EXPECT_EQ(snapshot->find_column("RetColumn"), nullptr);
  options.read.map = {{"ret", "Nowhere"}};
  const std::string message =
      message_of(ErrorCode::PANEL_MISSING_COLUMN, [&] { create_snapshot(root.path(), "t", *panel_of(columns), options); });
  EXPECT_TRUE(contains(message, "Nowhere")) << message;
}

struct Refusal {
  ErrorCode code;
  std::string words;
  std::function<void(std::vector<testing::Array>&)> change;
};

TEST(Snapshot, RefusesPanels) {
  const std::vector<Row> rows = make_rows(10, 3, 9);
  const std::size_t size = rows.size();
  const auto with = [&](std::size_t column, auto array) {
    return [column, array](std::vector<testing::Array>& columns) { columns[column] = array; };
  };
  const auto also = [&](auto array) { return [array](std::vector<testing::Array>& columns) { columns.push_back(array); }; };
  std::vector<double> infinite(size, 0.5), too_large(size, 0.5);
  infinite[4] = -std::numeric_limits<double>::infinity();
  too_large[4] = 1e39;
  std::vector<int> one_null(size, 1);
  one_null[5] = 0;
  const auto ids = testing::column_of(rows, [](const Row& r) { return r.id; });
  const std::vector<Refusal> refusals{
      {ErrorCode::PANEL_MISSING_COLUMN, "\"ret\"", [](auto& c) { c.erase(c.begin() + 2); }},
      {ErrorCode::PANEL_MISSING_COLUMN, "\"date\"", [](auto& c) { c.erase(c.begin() + 1); }},
      {ErrorCode::PANEL_MISSING_COLUMN, "\"security_id\"", [](auto& c) { c.erase(c.begin()); }},
      {ErrorCode::PANEL_INFINITE_VALUE, "-inf at row 4", with(3, plain("mcap", "g", infinite))},
      {ErrorCode::PANEL_INFINITE_VALUE, "float64", with(3, plain("mcap", "g", too_large))},
      {ErrorCode::PANEL_COLUMN_TYPE, "\"cap\"", with(7, texts("cap", "u", std::vector<std::string>(size, "tiny")))},
      {ErrorCode::PANEL_COLUMN_TYPE, "twice", also(plain("score", "g", std::vector<double>(size, 1)))},
      {ErrorCode::PANEL_COLUMN_TYPE, "a/b", also(plain("a/b", "g", std::vector<double>(size, 1)))},
      {ErrorCode::PANEL_COLUMN_TYPE, "reserve", also(plain("exposures", "g", std::vector<double>(size, 0.5)))},
      {ErrorCode::PANEL_COLUMN_TYPE, "float64",
       also(plain("order", "l", std::vector<std::int64_t>(size, (std::int64_t{1} << 53) + 1)))},
      {ErrorCode::PANEL_COLUMN_TYPE, "UTF-8", also(texts("note", "u", std::vector<std::string>(size, "\xff")))},
      {ErrorCode::PANEL_COLUMN_TYPE, "security_id", with(0, plain("security_id", "g", std::vector<double>(size, 1.5)))},
      {ErrorCode::PANEL_NULL_KEY, "found 1 rows", with(0, plain("security_id", "l", ids).valid(one_null))},
      {ErrorCode::PANEL_DUPLICATE_ROW, "security_id 1", with(0, plain("security_id", "l", std::vector<std::int64_t>(size, 1)))},
      {ErrorCode::PANEL_TOO_LARGE, "400 years",
       [&](auto& c) {
         auto days = testing::column_of(rows, [](const Row& r) { return r.day; });
         days[0] = 9999999;
         c[1] = plain("date", "tdD", days);
       }},
      {ErrorCode::PANEL_TOO_LARGE, "years 0 to 9999",
       [&](auto& c) { c[1] = plain("date", "tdD", testing::column_of(rows, [](const Row& r) { return r.day + 3000000; })); }},
      {ErrorCode::PANEL_TOO_LARGE, "years 0 to 9999",
       [&](auto& c) { c[1] = plain("date", "tdD", testing::column_of(rows, [](const Row& r) { return r.day - 800000; })); }},
  };
  ScratchFolder root;
  for (const Refusal& refusal : refusals) {
    auto columns = arrays_of(rows);
    refusal.change(columns);
    const std::string message =
        message_of(refusal.code, [&] { create_snapshot(root.path(), "bad", *panel_of(columns), BuildOptions{}); });
    EXPECT_TRUE(contains(message, refusal.words)) << message;
    EXPECT_TRUE(contains(message, "expected")) << message;
    EXPECT_TRUE(root.entries().empty()) << message;
  }
}

TEST(Snapshot, NamesDuplicatesAndTheirNumber) {
  std::vector<Row> rows = make_rows(300, 5, 10);
  Row twice = rows[200];
  twice.ret = 0.25;
  rows.push_back(twice);
  rows.push_back(twice);
  ScratchFolder root;
  const std::string message = message_of(ErrorCode::PANEL_DUPLICATE_ROW, [&] { create(root, "s", shuffled(rows, 11)); });
  EXPECT_TRUE(contains(message, "found 2 more")) << message;
  EXPECT_TRUE(contains(message, "security_id " + std::to_string(twice.id) + " on " + format_day(twice.day))) << message;
  EXPECT_TRUE(contains(
      message_of(ErrorCode::PANEL_EMPTY, [&] { create_snapshot(root.path(), "s", *panel_of(arrays_of({})), {}); }), "0"));
}

}  // namespace
}  // namespace fractile
