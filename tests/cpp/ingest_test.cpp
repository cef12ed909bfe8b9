// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "arrow/arrow_column.hpp"
#include "arrow/arrow_export.hpp"
#include "arrow_builder.hpp"
#include "fractile/error.hpp"
#include "fractile/panel.hpp"
#include "fractile/signal.hpp"
#include "ingest/date_column.hpp"
#include "message_of.hpp"

namespace fractile {
namespace {

using testing::Array;
using testing::batch;
using testing::plain;
using testing::stream_of;
using testing::texts;

constexpr std::int64_t kSecond = 1000000000;
constexpr std::int64_t kDay = 86400 * kSecond;
constexpr std::int64_t kMicros = 1000000;  // a second, as the reader of times counts

/// Runs `read` on the first column of `batches`, chunk by chunk.
template <class T, class Read>
std::vector<T> read_column(std::vector<Array> batches, Read&& read) {
  ArrowArrayStream stream = stream_of(std::move(batches));
  const ArrowBatches held(&stream);
  std::vector<T> out(static_cast<std::size_t>(held.n_rows()));
  T* to = out.data();
  for (const auto& chunk : held.chunks(0)) {
    read(held.schema(0), chunk, to);
    to += chunk.length;
  }
  return out;
}
std::vector<double> doubles(std::vector<Array> batches) { return read_column<double>(std::move(batches), read_doubles); }
std::vector<std::int64_t> integers(std::vector<Array> batches) {
  return read_column<std::int64_t>(std::move(batches), [](const auto& schema, const auto& chunk, std::int64_t* out) {
    read_integers(schema, chunk, kMissingId, out);
  });
}
std::vector<Day> days(std::vector<Array> batches) { return read_column<Day>(std::move(batches), read_days); }
std::vector<std::int64_t> times(std::vector<Array> batches) { return read_column<std::int64_t>(std::move(batches), read_times); }
std::vector<std::string> words(std::vector<Array> batches) {
  return read_column<std::string>(std::move(batches), [](const auto& schema, const auto& chunk, std::string* out) {
    read_texts(schema, chunk,
               [&](std::int64_t i, std::string_view text, bool null) { out[i] = null ? "<null>" : std::string(text); });
  });
}

/// Every test leaves nothing unreleased behind.
class Ingest : public ::testing::Test {
 protected:
  void TearDown() override { EXPECT_EQ(testing::live_count(), 0); }
};

template <class T>
void expect_integers(const std::string& format) {
  const T low = std::numeric_limits<T>::min(), high = std::numeric_limits<T>::max();
  const std::vector<std::int64_t> expected{static_cast<std::int64_t>(low), 7, kMissingId};
  const auto array = plain<T>("x", format, {low, T{7}, high}).valid({1, 1, 0});
  EXPECT_EQ(integers({batch({array})}), expected) << format;
  const auto read = doubles({batch({array})});
  EXPECT_EQ(read[0], static_cast<double>(low)) << format;
  EXPECT_TRUE(std::isnan(read[2])) << format;
  const auto words_of = words({batch({testing::dictionary<T>("x", format, {T{1}, T{0}, T{1}}, texts("", "u", {"a", "b"}))})});
  EXPECT_EQ(words_of, (std::vector<std::string>{"b", "a", "b"})) << format;
}

TEST_F(Ingest, EveryIntegerAlsoAsIndex) {
  expect_integers<std::int8_t>("c");
  expect_integers<std::uint8_t>("C");
  expect_integers<std::int16_t>("s");
  expect_integers<std::uint16_t>("S");
  expect_integers<std::int32_t>("i");
  expect_integers<std::uint32_t>("I");
  expect_integers<std::int64_t>("l");
  expect_integers<std::uint64_t>("L");
}

TEST_F(Ingest, RealsAndBooleans) {
  EXPECT_EQ(doubles({batch({plain<float>("x", "f", {1.5F, -2.F})})}), (std::vector<double>{1.5, -2.0}));
  EXPECT_EQ(doubles({batch({plain<std::uint16_t>("x", "e", {0x3c00, 0xc000, 0x0001, 0x7c00})})}),
            (std::vector<double>{1.0, -2.0, std::ldexp(1.0, -24), INFINITY}));
  Array bits;
  bits.format = "b";
  bits.length = 3;
  bits.offset = 7;  // across a byte
  bits.add_null().add_bits({0, 0, 0, 0, 0, 0, 0, 1, 0, 1});
  EXPECT_EQ(doubles({batch({bits})}), (std::vector<double>{1.0, 0.0, 1.0}));
  Array none;
  none.format = "n";
  none.length = 2;
  EXPECT_TRUE(std::isnan(doubles({batch({none})})[1]));
}

TEST_F(Ingest, DictionaryOfNumbers) {
  auto values = plain<double>("", "g", {10.0, 20.0, 30.0}).valid({1, 0, 1});
  const auto read = doubles({batch({testing::dictionary<std::int8_t>("x", "c", {2, 1, 0, 2}, values).valid({1, 1, 1, 0})})});
  EXPECT_EQ(read[0], 30.0);
  EXPECT_TRUE(std::isnan(read[1]));
  EXPECT_EQ(read[2], 10.0);
  EXPECT_TRUE(std::isnan(read[3]));
}

TEST_F(Ingest, TextsOfAllThreeKinds) {
  const std::vector<std::string> sample{"", "twelve bytes", "thirteen byte", "Zürich", "a text far longer than a view"};
  for (const char* format : {"u", "U", "vu"}) {
    EXPECT_EQ(words({batch({texts("x", format, sample)})}), sample) << format;
    auto with_null = texts("x", format, sample).valid({1, 0, 1, 1, 1});
    EXPECT_EQ(words({batch({with_null})})[1], "<null>") << format;
    auto coded = testing::dictionary<std::uint32_t>("x", "I", {4, 2, 2}, texts("", format, sample));
    EXPECT_EQ(words({batch({coded})}), (std::vector<std::string>{sample[4], sample[2], sample[2]})) << format;
  }
}

TEST_F(Ingest, OffsetsOfColumnAndBatchAddUp) {
  auto column = plain<std::int64_t>("x", "l", {9, 9, 9, 1, 2, 3, 9}).valid({1, 1, 1, 1, 0, 1, 1});
  column.offset = 2;
  column.length = 5;
  auto sliced = batch({column}, 3);
  sliced.offset = 1;
  EXPECT_EQ(integers({sliced, batch({plain<std::int64_t>("x", "l", {4})})}), (std::vector<std::int64_t>{1, kMissingId, 3, 4}));
}

TEST_F(Ingest, NullRowsOfABatchAreNullInEveryColumn) {
  auto column = plain<std::int64_t>("x", "l", {9, 1, 2, 3}).valid({1, 1, 1, 0});
  auto with_null_rows = batch({column}, 3);
  with_null_rows.offset = 1;
  with_null_rows.valid({0, 1, 0, 1});
  EXPECT_EQ(integers({with_null_rows}), (std::vector<std::int64_t>{1, kMissingId, kMissingId}));
  auto coded = testing::dictionary<std::int8_t>("x", "c", {0, 1}, texts("", "u", {"a", "b"}));
  EXPECT_EQ(words({batch({coded}).valid({0, 1})}), (std::vector<std::string>{"<null>", "b"}));
}

TEST_F(Ingest, AStreamThatIsNoStructIsOneColumn) {
  ArrowArrayStream stream = stream_of({plain<double>("alone", "g", {1.0})});
  const ArrowBatches held(&stream);
  EXPECT_EQ(held.names(), std::vector<std::string>{"alone"});
  EXPECT_EQ(held.n_rows(), 1);
}

TEST_F(Ingest, DatesOfEveryType) {
  const Day day = day_from_civil(2020, 1, 2);
  const std::int64_t noon = (std::int64_t{day} * 24 + 12) * 3600;
  EXPECT_EQ(days({batch({plain<std::int32_t>("x", "tdD", {day, -1})})}), (std::vector<Day>{day, -1}));
  EXPECT_EQ(days({batch({plain<std::int64_t>("x", "tdm", {noon * 1000, -1})})}), (std::vector<Day>{day, -1}));
  for (const auto& [format, ticks] :
       std::vector<std::pair<std::string, std::int64_t>>{{"tss:", 1}, {"tsm:", 1000}, {"tsu:", 1000000}, {"tsn:", kSecond}}) {
    const auto array = plain<std::int64_t>("x", format, {noon * ticks, kMissingTime, -1});
    EXPECT_EQ(days({batch({array})}), (std::vector<Day>{day, kMissingDay, -1})) << format;
    EXPECT_EQ(times({batch({array})})[0], noon * kMicros) << format;
    EXPECT_EQ(times({batch({array})})[1], kMissingTime) << format;
  }
}

TEST_F(Ingest, DatesFarAwayStayDates) {
  const auto far = plain<std::int64_t>("x", "tss:", {INT64_MAX, INT64_MIN + 1});
  EXPECT_EQ(days({batch({far})}), (std::vector<Day>{std::numeric_limits<Day>::max(), kMissingDay + 1}));
  EXPECT_GT(times({batch({far})})[0], std::int64_t{290} * 365 * 86400 * kMicros);
  const auto zoned = plain<std::int64_t>("x", "tss:America/New_York", {INT64_MAX - 86400 * 2, INT64_MIN + 1 + 86400 * 2});
  EXPECT_EQ(days({batch({zoned})})[0], std::numeric_limits<Day>::max());
  EXPECT_EQ(days({batch({texts("x", "u", {"0001-01-01", "9999-12-31"})})}),
            (std::vector<Day>{day_from_civil(1, 1, 1), day_from_civil(9999, 12, 31)}));
  EXPECT_EQ(times({batch({texts("x", "u", {"0001-01-01", "2300-01-04"})})}),
            (std::vector<std::int64_t>{day_from_civil(1, 1, 1) * 86400 * kMicros, day_from_civil(2300, 1, 4) * 86400 * kMicros}));
}

TEST_F(Ingest, TicksAtTheEndsOfTheirTypeStayOutsideAnyCalendar) {
  const std::vector<std::int64_t> ticks{INT64_MAX, INT64_MIN + 1};
  for (const char* format : {"tss:", "tsm:", "tsu:", "tsn:", "tss:+05:30", "tsm:-0800", "tsn:America/New_York", "tdm"}) {
    const std::vector<Day> found = days({batch({plain("date", format, ticks)})});
    EXPECT_GT(found[0], 100000) << format;
    EXPECT_LT(found[1], -100000) << format;
    const std::vector<std::int64_t> moments = times({batch({plain("date", format, ticks)})});
    EXPECT_GT(moments[0], std::int64_t{100000} * 86400 * kMicros) << format;
    EXPECT_LT(moments[1], std::int64_t{-100000} * 86400 * kMicros) << format;
    EXPECT_NE(moments[1], kMissingTime) << format;
  }
}

TEST_F(Ingest, ZonesGiveTheLocalDateAndTime) {
  // 2020-07-01 02:30 UTC is the evening before in New York (UTC-4 in summer).
  const Day day = day_from_civil(2020, 7, 1);
  const std::int64_t utc = std::int64_t{day} * 86400 + 9000;
  const auto in_zone = [&](const std::string& zone) {
    return times({batch({plain<std::int64_t>("x", "tsn:" + zone, {utc * kSecond})})})[0] - utc * kMicros;
  };
  EXPECT_EQ(in_zone("America/New_York"), -4 * 3600 * kMicros);
  EXPECT_EQ(in_zone("Asia/Kolkata"), 19800 * kMicros);
  for (const char* zone : {"UTC", "Etc/UTC", "GMT", "+00:00", "Z"}) EXPECT_EQ(in_zone(zone), 0) << zone;
  EXPECT_EQ(in_zone("+05:30"), 19800 * kMicros);
  EXPECT_EQ(in_zone("-0800"), -8 * 3600 * kMicros);
  EXPECT_EQ(days({batch({plain<std::int64_t>("x", "tsn:America/New_York", {utc * kSecond})})})[0], day - 1);
  // Both sides of the change to summer time on 2020-03-08, in and out of order.
  const std::int64_t march = day_from_civil(2020, 3, 8) * std::int64_t{86400};
  const auto changes = times({batch({plain<std::int64_t>("x", "tss:America/New_York", {march, march + 86400, march})})});
  EXPECT_EQ(changes[0], (march - 5 * 3600) * kMicros);
  EXPECT_EQ(changes[1], (march + 86400 - 4 * 3600) * kMicros);
  EXPECT_EQ(changes[2], changes[0]);
  for (const char* zone : {"Mars/Olympus", "+ab:cd", "+99:00", "-1"}) {
    const auto words_said = message_of(ErrorCode::COLUMN_TYPE, [&] { in_zone(zone); });
    EXPECT_NE(words_said.find(zone), std::string::npos) << words_said;
  }
}

TEST_F(Ingest, IsoTexts) {
  const std::int64_t day = std::int64_t{day_from_civil(2020, 1, 2)} * 86400 * kMicros;
  const std::int64_t morning = day + 30600 * kMicros;
  const std::vector<std::pair<std::string, std::int64_t>> good{{"2020-01-02", day},
                                                               {" 20200102 ", day},
                                                               {"2020-01-02T08:30:00", morning},
                                                               {"20200102T08:30", morning},
                                                               {"2020-01-02 08:30", morning},
                                                               {"2020-01-02T08:30:00.5", morning + kMicros / 2},
                                                               {"2020-01-02 08:30:00.123456789", morning + 123456},
                                                               {"", kMissingTime},
                                                               {"NaT", kMissingTime},
                                                               {"NA", kMissingTime}};
  std::vector<std::string> given;
  std::vector<std::int64_t> expected;
  for (const auto& [text, micros] : good) {
    given.push_back(text);
    expected.push_back(micros);
  }
  for (const char* format : {"u", "U", "vu"}) EXPECT_EQ(times({batch({texts("x", format, given)})}), expected) << format;
  for (const char* bad :
       {"2020-1-02", "2020010", "202001022", "2020-01-02T", "2020-01-02X08:30", "2020-01-02T8:30", "2020-01-02T24:00",
        "2020-01-02T08:60", "2020-01-02T08:30:", "2020-01-02T08:30:00.", "2020-01-02T08:30:00+1", "2020-01-02T08:30:00+01:0",
        "2020-01-02+01:00", "02/01/2020", "2020-01-02T-1:00", "20200230", "17991231", "2020-01"}) {
    const auto said = message_of(ErrorCode::COLUMN_TYPE, [&] {
      times({batch({texts("when", "u", {"2020-01-02"})}), batch({texts("when", "u", {"2020-01-02", bad})})});
    });
    EXPECT_NE(said.find("column \"when\", found \"" + std::string(bad) + "\" at row 2"), std::string::npos) << said;
  }
}

TEST_F(Ingest, OffsetsAreDropped) {
  const std::int64_t local = (std::int64_t{day_from_civil(2020, 1, 2)} * 86400 + 16 * 3600) * kMicros;
  const std::vector<std::string> aware{"2020-01-02T16:00Z", "2020-01-02T16:00+09:00", "2020-01-02 16:00:00-0500",
                                       "2020-01-02T16:00+09"};
  EXPECT_EQ(times({batch({texts("x", "u", aware)})}), (std::vector<std::int64_t>(4, local)));
  const auto said = message_of(ErrorCode::COLUMN_TYPE, [&] { times({batch({texts("x", "u", {aware[0], "2020-01-02"})})}); });
  EXPECT_NE(said.find("\"2020-01-02\" at row 1"), std::string::npos) << said;
}

TEST_F(Ingest, DictionariesOfDates) {
  const Day day = day_from_civil(2020, 1, 2);
  const auto coded = testing::dictionary<std::int8_t>("x", "c", {1, 0, 1}, texts("", "vu", {"never used", "2020-01-02"}));
  const auto said = message_of(ErrorCode::COLUMN_TYPE, [&] { days({batch({coded})}); });
  EXPECT_NE(said.find("\"never used\" at row 1"), std::string::npos) << said;
  const auto fine =
      testing::dictionary<std::int8_t>("x", "c", {1, 0, 1}, texts("", "vu", {"never used", "2020-01-02"})).valid({1, 0, 1});
  EXPECT_EQ(days({batch({fine})}), (std::vector<Day>{day, kMissingDay, day}));
  const auto stamped = testing::dictionary<std::int8_t>("x", "c", {0, 0}, plain<std::int32_t>("", "tdD", {day}));
  EXPECT_EQ(days({batch({stamped})}), (std::vector<Day>{day, day}));
}

TEST_F(Ingest, TypesByName) {
  const auto name_of = [](const char* format) {
    ArrowSchema schema{};
    schema.format = format;
    return describe_type(schema).name;
  };
  EXPECT_EQ(name_of("tsn:UTC"), "timestamp[ns, UTC]");
  EXPECT_EQ(name_of("tss:"), "timestamp[s]");
  EXPECT_EQ(name_of("d:10,2"), "decimal(10,2)");
  EXPECT_EQ(name_of("L"), "uint64");
  EXPECT_EQ(name_of("+l"), "list");
  EXPECT_EQ(name_of("+s"), "struct");
  EXPECT_EQ(name_of("tDn"), "duration");
  EXPECT_EQ(name_of("?"), "Arrow type \"?\"");
  ArrowSchema schema{};
  EXPECT_EQ(describe_type(schema).kind, ArrowKind::other);
}

TEST_F(Ingest, BrokenArraysAreRefused) {
  const auto refused = [](std::vector<Array> batches) {
    return message_of(ErrorCode::UNREADABLE_SIGNAL, [&] { words(std::move(batches)); });
  };
  const Array good = texts("x", "u", {"a", "b"});
  Array bad = good;
  bad.length = 1;
  EXPECT_NE(refused({batch({bad}, 2)}).find("column \"x\""), std::string::npos);
  bad = good;
  bad.offset = -1;
  refused({batch({bad})});
  bad = good;
  bad.buffers.pop_back();
  refused({batch({bad})});
  bad = good;
  bad.buffers[1] = Array().add<std::int32_t>({0, 5, 2}).buffers[0];
  refused({batch({bad})});
  bad = good;
  bad.length = std::numeric_limits<std::int64_t>::max();
  refused({batch({bad}, 2)});
  refused({batch({testing::dictionary<std::int8_t>("x", "c", {2}, good)})});
  refused({batch({testing::dictionary<std::int8_t>("x", "c", {-1}, good)})});
  bad = texts("x", "vu", {"a text longer than a view"});
  bad.buffers.back() = Array().add<std::int64_t>({3}).buffers[0];
  refused({batch({bad})});
  refused({batch({good}), batch({good, good})});
  auto negative = batch({good}, 2);
  negative.length = -2;
  refused({negative});
}

TEST_F(Ingest, AProducersOwnWordsAreKept) {
  ArrowArrayStream stream = stream_of({batch({plain<double>("x", "g", {1.0})})}, "the tape broke");
  const auto said = message_of(ErrorCode::UNREADABLE_SIGNAL, [&] { const ArrowBatches held(&stream); });
  EXPECT_NE(said.find("the tape broke"), std::string::npos) << said;
}

std::vector<Array> small_signal() {
  return {plain<std::int64_t>("security_id", "l", {1, 2}), plain<std::int64_t>("date_sig", "tsn:", {kDay, 2 * kDay}),
          plain<double>("signal", "g", {0.5, -0.5})};
}
Signal read(std::vector<Array> columns, const std::vector<std::string>& sigvars = {"signal"}) {
  ArrowArrayStream stream = stream_of({batch(std::move(columns))});
  return read_signal(&stream, sigvars);
}

TEST_F(Ingest, SignalWithoutACopy) {
  auto columns = small_signal();
  const void* ids = columns[0].buffers[1]->data();
  const void* dates = columns[1].buffers[1]->data();
  const void* values = columns[2].buffers[1]->data();
  columns[0].valid({1, 1});  // a bitmap without a null does not require a copy
  const Signal signal = read(columns);
  EXPECT_EQ(signal.keys.n_rows, 2);
  EXPECT_EQ(signal.keys.security_id.numbers, ids);
  EXPECT_TRUE(signal.keys.security_id.has_number(0) && signal.keys.security_id.has_number(1));
  EXPECT_EQ(signal.keys.date_sig.data, dates);
  EXPECT_EQ(signal.keys.date_sig.unit, DateUnit::nanosecond);
  EXPECT_EQ(signal.values.at(0), values);
  EXPECT_FALSE(signal.keys.date_avail);
  EXPECT_FALSE(signal.keys.date_ret);
}

TEST_F(Ingest, SignalConverted) {
  auto columns = small_signal();
  columns[0] = plain<std::int32_t>("security_id", "i", {1, 2}).valid({1, 0});
  columns[1] = plain<std::int64_t>("date_sig", "tsu:", {86400000000, 0}).valid({1, 0});
  columns[2] = plain<float>("signal", "f", {0.5F, -0.5F});
  columns.push_back(texts("date_avail", "U", {"1970-01-02", "1970-01-03T09:00"}));
  columns.push_back(plain<std::int32_t>("date_ret", "tdD", {3, 4}));
  columns.push_back(plain<std::int32_t>("unrelated", "+w:3", {3, 4}));
  const Signal signal = read(columns);
  EXPECT_EQ(signal.keys.security_id.numbers[0], 1);
  EXPECT_FALSE(signal.keys.security_id.has_number(1));
  EXPECT_EQ(signal.keys.date_sig.unit, DateUnit::microsecond);
  EXPECT_EQ(static_cast<const std::int64_t*>(signal.keys.date_sig.data)[0], 86400 * kMicros);
  EXPECT_EQ(static_cast<const std::int64_t*>(signal.keys.date_sig.data)[1], kMissingTime);
  EXPECT_EQ(static_cast<const std::int64_t*>(signal.keys.date_avail.data)[1], (2 * 86400 + 9 * 3600) * kMicros);
  EXPECT_EQ(signal.keys.date_ret.unit, DateUnit::day);
  EXPECT_EQ(signal.values[0][1], -0.5);
}

TEST_F(Ingest, SignalOfManyBatchesAndManyValues) {
  auto first = small_signal(), second = small_signal();
  first.push_back(plain<std::int16_t>("other", "s", {7, 8}));
  second.push_back(plain<std::int16_t>("other", "s", {9, 10}));
  ArrowArrayStream stream = stream_of({batch(first), batch(second)});
  const Signal signal = read_signal(&stream, {"other", "signal"});
  EXPECT_EQ(signal.keys.n_rows, 4);
  EXPECT_EQ(signal.values[0][3], 10.0);
  EXPECT_EQ(signal.values[1][2], 0.5);
  EXPECT_EQ(signal.names, (std::vector<std::string>{"other", "signal"}));
}

TEST_F(Ingest, SignalRefusals) {
  auto columns = small_signal();
  columns[2].name = "sig";
  EXPECT_EQ(
      message_of(ErrorCode::UNKNOWN_COLUMN, [&] { read(columns); }),
      "UNKNOWN_COLUMN: expected a column \"signal\", found security_id, date_sig, sig. Pass sigvar=\"sig\" (--sigvar sig).");
  columns = small_signal();
  columns[0].name = "id";
  EXPECT_NE(message_of(ErrorCode::UNKNOWN_COLUMN, [&] { read(columns); }).find("\"security_id\""), std::string::npos);
  columns = small_signal();
  columns[0] = plain<double>("security_id", "g", {1.0, 2.5});
  const auto said = message_of(ErrorCode::COLUMN_TYPE, [&] { read(columns); });
  EXPECT_NE(said.find("2.5"), std::string::npos) << said;
  EXPECT_NE(said.find("row 1"), std::string::npos) << said;
  columns = small_signal();
  columns[0] = plain<std::uint64_t>("security_id", "L", {1, UINT64_MAX});
  EXPECT_NE(message_of(ErrorCode::COLUMN_TYPE, [&] { read(columns); }).find("at row 1"), std::string::npos);
  columns = small_signal();
  columns[1] = plain<std::int64_t>("date_sig", "l", {20200102, 1577923200});
  EXPECT_NE(message_of(ErrorCode::COLUMN_TYPE, [&] { read(columns); }).find("--date-format unix_s"), std::string::npos);
  columns = small_signal();
  columns[2].format = "b";
  message_of(ErrorCode::COLUMN_TYPE, [&] { read(columns); });
  columns = small_signal();
  for (Array& column : columns) column.length = 0;
  message_of(ErrorCode::EMPTY_SIGNAL, [&] { read(columns); });
}

TEST_F(Ingest, CollectedPanelGivesColumnsAgainAndAgain) {
  auto ids = plain<std::int64_t>("security_id", "l", {1, 2, 3}).valid({1, 0, 1});
  auto kinds = testing::dictionary<std::int8_t>("kind", "c", {0, 1, 0}, texts("", "u", {"a", "b"}));
  auto sliced = batch({ids, kinds}, 2);
  sliced.offset = 1;
  ArrowArrayStream stream = stream_of({sliced, batch({ids, kinds})});
  const auto panel = collect_panel(&stream, "frame");
  EXPECT_EQ(panel->column_names(), (std::vector<std::string>{"security_id", "kind"}));
  EXPECT_EQ(panel->source_name(), "frame");
  EXPECT_EQ(panel->source_hash(), "");
  for (int again = 0; again < 2; ++again) {
    ArrowArrayStream out{};
    panel->open_columns({"kind", "security_id"}, &out);
    const ArrowBatches held(&out);
    EXPECT_EQ(held.n_rows(), 5);
    std::string all;
    for (const auto& chunk : held.chunks(0))
      read_texts(held.schema(0), chunk, [&](std::int64_t, std::string_view text, bool) { all += text; });
    EXPECT_EQ(all, "baaba");
    std::vector<std::int64_t> read_ids(3);
    read_integers(held.schema(1), held.chunks(1)[1], kMissingId, read_ids.data());
    EXPECT_EQ(read_ids, (std::vector<std::int64_t>{1, kMissingId, 3}));
  }
  ArrowArrayStream out{};
  message_of(ErrorCode::PANEL_MISSING_COLUMN, [&] { panel->open_columns({"nothing"}, &out); });
}

TEST_F(Ingest, ExportedStreamsOutliveTheirPanel) {
  ArrowArrayStream stream = stream_of({batch({plain<double>("x", "g", {1.0, 2.0})})});
  ArrowArrayStream out{};
  {
    const auto panel = collect_panel(&stream, "frame");
    panel->open_columns({"x"}, &out);
  }
  EXPECT_GT(testing::live_count(), 0);
  ArrowArray held{};
  ASSERT_EQ(out.get_next(&out, &held), 0);
  out.release(&out);
  // A child may be taken out of its batch and live on alone.
  ArrowArray child = *held.children[0];
  held.children[0]->release = nullptr;
  held.release(&held);
  EXPECT_EQ(static_cast<const double*>(child.buffers[1])[1], 2.0);
  EXPECT_GT(testing::live_count(), 0);
  child.release(&child);
}

TEST_F(Ingest, BrokenPanelsHaveACodeOfTheirOwn) {
  ArrowArrayStream stream = stream_of({batch({plain<double>("x", "g", {1.0})})}, "the tape broke");
  const auto said = message_of(ErrorCode::UNREADABLE_PANEL, [&] { collect_panel(&stream, "frame"); });
  EXPECT_EQ(said.find("UNREADABLE_PANEL: expected"), 0U) << said;
  EXPECT_EQ(said.find("UNREADABLE_SIGNAL"), std::string::npos) << said;
}

}  // namespace
}  // namespace fractile
