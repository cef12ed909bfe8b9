// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "synthetic/synthetic.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "arrow/arrow_column.hpp"
#include "fractile/error.hpp"
#include "ingest/date_column.hpp"
#include "synthetic/exchange_calendar.hpp"
#include "synthetic/portable_math.hpp"

namespace fractile {
namespace {

SyntheticOptions small_options() {
  SyntheticOptions options = demo_options();
  options.names_per_day = 300;
  options.entries_per_year = 0.3;
  return options;
}

/// One column by row; whole numbers and dates as doubles, missing as NaN.
std::vector<double> column(PanelSource& panel, const std::string& name) {
  ArrowArrayStream stream{};
  panel.open_columns({name}, &stream);
  const ArrowBatches held(&stream);
  std::vector<double> out(static_cast<std::size_t>(held.n_rows()));
  if (name != "date") {
    read_doubles(held.schema(0), held.chunks(0).at(0), out.data());
    return out;
  }
  std::vector<Day> days(out.size());
  read_days(held.schema(0), held.chunks(0).at(0), days.data());
  std::copy(days.begin(), days.end(), out.begin());
  return out;
}

/// The rows of each name, in order of date.
std::map<int, std::vector<std::size_t>> rows_by_name(const std::vector<double>& ids) {
  std::map<int, std::vector<std::size_t>> rows;
  for (std::size_t row = 0; row < ids.size(); ++row) rows[static_cast<int>(ids[row])].push_back(row);
  return rows;
}

double share_missing(const std::vector<double>& values) {
  const auto n = std::count_if(values.begin(), values.end(), [](double x) { return std::isnan(x); });
  return static_cast<double>(n) / static_cast<double>(values.size());
}

TEST(ExchangeCalendar, HolidaysOfKnownYears) {
  std::vector<std::string> closed;
  for (Day day = day_from_civil(2020, 1, 1); day <= day_from_civil(2022, 12, 31); ++day)
    if (synthetic::is_holiday(day)) closed.push_back(format_day(day));
  EXPECT_EQ(closed, (std::vector<std::string>{"2020-01-01", "2020-01-20", "2020-02-17", "2020-04-10", "2020-05-25", "2020-07-03",
                                              "2020-09-07", "2020-11-26", "2020-12-25", "2021-01-01", "2021-01-18", "2021-02-15",
                                              "2021-04-02", "2021-05-31", "2021-07-05", "2021-09-06", "2021-11-25", "2021-12-24",
                                              "2022-01-17", "2022-02-21", "2022-04-15", "2022-05-30", "2022-06-20", "2022-07-04",
                                              "2022-09-05", "2022-11-24", "2022-12-26"}));
  const auto days = synthetic::trading_days(day_from_civil(2020, 1, 1), day_from_civil(2021, 12, 31));
  EXPECT_EQ(days.size(), 505U);
  EXPECT_EQ(format_day(days.front()), "2020-01-02");
}

TEST(PortableMath, CloseToTheLibrarys) {
  for (double x = -30.0; x <= 30.0; x += 0.137) EXPECT_NEAR(synthetic::portable_exp(x) / std::exp(x), 1.0, 1e-12) << x;
  for (double x = 1e-12; x < 1e13; x *= 1.371) EXPECT_NEAR(synthetic::portable_log(x), std::log(x), 1e-10) << x;
}

TEST(PortableMath, DrawsHaveTheirMoments) {
  synthetic::Random random(1);
  double normal_2 = 0.0, normal_4 = 0.0, student_1 = 0.0, student_2 = 0.0, uniform_1 = 0.0;
  constexpr int kN = 400000;
  for (int i = 0; i < kN; ++i) {
    const double x = random.next_normal(), t = random.next_student();
    normal_2 += x * x;
    normal_4 += x * x * x * x;
    student_1 += t;
    student_2 += std::abs(t);
    uniform_1 += random.next_uniform();
  }
  EXPECT_NEAR(normal_2 / kN, 1.0, 0.02);
  EXPECT_NEAR(normal_4 / kN, 3.0, 0.1);
  EXPECT_NEAR(student_1 / kN, 0.0, 0.01);
  EXPECT_NEAR(student_2 / kN, 1.0 / std::sqrt(2.0), 0.01);  // E|t| of four degrees of freedom is 1
  EXPECT_NEAR(uniform_1 / kN, 0.5, 0.01);
}

TEST(Synthetic, SameOptionsSameBitsOtherSeedOthers) {
  const SyntheticOptions options = small_options();
  const SyntheticMarket a = make_synthetic_market(options), b = make_synthetic_market(options);
  ASSERT_EQ(a.signal.size(), b.signal.size());
  EXPECT_EQ(std::memcmp(a.signal.data(), b.signal.data(), a.signal.size() * sizeof(double)), 0);
  for (const std::string& name : a.panel->column_names()) {
    const auto x = column(*a.panel, name), y = column(*b.panel, name);
    ASSERT_EQ(x.size(), y.size());
    EXPECT_EQ(std::memcmp(x.data(), y.data(), x.size() * sizeof(double)), 0) << name;
  }
  SyntheticOptions other = options;
  other.seed = 7;
  EXPECT_NE(column(*make_synthetic_market(other).panel, "ret").at(0), column(*a.panel, "ret").at(0));
}

/// FNV-1a over the values' bits; missing values count as one pattern.
std::uint64_t hash_of(const std::vector<double>& values) {
  std::uint64_t hash = 0xcbf29ce484222325ULL;
  for (const double value : values) {
    const auto bits = std::isnan(value) ? 0 : std::bit_cast<std::uint64_t>(value);
    for (int byte = 0; byte < 8; ++byte) hash = (hash ^ (bits >> (8 * byte) & 0xff)) * 0x100000001b3ULL;
  }
  return hash;
}

// Also with another compiler or at another level of optimization: only IEEE basic operations are used.
TEST(Synthetic, BitsAreTheSameOnEveryMachine) {
  const SyntheticMarket market = make_synthetic_market(small_options());
  EXPECT_EQ(hash_of(market.signal), 12820764466999585043ULL);
  EXPECT_EQ(hash_of(column(*market.panel, "ret")), 12980101386391180202ULL);
  EXPECT_EQ(hash_of(column(*market.panel, "adv")), 12436473279407602366ULL);
}

TEST(Synthetic, RowsAreDateMajorAndUnique) {
  const SyntheticMarket market = make_synthetic_market(small_options());
  const auto ids = column(*market.panel, "security_id"), dates = column(*market.panel, "date");
  for (std::size_t row = 1; row < ids.size(); ++row)
    ASSERT_TRUE(dates[row] > dates[row - 1] || (dates[row] == dates[row - 1] && ids[row] > ids[row - 1])) << row;
  EXPECT_EQ(std::set<double>(dates.begin(), dates.end()).size(), market.dates.size());
  EXPECT_EQ(dates.front(), market.dates.front());
  EXPECT_NEAR(static_cast<double>(ids.size()) / static_cast<double>(market.dates.size()), 300.0, 30.0);
}

TEST(Synthetic, NamesComeGoAndPause) {
  const SyntheticMarket market = make_synthetic_market(small_options());
  const auto ids = column(*market.panel, "security_id"), dates = column(*market.panel, "date");
  int entered = 0, left = 0, paused = 0;
  for (const auto& [id, rows] : rows_by_name(ids)) {
    entered += dates[rows.front()] > market.dates.front();
    left += dates[rows.back()] < market.dates.back();
    for (std::size_t k = 1; k < rows.size(); ++k) paused += dates[rows[k]] - dates[rows[k - 1]] > 4.0;
    if (id <= 3) {
      EXPECT_EQ(rows.size(), market.dates.size()) << id;
    }
  }
  EXPECT_GT(entered, 100);
  EXPECT_GT(left, 100);
  EXPECT_GT(paused, 20);
}

TEST(Synthetic, ReturnsPricesAndGapsAgree) {
  const SyntheticMarket market = make_synthetic_market(small_options());
  const auto ids = column(*market.panel, "security_id"), ret = column(*market.panel, "ret"),
             close = column(*market.panel, "close_adj"), openret = column(*market.panel, "openret");
  double covariance = 0.0, n = 0.0;
  for (const auto& [id, rows] : rows_by_name(ids)) {
    // An open-to-open return reaches from a row's session into the night before the next row.
    EXPECT_TRUE(std::isnan(openret[rows.back()])) << id;
    for (std::size_t k = 1; k < rows.size(); ++k) {
      const double r = ret[rows[k]], from_prices = close[rows[k]] / close[rows[k - 1]] - 1.0;
      if (!std::isnan(r) && !std::isnan(from_prices)) {
        ASSERT_NEAR(r, from_prices, 2e-6 * (1.0 + std::abs(r))) << id;
      }
      if (std::isnan(r) || std::isnan(openret[rows[k]]) || std::isnan(ret[rows[k - 1]])) continue;
      covariance += r * openret[rows[k]];
      n += r * r;
    }
  }
  EXPECT_NEAR(covariance / n, 0.7, 0.1);  // the session's share of a day's variance
}

TEST(Synthetic, CapsFollowTheDaysRanks) {
  const SyntheticMarket market = make_synthetic_market(small_options());
  const auto dates = column(*market.panel, "date"), caps = column(*market.panel, "cap"), mcap = column(*market.panel, "mcap");
  double count[4] = {}, all = 0.0;
  double least_large = std::numeric_limits<double>::infinity(), most_small = 0.0;
  for (std::size_t row = 0; row < dates.size() && dates[row] == dates[0]; ++row) {
    if (std::isnan(caps[row]) || std::isnan(mcap[row])) continue;
    ++count[static_cast<int>(caps[row])];
    ++all;
    if (caps[row] == 1.0) least_large = std::min(least_large, mcap[row]);
    if (caps[row] == 3.0) most_small = std::max(most_small, mcap[row]);
  }
  EXPECT_NEAR(count[1] / all, 0.2, 0.02);
  EXPECT_NEAR(count[2] / all, 0.3, 0.02);
  EXPECT_NEAR(count[3] / all, 0.5, 0.02);
  EXPECT_GT(least_large, most_small);
}

TEST(Synthetic, ColumnsAreThoseOfTheMethodologyWithAFewHoles) {
  const SyntheticMarket market = make_synthetic_market(small_options());
  EXPECT_EQ(market.panel->column_names(),
            (std::vector<std::string>{"security_id", "date",   "ret",       "resret",     "openret",     "resopenret", "mcap",
                                      "adv",         "vol",    "close_adj", "cap",        "industry_id", "sector_id",  "size",
                                      "value",       "growth", "leverage",  "volatility", "momentum",    "yield"}));
  for (const std::string& name : market.panel->column_names()) {
    const auto values = column(*market.panel, name);
    const double missing = share_missing(values);
    if (name == "security_id" || name == "date" || name == "size")
      EXPECT_EQ(missing, 0.0) << name;
    else
      EXPECT_TRUE(missing > 0.0005 && missing < 0.08) << name << " " << missing;
    for (const double x : values) ASSERT_FALSE(std::isinf(x)) << name;
  }
  const double ret_missing = share_missing(column(*market.panel, "ret"));
  EXPECT_TRUE(ret_missing > 0.001 && ret_missing < 0.004) << ret_missing;
  for (const char* name : {"mcap", "adv", "vol", "close_adj"})
    for (const double x : column(*market.panel, name)) ASSERT_FALSE(x <= 0.0) << name;
}

TEST(Synthetic, TheSignalSeesTheDayAfterTheTradeAndNoFurther) {
  SyntheticOptions options = small_options();
  options.names_per_day = 2000;
  const SyntheticMarket market = make_synthetic_market(options);
  ASSERT_EQ(market.signal.size(), market.signal_date.size());
  ASSERT_EQ(market.signal.size(), market.signal_security_id.size());
  std::map<Day, std::size_t> day_number;
  for (std::size_t n = 0; n < market.dates.size(); ++n) day_number[market.dates[n]] = n;
  const auto ids = column(*market.panel, "security_id"), dates = column(*market.panel, "date"),
             resret = column(*market.panel, "resret");
  std::map<std::pair<int, std::size_t>, double> return_of;
  for (std::size_t row = 0; row < ids.size(); ++row)
    if (std::abs(resret[row]) < 0.15)
      return_of[{static_cast<int>(ids[row]), day_number[static_cast<Day>(dates[row])]}] = resret[row];
  double sxy = 0.0, sxx = 0.0, syy = 0.0, drift = 0.0, previous_square = 0.0;
  std::set<std::int64_t> covered;
  std::size_t missing = 0;
  for (std::size_t i = 0; i < market.signal.size(); ++i) {
    covered.insert(market.signal_security_id[i]);
    if (i > 0) {
      ASSERT_TRUE(market.signal_security_id[i] > market.signal_security_id[i - 1] ||
                  (market.signal_security_id[i] == market.signal_security_id[i - 1] &&
                   market.signal_date[i] > market.signal_date[i - 1]));
    }
    const double s = market.signal[i];
    if (std::isnan(s)) {
      ++missing;
      continue;
    }
    if (i > 0 && market.signal_security_id[i] == market.signal_security_id[i - 1] && !std::isnan(market.signal[i - 1])) {
      drift += s * market.signal[i - 1];
      previous_square += market.signal[i - 1] * market.signal[i - 1];
    }
    const auto found = return_of.find({static_cast<int>(market.signal_security_id[i]), day_number[market.signal_date[i]] + 2});
    if (found == return_of.end()) continue;
    sxy += s * found->second;
    sxx += s * s;
    syy += found->second * found->second;
  }
  const double correlation = sxy / std::sqrt(sxx * syy);
  EXPECT_GT(correlation, 0.008);
  EXPECT_LT(correlation, 0.025);
  EXPECT_NEAR(drift / previous_square, 0.975, 0.015);
  EXPECT_NEAR(static_cast<double>(missing) / static_cast<double>(market.signal.size()), 0.02, 0.003);
  const double n_names = *std::max_element(ids.begin(), ids.end());
  EXPECT_NEAR(static_cast<double>(covered.size()) / n_names, 0.52, 0.04);
  for (const std::int64_t id : {1, 2, 3}) EXPECT_TRUE(covered.contains(id));
}

TEST(Synthetic, OptionsOutOfRangeAreRefused) {
  const auto code_of = [](const SyntheticOptions& options) {
    try {
      make_synthetic_market(options);
    } catch (const Error& error) {
      return error.code();
    }
    return ErrorCode::INTERNAL;
  };
  SyntheticOptions options = small_options();
  options.names_per_day = 2;
  EXPECT_EQ(code_of(options), ErrorCode::INVALID_VALUE);
  options = small_options();
  options.signal_coverage = 1.5;
  EXPECT_EQ(code_of(options), ErrorCode::INVALID_VALUE);
  options = small_options();
  options.entries_per_year = std::nan("");
  EXPECT_EQ(code_of(options), ErrorCode::INVALID_VALUE);
  options = small_options();
  options.end = options.start;  // New Year's Day
  EXPECT_EQ(code_of(options), ErrorCode::NO_TRADING_DAYS);
}

}  // namespace
}  // namespace fractile
