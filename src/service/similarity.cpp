// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "fractile/similarity.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include "analysis/rank_correlation.hpp"
#include "engine/align/cross_sections.hpp"
#include "fractile/types.hpp"
#include "parallel/workers.hpp"
#include "service/leased_alignment.hpp"
#include "types/ieee_arithmetic.hpp"

namespace fractile {
namespace {

struct DayPair {
  double correlation = kNaN;
  std::int64_t names = 0, common = 0;  // names of the first signal, and those that the second has
};

/// The aligned days of one signal.
class AlignedDays {
 public:
  AlignedDays(const Backtester::Impl& impl, const SignalColumn& signal, const RunConfig& config, int threads,
              const std::function<void()>& poll)
      : alignment_(impl, signal.keys, config, threads, poll), sections_(impl.panel, alignment_.get(), signal.values, nullptr) {
    const AlignedSignal aligned = alignment_.get().inspect(signal.values, config, nullptr, threads, poll);
    refuse_bad_rows(aligned.counts, signal.keys, impl.panel.snapshot().id_type(), config);
  }
  CrossSection read(DateIndex n, CrossSections::Scratch& scratch) const {
    bool has_duplicates = false;
    return sections_.read(n, scratch, has_duplicates);
  }

 private:
  LeasedAlignment alignment_;
  CrossSections sections_;
};

DayPair compare_day(std::span<const double> a, std::span<const double> b, std::vector<double>& x, std::vector<double>& y) {
  constexpr std::size_t kFewestNames = 10;
  DayPair out;
  x.clear();
  y.clear();
  for (std::size_t slot = 0; slot < a.size(); ++slot) {
    if (a[slot] != a[slot]) continue;
    ++out.names;
    if (b[slot] != b[slot]) continue;
    x.push_back(a[slot]);
    y.push_back(b[slot]);
  }
  out.common = static_cast<std::int64_t>(x.size());
  if (x.size() >= kFewestNames) out.correlation = correlate_by_rank(x, y);
  return out;
}

Similarity summarise(const std::vector<DayPair>& days) {
  double sum = 0.0;
  std::int64_t n = 0, names = 0, common = 0;
  for (const DayPair& day : days) {
    names += day.names;
    common += day.common;
    if (day.correlation != day.correlation) continue;
    sum += day.correlation;
    ++n;
  }
  return {n > 0 ? sum / static_cast<double>(n) : kNaN, n,
          names > 0 ? static_cast<double>(common) / static_cast<double>(names) : kNaN};
}

}  // namespace

Similarity compare_signals(const Backtester& backtester, const SignalColumn& signal, const SignalColumn& other,
                           const RunConfig& config, const Interrupt& interrupt) {
  const IeeeArithmetic arithmetic;
  validate(config);
  require_rows(signal.keys);
  require_rows(other.keys);
  const std::function<void()> poll = make_poll(interrupt);
  const int threads = std::min(config.threads > 0 ? config.threads : default_threads(), kMaxThreads);
  const Backtester::Impl& impl = backtester.impl();
  const PanelView& panel = impl.panel;
  std::vector<DayPair> days(static_cast<std::size_t>(panel.n_days()));
  panel.snapshot().read_guarded([&] {
    const AlignedDays first(impl, signal, config, threads, poll), second(impl, other, config, threads, poll);
    constexpr int kDays = 4 * Alignment::kBlockDays;
    parallel_for(
        threads, (panel.n_days() + kDays - 1) / kDays,
        [&](int chunk, int) {
          CrossSections::Scratch of_first, of_second;
          std::vector<double> x, y;
          for (int day = chunk * kDays; day < std::min(panel.n_days(), (chunk + 1) * kDays); ++day) {
            const DateIndex n = panel.first() + day;
            const CrossSection a = first.read(n, of_first), b = second.read(n, of_second);
            days[static_cast<std::size_t>(day)] = compare_day(a.values, b.values, x, y);
          }
        },
        poll);
  });
  return summarise(days);
}

}  // namespace fractile
