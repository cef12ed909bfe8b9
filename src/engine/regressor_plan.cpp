// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "engine/regressor_plan.hpp"

#include <algorithm>

#include "engine/signal_dates.hpp"
#include "engine/workers.hpp"

namespace fractile {
namespace {

constexpr int kBatch = 64;

}  // namespace

ExposurePlan make_exposure_plan(const Market& market, const SignalKeys& keys, const RunConfig& config,
                                const ExposureRows& exposures, int threads, const std::function<void()>& between) {
  ExposurePlan plan;
  plan.resid = config.resid;
  plan.row.resize(static_cast<std::size_t>(keys.n_rows));
  std::vector<std::vector<Day>> days(static_cast<std::size_t>(threads));
  parallel_for(
      threads, count_blocks(keys.n_rows),
      [&](int task, int slot) {
        const std::int64_t begin = task * kBlockRows, count = std::min(kBlockRows, keys.n_rows - begin);
        std::vector<Day>& sig = days[static_cast<std::size_t>(slot)];
        sig.resize(static_cast<std::size_t>(count));
        read_signal_days(keys.date_sig, begin, count, sig.data());
        const std::int64_t* const ids = keys.security_id + begin;
        RowIndex* const out = plan.row.data() + begin;
        for (std::int64_t from = 0; from < count; from += kBatch) {
          const std::int64_t to = std::min(count, from + kBatch);
          for (std::int64_t i = from; i < to; ++i) {
            const bool is_key = ids[i] != kMissingId && sig[static_cast<std::size_t>(i)] != kMissingDay;
            const SecurityIndex security = is_key ? market.find_security(ids[i]) : -1;
            out[i] = security < 0 ? kNoRow : exposures.find_row(security, sig[static_cast<std::size_t>(i)]);
            if (out[i] != kNoRow) exposures.prefetch(out[i]);
          }
          for (std::int64_t i = from; i < to; ++i)
            if (out[i] != kNoRow && !exposures.is_complete(out[i])) out[i] = kNoRow;
        }
      },
      between);
  return plan;
}

RegressorPlan::RegressorPlan(const KeyPlan& keys, const ExposurePlan& by_signal_row, int n_industries, int threads,
                             const std::function<void()>& between)
    : first_(keys.first()),
      n_industries_(n_industries),
      n_complete_(static_cast<std::size_t>(keys.n_days())),
      day_(static_cast<std::size_t>(keys.n_days())) {
  for (int day = 0; day <= keys.n_days(); ++day) begin_.push_back(keys.begin(first_ + day));
  row_.resize(begin_.back());
  parallel_for(
      threads, keys.n_blocks(),
      [&](int block, int) {
        const int from = block * KeyPlan::kBlockDays, to = std::min(keys.n_days(), from + KeyPlan::kBlockDays);
        keys.read(block, by_signal_row.row.data(), row_.data() + begin_[static_cast<std::size_t>(from)]);
        for (int day = from; day < to; ++day) {
          const std::span<const RowIndex> names = rows(first_ + day);
          const auto missing = std::count(names.begin(), names.end(), kNoRow);
          n_complete_[static_cast<std::size_t>(day)] = names.size() - static_cast<std::size_t>(missing);
        }
      },
      between);
}

std::span<const RowIndex> RegressorPlan::rows(DateIndex n) const noexcept {
  const auto day = static_cast<std::size_t>(n - first_);
  return std::span<const RowIndex>(row_).subspan(begin_[day], begin_[day + 1] - begin_[day]);
}

std::shared_ptr<const Regressors> RegressorPlan::find_or_make(DateIndex n, const ExposureRows& exposures,
                                                              std::span<const RowIndex> rows) const {
  auto& kept = day_[static_cast<std::size_t>(n - first_)];
  std::unique_lock lock(mutex_);
  const std::shared_ptr<const Regressors> found = kept;
  lock.unlock();
  if (found && found->is_of(rows)) return found;
  auto made = std::make_shared<Regressors>();
  made->assign(exposures, rows);
  lock.lock();
  kept = made;
  return made;
}

std::size_t RegressorPlan::bytes() const noexcept {
  const std::size_t a_day = sizeof(Regressors) + static_cast<std::size_t>(n_industries_) * (kFactorStride + 1) * sizeof(double);
  return row_.size() * (2 * sizeof row_[0] + sizeof(std::uint16_t)) + day_.size() * a_day;
}

}  // namespace fractile
