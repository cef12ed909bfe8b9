// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "ledger/ledger.hpp"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "fractile/error.hpp"
#include "ledger/schema.hpp"

namespace fractile::ledger {
namespace {

namespace fs = std::filesystem;

/// A folder of the test's own.
class LedgerTest : public testing::Test {
 protected:
  LedgerTest() {
    char name[] = "/tmp/fractile_ledger_XXXXXX";
    folder_ = ::mkdtemp(name);
  }
  ~LedgerTest() override { fs::remove_all(folder_); }
  fs::path file() const { return folder_ / "ledger.sqlite"; }

 private:
  fs::path folder_;
};

TrialRecord make_trial_record(int number, const std::string& study = "s") {
  TrialRecord record;
  record.study = study;
  record.trial.run_id = std::to_string(number);
  record.trial.ret = {0.01 * number, 4.0, 0.0, 3.0};
  record.days = {1, 2, 3, 4};
  record.ret = {0.01, -0.02, 0.001 * number, 0.03};
  return record;
}

std::size_t count(Ledger& ledger, const std::string& study) { return ledger.trials(study).n_rows(); }

/// The correlation of one pair on its common days; NaN if it has fewer than 3 of them or is constant there.
double correlation(const DatedReturns& a, const DatedReturns& b) {
  std::vector<double> x, y;
  for (std::size_t i = 0; i < a.days.size(); ++i)
    for (std::size_t j = 0; j < b.days.size(); ++j)
      if (a.days[i] == b.days[j] && a.values[i] == a.values[i] && b.values[j] == b.values[j]) {
        x.push_back(a.values[i]);
        y.push_back(b.values[j]);
      }
  if (x.size() < 3) return std::nan("");
  double mx = 0, my = 0, xx = 0, yy = 0, xy = 0;
  for (std::size_t t = 0; t < x.size(); ++t) {
    mx += x[t] / static_cast<double>(x.size());
    my += y[t] / static_cast<double>(x.size());
  }
  for (std::size_t t = 0; t < x.size(); ++t) {
    xx += (x[t] - mx) * (x[t] - mx);
    yy += (y[t] - my) * (y[t] - my);
    xy += (x[t] - mx) * (y[t] - my);
  }
  return xx < 1e-20 || yy < 1e-20 ? std::nan("") : xy / std::sqrt(xx * yy);
}

TEST(MeanCorrelationTest, EqualsTheMeanOverAllPairs) {
  std::mt19937 random(1);
  std::normal_distribution<double> normal;
  for (int round = 0; round < 50; ++round) {
    std::vector<DatedReturns> series;
    for (int k = 0; k < 8; ++k) {
      DatedReturns one;
      const bool is_constant = random() % 7 == 0;
      for (Day day = static_cast<Day>(random() % 4); day < 12; day += random() % 5 == 0 ? 2 : 1) {
        one.days.push_back(day);
        one.values.push_back(random() % 11 == 0 ? std::nan("") : is_constant ? 0.5 : normal(random));
      }
      series.push_back(one);
    }
    double sum = 0, pairs = 0;
    for (std::size_t i = 0; i < series.size(); ++i)
      for (std::size_t j = i + 1; j < series.size(); ++j)
        if (const double found = correlation(series[i], series[j]); found == found) {
          sum += found;
          pairs += 1;
        }
    EXPECT_NEAR(mean_correlation(series), pairs > 0 ? sum / pairs : 0.0, 1e-12);
  }
  EXPECT_EQ(mean_correlation({}), 0.0);
}

TEST_F(LedgerTest, ThreadsRecordWhileOthersRead) {
  Ledger& ledger = Ledger::at(file());
  ledger.require_writable();
  std::vector<std::thread> threads;
  for (int k = 0; k < 8; ++k)
    threads.emplace_back([&ledger, k] {
      for (int i = 0; i < 50; ++i) {
        ledger.record(make_trial_record(k * 25 + i));  // each number from two threads
        if (i % 10 == 0) {
          EXPECT_GT(count(ledger, "s"), 0U);
        }
      }
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(count(ledger, "s"), 225U);
  EXPECT_EQ(ledger.returns("s", false).size(), 225U);
}

TEST_F(LedgerTest, AChildOfAForkWritesItsOwn) {
  Ledger& ledger = Ledger::at(file());
  for (int i = 0; i < 20; ++i) ledger.record(make_trial_record(i));
  const pid_t child = ::fork();
  if (child == 0) {
    for (int i = 20; i < 40; ++i) ledger.record(make_trial_record(i));
    ledger.flush();
    ::_exit(0);
  }
  int status = 1;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  EXPECT_EQ(count(ledger, "s"), 40U);
}

TEST_F(LedgerTest, AnOlderSchemaIsMigrated) {
  {
    const Connection connection(file());
    migrate(connection, 1);
    connection.execute("INSERT INTO study(name) VALUES('s')");
    connection.execute("INSERT INTO trial VALUES(1, 1, 'old', 0, 'v', '{}', 4, 252, 0.1, 0.0, 3.0, NULL, NULL, NULL)");
    EXPECT_EQ(connection.ask_whole("PRAGMA user_version"), 1);
  }
  Ledger& ledger = Ledger::at(file());
  ledger.record(make_trial_record(1));
  EXPECT_EQ(count(ledger, "s"), 2U);
  EXPECT_EQ(ledger.returns("s", false).size(), 1U);
}

TEST_F(LedgerTest, AWriterThatFailsRefusesTheNextRun) {
  Ledger& ledger = Ledger::at(file().parent_path() / "missing" / "ledger.sqlite");
  try {
    ledger.require_writable();
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::LEDGER_NOT_WRITABLE);
  }
  fs::create_directory(file().parent_path() / "missing");
  ledger.require_writable();
  ledger.record(make_trial_record(1));
  EXPECT_EQ(count(ledger, "s"), 1U);
}

TEST(DeflationTest, SaysWhetherItIsTheBest) {
  const std::vector<Trial> others{
      {"a", 252, {0.10, 100, 0, 3}, {}}, {"b", 252, {0.05, 100, 0, 3}, {}}, {"c", 12, {9.0, 100, 0, 3}, {}}};
  const Deflation best = deflate("s", others[0], others, 0.5);
  EXPECT_EQ(best.trials, 3);
  EXPECT_DOUBLE_EQ(best.effective, 2.0);
  EXPECT_NEAR(best.variance, 0.00125, 1e-15);  // of a and b: c has other periods
  EXPECT_TRUE(to_sentence(best).starts_with("best of 3 trials (about 2 independent): deflated Sharpe ratio 0."))
      << to_sentence(best);
  EXPECT_TRUE(to_sentence(deflate("s", others[1], others, 0.5)).starts_with("one of 3 trials"));
  const Deflation alone = deflate("s", {"d", 252, {0.1, 100, 0, 3}, {}}, {}, 0.0);
  EXPECT_DOUBLE_EQ(alone.dsr, probabilistic_sharpe({0.1, 100, 0, 3}, 0.0));
  EXPECT_NE(to_json(alone).find("\"trials\":1,\"trials_effective\":1,\"variance\":null"), std::string::npos) << to_json(alone);
}

}  // namespace
}  // namespace fractile::ledger
