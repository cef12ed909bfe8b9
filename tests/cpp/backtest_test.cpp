// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
//
// Whole runs: numbers at the ends of their types, and many threads on one backtester.
#include "fractile/backtest.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <limits>
#include <map>
#include <string>
#include <thread>
#include <vector>

#ifdef __SSE2__
#include <xmmintrin.h>
#endif

#include "fractile/error.hpp"
#include "output/output.hpp"
#include "snapshot_rows.hpp"

namespace fractile {
namespace {

using testing::ScratchFolder;

/// Rows of a signal; dates as days.
struct Rows {
  std::vector<std::int64_t> ids;
  std::vector<Day> days;
  std::vector<double> values;
  std::vector<std::uint8_t> valid{};
  SignalKeys keys() const {
    SignalKeys out;
    out.n_rows = static_cast<std::int64_t>(ids.size());
    out.security_id = ids.data();
    if (!valid.empty()) out.security_id.valid = valid.data();
    out.date_sig = {days.data(), DateUnit::day};
    return out;
  }
};

class Backtests : public ::testing::Test {
 protected:
  Backtests() {
    const std::vector<testing::Row> rows = testing::make_rows(40, 25, 3, 1);
    std::vector<testing::Array> columns = testing::arrays_of(rows);
    const auto reals = [&](const char* name, double scale) {
      std::vector<double> out;
      for (std::size_t i = 0; i < rows.size(); ++i) out.push_back(scale * static_cast<double>(1 + i * 7919 % 1000));
      columns.push_back(testing::plain(name, "g", out));
    };
    for (const char* name : {"value", "growth", "leverage", "volatility", "yield", "adv", "vol", "close_adj"}) reals(name, 0.01);
    std::vector<std::int32_t> industries;
    for (std::size_t i = 0; i < rows.size(); ++i) industries.push_back(static_cast<std::int32_t>(rows[i].id % 4));
    columns.push_back(testing::plain("industry_id", "i", industries));
    create_snapshot(folder_.path(), "s", *testing::panel_of(std::move(columns)), {});
    view_ = make_view(Snapshot::open(folder_.path(), "s"), std::nullopt, std::nullopt, true);
    for (const testing::Row& row : rows) {
      signal_.ids.push_back(row.id);
      signal_.days.push_back(row.day);
      signal_.values.push_back(static_cast<double>(signal_.values.size() * 104729 % 1009) - 500.0);
    }
  }

  static RunConfig options(const std::string& json) {
    RunConfig config = parse_config(json);
    config.keep_weights = true;
    return config;
  }
  static std::vector<double> weights(const Result& result) {
    return std::get<std::vector<double>>(result.tables["weights"].find("weight")->values);
  }
  static std::string describe(Result result) {
    result.elapsed_seconds = 0.0;
    result.timings.clear();
    return result_to_json(result);
  }

