// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "parallel/workers.hpp"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
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

/// Forks and runs `body` in the child, which then exits through the static destructors. True if the child ended by itself.
bool ends_in_child(void (*body)()) {
  const pid_t child = fork();
  if (child == 0) {
    alarm(10);  // a child that hangs is killed
    body();
    std::exit(0);
  }
  int status = 0;
  return waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

TEST(Workers, AForkedChildRunsAndEnds) {
#ifdef __SANITIZE_THREAD__
  GTEST_SKIP() << "ThreadSanitizer ends a forked child that starts threads";
#endif
  parallel_for(3, 100, [](int, int) {});
  std::this_thread::sleep_for(std::chrono::milliseconds(20));  // the helpers wait again
  EXPECT_TRUE(ends_in_child([] {}));
  // The tasks wait for each other, so the child needs a helper of its own.
  const auto run_with_helper = [] {
    std::atomic<int> n_here{0};
    parallel_for(2, 2, [&](int, int) {
      for (++n_here; n_here < 2;) std::this_thread::yield();
    });
  };
  EXPECT_TRUE(ends_in_child(run_with_helper));
  // A grandchild as well, and the parent goes on.
  EXPECT_TRUE(ends_in_child([] {
    parallel_for(4, 100, [](int, int) {});
    if (!ends_in_child([] { parallel_for(8, 100, [](int, int) {}); })) std::_Exit(3);
  }));
  run_with_helper();
}

}  // namespace
}  // namespace fractile
