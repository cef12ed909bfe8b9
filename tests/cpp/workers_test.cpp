// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "parallel/workers.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <numeric>
#include <stdexcept>
#include <thread>
#include <vector>

namespace fractile {
namespace {

TEST(Workers, EveryTaskRunsOnce) {
  for (const int threads : {1, 2, 3, 8}) {
    std::vector<std::atomic<int>> runs(1000);
    parallel_for(threads, 1000, [&](int task, int slot) {
      EXPECT_LT(slot, threads);
      ++runs[static_cast<std::size_t>(task)];
    });
    for (const auto& count : runs) EXPECT_EQ(count, 1);
  }
}

TEST(Workers, NoTasksIsFine) {
  parallel_for(4, 0, [](int, int) { FAIL(); });
}

TEST(Workers, FirstFailureEndsTheCall) {
  std::atomic<int> started{0};
  EXPECT_THROW(parallel_for(4, 100000,
                            [&](int, int) {
                              ++started;
                              throw std::runtime_error("a task failed");
                            }),
               std::runtime_error);
  EXPECT_LT(started, 100);
}

TEST(Workers, BetweenMayEndTheCall) {
  std::atomic<int> started{0};
  EXPECT_THROW(parallel_for(
                   1, 1000, [&](int, int) { ++started; },
                   [&] {
                     if (started == 10) throw std::runtime_error("stop");
                   }),
               std::runtime_error);
  EXPECT_EQ(started, 10);
}

TEST(Workers, CallsFromManyThreadsDoNotWaitForEachOther) {
  std::atomic<std::int64_t> sum{0};
  {
    std::vector<std::jthread> callers;
    for (int c = 0; c < 8; ++c) callers.emplace_back([&] { parallel_for(4, 200, [&](int task, int) { sum += task; }); });
  }
  EXPECT_EQ(sum, 8 * 199 * 100);
}

}  // namespace
}  // namespace fractile