  ScratchFolder folder_;
  View view_;
  Rows signal_;
};

TEST_F(Backtests, DaysAtTheEndsOfTheirTypesAreOutsideTheDates) {
  const Backtester backtester(view_);
  constexpr Day kFirst = kMissingDay + 1, kLast = std::numeric_limits<Day>::max();
  Rows rows{{1, 1, 1, 1}, {kFirst, kLast, kLast - 1, view_.snapshot->dates()[3]}, {1, 2, 3, 4}};
  const std::int64_t known = (std::int64_t{view_.snapshot->dates()[3]} + 1) * 86400000000;
  // date_avail may be as late as microseconds allow; a date_avail before date_sig would be refused.
  rows.days[1] = rows.days[2] = 100000000;
  const std::vector<std::int64_t> avail{INT64_MIN + 1, INT64_MAX, INT64_MAX, known};
  SignalKeys keys = rows.keys();
  for (const char* json : {"{}", R"({"resid":"all"})", R"({"hold_days":3})"}) {
    const Result result = backtester.run(keys, rows.values.data(), options(json));
    EXPECT_EQ(result.diagnostics["outside_dates"], 3) << json;
  }
  keys.date_avail = {avail.data(), DateUnit::microsecond};
  const std::vector<Day> given(4, view_.snapshot->dates()[6]);
  for (const bool has_given : {false, true}) {
    if (has_given) keys.date_ret = {given.data(), DateUnit::day};
    try {
      const Result result = backtester.run(keys, rows.values.data(), options(R"({"resid":"all"})"));
      EXPECT_FALSE(has_given);
      EXPECT_EQ(result.diagnostics["outside_dates"], 3);
    } catch (const Error& error) {
      EXPECT_TRUE(has_given);
      EXPECT_EQ(error.code(), ErrorCode::IMPOSSIBLE_DATES) << error.what();
    }
  }
}

TEST_F(Backtests, WeightsNearTheLargestDoubleSumToOne) {
  const Backtester backtester(view_);
  Rows rows = signal_;
  for (double& value : rows.values) value = value == 0.0 ? 5e-324 : std::copysign(1.7e308, value);
  for (const char* method : {"long_short", "long_only"}) {
    const Result result =
        backtester.run(rows.keys(), rows.values.data(),
                       options(std::string(R"({"input_type":"weight","mincos":1,"method":")") + method + "\"}"));
    const auto& dates = std::get<Column::Dates>(result.tables["weights"].find("date")->values).days;
    const std::vector<double> w = weights(result);
    std::map<Day, double> longs;
    for (std::size_t i = 0; i < w.size(); ++i) {
      ASSERT_TRUE(std::isfinite(w[i]));
      longs[dates[i]] += w[i] > 0.0 ? w[i] : 0.0;
    }
    ASSERT_FALSE(longs.empty());
    for (const auto& [day, sum] : longs) EXPECT_NEAR(sum, 1.0, 1e-12) << format_day(day);
  }
}

TEST_F(Backtests, ARunChecksOptionsThatNoParserHasSeen) {
  const Backtester backtester(view_);
  RunConfig config;
  config.lag = -3;  // would trade on returns that are not known yet
  EXPECT_THROW(backtester.run(signal_.keys(), signal_.values.data(), config), Error);
  const RunCell cell{signal_.values.data(), config};
  EXPECT_TRUE(backtester.run_many(signal_.keys(), {&cell, 1})[0].error);
}

TEST_F(Backtests, ResidualsOfAnyMagnitudeAreTheSameBook) {
  const Backtester backtester(view_);
  for (const char* mode : {"industry", "factor", "all"}) {
    const RunConfig config = options(std::string(R"({"mincos":2,"analysis":["ic","fractile"],"resid":")") + mode + "\"}");
    const Result plain = backtester.run(signal_.keys(), signal_.values.data(), config);
    ASSERT_FALSE(weights(plain).empty());
    for (const int exponent : {-1060, -600, 500, 1010}) {
      Rows rows = signal_;
      for (double& value : rows.values) value = std::ldexp(value, exponent);
      const Result scaled = backtester.run(rows.keys(), rows.values.data(), config);
      EXPECT_EQ(table_to_json(scaled.tables["weights"]), table_to_json(plain.tables["weights"])) << mode << " " << exponent;
      EXPECT_EQ(table_to_json(scaled.tables["ic"]), table_to_json(plain.tables["ic"])) << mode << " " << exponent;
    }
  }
}

TEST_F(Backtests, CostsBeyondAnyNumberAreTheLargest) {
  const Backtester backtester(view_);
  const RunConfig config = options(R"({"mincos":2,"gmv_musd":1e9,"tc_model":"power_law","tc_value":[0.35,400]})");
  const Result result = backtester.run(signal_.keys(), signal_.values.data(), config);
  const auto& costs = std::get<std::vector<double>>(result.tables["daily"].find("tc")->values);
  ASSERT_GT(costs.size(), 2U);
  for (const double tc : costs) EXPECT_GE(tc, 0.0);
  EXPECT_EQ(*std::ranges::max_element(costs), std::numeric_limits<double>::max());
  EXPECT_EQ(describe(result).find("null,null"), std::string::npos);
}

#ifdef __SSE2__
TEST_F(Backtests, FlushToZeroInTheCallersThreadChangesNoBit) {
  constexpr unsigned kFlushToZero = 0x8040;
  const Backtester backtester(view_, 0);
  Rows rows = signal_;  // half of the names tie at 0: the cut between them and the others is next to 0
  for (std::size_t i = 0; i < rows.values.size(); ++i) rows.values[i] = rows.ids[i] < 12 ? 0.0 : static_cast<double>(rows.ids[i]);
  for (const char* json : {R"({"mincos":1,"threads":1})", R"({"mincos":1,"threads":7})"}) {
    const std::string expected = describe(backtester.run(rows.keys(), rows.values.data(), options(json)));
    const unsigned before = _mm_getcsr();
    _mm_setcsr(before | kFlushToZero);
    const std::string found = describe(backtester.run(rows.keys(), rows.values.data(), options(json)));
    const RunCell cell{rows.values.data(), options(json)};
    const std::vector<RunOutcome> cells = backtester.run_many(rows.keys(), std::vector<RunCell>(3, cell));
    EXPECT_EQ(_mm_getcsr() & kFlushToZero, kFlushToZero) << "the caller's arithmetic is its own";
    _mm_setcsr(before);
    EXPECT_EQ(found, expected) << json;
    for (const RunOutcome& outcome : cells) EXPECT_EQ(describe(*outcome.result), expected) << json;
  }
}

TEST_F(Backtests, FlushToZeroChangesNoSnapshot) {
  const auto create = [&](const char* id) {
    std::vector<testing::Row> rows = testing::make_rows(20, 10, 5, 1);
    for (std::size_t i = 0; i < rows.size(); ++i) rows[i].score = 1e-40 * static_cast<double>(i + 1);  // subnormal as float32
    return create_snapshot(folder_.path(), id, *testing::panel_of(testing::arrays_of(rows)), {}).content_hash;
  };
  const std::string expected = create("plain");
  const unsigned before = _mm_getcsr();
  _mm_setcsr(before | 0x8040);
  const std::string found = create("flushed");
  _mm_setcsr(before);
  EXPECT_EQ(found, expected);
}
#endif

TEST_F(Backtests, ManyThreadsAndKeptAlignmentsChangeNoBit) {
  const Backtester backtester(view_, 2);  // fewer than the signals, so that their alignments evict each other
  std::vector<Rows> signals(4, signal_);
  for (std::size_t k = 0; k < signals.size(); ++k) {
    signals[k].valid.assign(signals[k].ids.size() / 8 + 1, 0xff);
    for (std::size_t i = k; i < signals[k].ids.size(); i += 7 + k)
      signals[k].valid[i / 8] = static_cast<std::uint8_t>(signals[k].valid[i / 8] & ~(1U << (i % 8)));
  }
  const std::vector<RunConfig> configs{
      options(R"({"mincos":2,"threads":1})"),
      options(R"({"mincos":2,"threads":3,"resid":"all"})"),
      options(R"({"mincos":2,"threads":2,"byvar_list":["cap","country"],"hold_days":2})"),
      options(R"({"mincos":2,"threads":2,"tc_model":"power_law","analysis":["capacity","quantiles"]})"),
      options(R"({"mincos":2,"threads":3,"tc_model":"power_law","tc_value":[0.5,0.7],"overlap":2})"),
      options(R"({"mincos":2,"threads":2,"exit_fractile":[40,60],"analysis":["capacity"]})")};
  std::vector<std::string> expected;
  for (const Rows& rows : signals)
    for (const RunConfig& config : configs)
      expected.push_back(describe(Backtester(view_, 0).run(rows.keys(), rows.values.data(), config)));
  std::atomic<int> wrong{0};
  {
    std::vector<std::jthread> callers;
    for (std::size_t c = 0; c < 6; ++c)
      callers.emplace_back([&, c] {
        for (std::size_t k = 0; k < 2 * expected.size(); ++k) {
          const std::size_t at = (k * 5 + c * 7) % expected.size();
          const Rows& rows = signals[at / configs.size()];
          const RunCell cell{rows.values.data(), configs[at % configs.size()]};
          if (k % 2 == 0) {
            wrong += describe(backtester.run(rows.keys(), cell.values, cell.config)) != expected[at];
            continue;
          }
          for (const RunOutcome& outcome : backtester.run_many(rows.keys(), std::vector<RunCell>(2, cell)))
            wrong += !outcome.result || describe(*outcome.result) != expected[at];
        }
      });
  }
  EXPECT_EQ(wrong, 0);
}

}  // namespace
}  // namespace fractile
