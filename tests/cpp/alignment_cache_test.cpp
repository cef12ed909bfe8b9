// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
//
// The caches of a backtester: they find what they store, and take no more memory than they count.
#include "engine/align/alignment_cache.hpp"

#include <gtest/gtest.h>
#include <malloc.h>

#include <numeric>
#include <string>
#include <vector>

#include "fractile/error.hpp"
#include "snapshot_rows.hpp"

namespace fractile {
namespace {

class AlignmentCaches : public ::testing::Test {
 protected:
  AlignmentCaches() {
    const std::vector<testing::Row> rows = testing::make_rows(40, 25, 3, 1);
    create_snapshot(folder_.path(), "s", *testing::panel_of(testing::arrays_of(rows)), {});
    view_ = make_view(Snapshot::open(folder_.path(), "s"), std::nullopt, std::nullopt, true);
    for (const testing::Row& row : rows) {
      ids_.push_back(row.id);
      days_.push_back(row.day);
    }
    values_.resize(ids_.size());
    std::iota(values_.begin(), values_.end(), 1.0);
  }
  SignalKeys keys() const {
    SignalKeys out;
    out.n_rows = static_cast<std::int64_t>(ids_.size());
    out.security_id = ids_.data();
    out.date_sig = {days_.data(), DateUnit::day};
    return out;
  }

  testing::ScratchFolder folder_;
  View view_;
  std::vector<std::int64_t> ids_;
  std::vector<Day> days_;
  std::vector<double> values_;
  const RunConfig config_;
};

TEST_F(AlignmentCaches, KeysThatChangeAfterTheirHashAreNotCached) {
  const PanelView panel(view_);
  const ExposureRows exposures(panel, RunConfig{});
  AlignmentCache cache(10);
  RunBuffers buffers;
  const auto find = [&](const std::string& identity) {
    return cache.find_or_make(identity, panel, keys(), config_, exposures, 1, buffers, {}).alignment;
  };
  const auto hash = [&](const Alignment& alignment) {
    return alignment.inspect(values_.data(), config_, nullptr, 1, {}).rows_hash;
  };
  AlignmentBuffers fresh;
  const Hash128 expected = hash(Alignment(panel, keys(), config_, 1, Alignment::Lifetime::one_run, fresh, {}));

  const std::vector<std::int64_t> original = ids_;
  const std::string identity = cache.identify(keys(), true, 1, {});
  std::reverse(ids_.begin(), ids_.end());
  EXPECT_NE(hash(*find(identity)), expected);
  ids_ = original;
  const auto found = find(identity);
  EXPECT_EQ(hash(*found), expected);
  EXPECT_EQ(find(identity), found);  // unchanged keys are cached
}

TEST_F(AlignmentCaches, ACachedAlignmentTakesNoMemoryOfALargerRun) {
  const PanelView panel(view_);
  const ExposureRows exposures(panel, RunConfig{});
  AlignmentCache cache(10);
  RunBuffers buffers;
  buffers.alignment.rows.reserve(1 << 20);
  buffers.alignment.causes.reserve(1 << 20);
  const std::size_t rows_before = buffers.alignment.rows.bytes(), causes_before = buffers.alignment.causes.bytes();
  const auto made = cache.find_or_make(cache.identify(keys(), true, 1, {}), panel, keys(), config_, exposures, 1, buffers, {});
  EXPECT_EQ(buffers.alignment.rows.bytes(), rows_before);
  EXPECT_EQ(buffers.alignment.causes.bytes(), causes_before);
  EXPECT_LT(made.alignment->bytes(), std::size_t{64} << 10);
}

TEST_F(AlignmentCaches, MemoryOfTheRightSizeIsTakenOver) {
  HugeArray<std::int64_t> idle;
  idle.reserve(1000);
  const std::int64_t* const place = idle.data();
  EXPECT_EQ(idle.take(900).data(), place);
  EXPECT_EQ(idle.bytes(), 0U);
  idle.reserve(1000);
  EXPECT_LT(idle.take(100).bytes(), std::size_t{1000});
  EXPECT_EQ(idle.bytes(), 8000U);
}

TEST_F(AlignmentCaches, ARefusedByvarLeavesNothingBehind) {
  const PanelView panel(view_);
  const std::size_t before = mallinfo2().uordblks;
  for (int k = 0; k < 100; ++k) {
    const std::string name = std::to_string(k) + std::string(100'000, 'x');
    EXPECT_THROW(panel.category(name), Error);
  }
  EXPECT_LT(mallinfo2().uordblks, before + 1'000'000);
}

}  // namespace
}  // namespace fractile
