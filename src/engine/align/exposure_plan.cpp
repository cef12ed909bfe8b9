// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "engine/align/exposure_plan.hpp"

#include <algorithm>
#include <utility>
#include <vector>

#include "engine/align/security_keys.hpp"
#include "engine/align/signal_dates.hpp"
#include "parallel/workers.hpp"
#include "types/row_blocks.hpp"

namespace fractile {

ExposurePlan make_exposure_plan(const PanelView& panel, const SignalKeys& keys, const RunConfig& config,
                                const ExposureRows& exposures, int threads, HugeArray<RowIndex> memory,
                                const std::function<void()>& poll) {
  constexpr int kBatch = 64;
  ExposurePlan plan;
  plan.residuals = describe_residuals(config);
  plan.row = std::move(memory);
  std::vector<std::vector<Day>> days(static_cast<std::size_t>(threads));
  const SecurityKeys securities(panel, keys.security_id, keys.n_rows);
  parallel_for(
      threads, count_blocks(keys.n_rows),
      [&](int task, int slot) {
        const std::int64_t begin = task * kBlockRows, count = std::min(kBlockRows, keys.n_rows - begin);
        std::vector<Day>& sig = days[static_cast<std::size_t>(slot)];
        sig.resize(static_cast<std::size_t>(count));
        read_signal_days(keys.date_sig, begin, count, sig.data());
        RowIndex* const out = plan.row.data() + begin;
        for (std::int64_t from = 0; from < count; from += kBatch) {
          const std::int64_t to = std::min(count, from + kBatch);
          for (std::int64_t i = from; i < to; ++i) {
            const bool has_day = sig[static_cast<std::size_t>(i)] != kMissingDay;
            const SecurityIndex security = has_day ? securities.of_row(begin + i) : SecurityKeys::kMissing;
            out[i] = security < 0 ? kNoRow : exposures.find_row(security, sig[static_cast<std::size_t>(i)]);
            if (out[i] != kNoRow) exposures.prefetch(out[i]);
          }
          for (std::int64_t i = from; i < to; ++i)
            if (out[i] != kNoRow && !exposures.is_complete(out[i])) out[i] = kNoRow;
        }
      },
      poll);
  return plan;
}

}  // namespace fractile
