// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "server/run_queue.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <thread>
#include <vector>

namespace fractile::server {
namespace {

std::shared_ptr<const Answer> answer_of(int status) {
  auto answer = std::make_shared<Answer>();
  answer->status = status;
  return answer;
}

TEST(RunQueue, EveryWaiterGetsItsAnswerOnce) {
  Metrics metrics;
  std::atomic<int> answered{0}, wrong{0}, refused{0}, runs{0};
  {
    RunQueue queue(3, 1000, 60.0, metrics);
    std::vector<std::jthread> clients;
    for (int c = 0; c < 6; ++c)
      clients.emplace_back([&] {
        for (std::uint64_t k = 0; k < 200; ++k) {
          const auto work = [&, k](const Interrupt&) {
            ++runs;
            return answer_of(static_cast<int>(k % 7));
          };
          const auto done = [&, k](const std::shared_ptr<const Answer>& answer) {
            ++answered;
            wrong += answer->status != static_cast<int>(k % 7);
          };
          refused += queue.submit({k % 7, 1}, work, done).job == nullptr;
        }
      });
  }
  EXPECT_EQ(answered + refused, 1200);
  EXPECT_EQ(refused, 0);
  EXPECT_EQ(wrong, 0);
  EXPECT_EQ(runs + metrics.shared, 1200);
}

TEST(RunQueue, ARunThatNobodyWaitsForEnds) {
  Metrics metrics;
  std::promise<void> started;
  std::promise<int> answered;
  std::atomic<bool> was_interrupted{false};
  RunQueue queue(1, 10, 60.0, metrics);  // last: its threads use the others
  const auto endless = [&](const Interrupt& interrupt) {
    started.set_value();
    while (!interrupt()) std::this_thread::yield();
    was_interrupted = true;
    return answer_of(503);
  };
  const auto ticket = queue.submit({1, 1}, endless, [&](const auto& answer) { answered.set_value(answer->status); });
  started.get_future().wait();
  ticket.give_up();
  EXPECT_EQ(answered.get_future().get(), 503);
  EXPECT_TRUE(was_interrupted);
}

TEST(RunQueue, AFullQueueRefuses) {
  Metrics metrics;
  std::promise<void> started, go;
  const std::shared_future<void> wait = go.get_future().share();
  RunQueue queue(1, 2, 60.0, metrics);
  const auto first = [&started, wait](const Interrupt&) {
    started.set_value();
    wait.wait();
    return answer_of(200);
  };
  const auto next = [](const Interrupt&) { return answer_of(200); };
  const auto ignore = [](const auto&) {};
  EXPECT_TRUE(queue.submit({1, 0}, first, ignore).job);
  started.get_future().wait();
  EXPECT_TRUE(queue.submit({2, 0}, next, ignore).job);
  EXPECT_TRUE(queue.submit({3, 0}, next, ignore).job);
  EXPECT_FALSE(queue.submit({4, 0}, next, ignore).job);
  EXPECT_TRUE(queue.submit({3, 0}, next, ignore).job);  // joins the waiting job
  go.set_value();
}

TEST(RunQueue, ARunBeyondItsTimeIsInterrupted) {
  Metrics metrics;
  std::promise<int> answered;
  RunQueue queue(1, 2, 0.02, metrics);
  const auto endless = [](const Interrupt& interrupt) {
    while (!interrupt()) std::this_thread::yield();
    return answer_of(503);
  };
  queue.submit({1, 0}, endless, [&](const auto& answer) { answered.set_value(answer->status); });
  EXPECT_EQ(answered.get_future().get(), 503);
}

}  // namespace
}  // namespace fractile::server
