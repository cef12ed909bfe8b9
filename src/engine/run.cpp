// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
//
// The order of the stages, and nothing else.
#include <algorithm>
#include <chrono>
#include <mutex>
#include <optional>

#include "engine/align.hpp"
#include "engine/day.hpp"
#include "engine/market.hpp"
#include "engine/plan_cache.hpp"
#include "engine/run_id.hpp"
#include "engine/workers.hpp"
#include "fractile/backtest.hpp"
#include "fractile/error.hpp"
#include "stats/analysis_tables.hpp"
#include "stats/diagnostics.hpp"
#include "stats/series.hpp"

namespace fractile {
namespace {

using Clock = std::chrono::steady_clock;

/// Names the time between two marks.
class Stopwatch {
 public:
  explicit Stopwatch(Result& result) : result_(result) {}
  void mark(const char* stage) {
    const auto now = Clock::now();
    result_.timings.emplace_back(stage, std::chrono::duration<double>(now - last_).count());
    last_ = now;
  }
  double elapsed() const { return std::chrono::duration<double>(Clock::now() - start_).count(); }

 private:
  Result& result_;
  Clock::time_point start_ = Clock::now();
  Clock::time_point last_ = start_;
};

/// Ends a run when the interrupt says so; asks at most every 20 ms.
std::function<void()> make_poll(const Interrupt& interrupt) {
  if (!interrupt) return {};
  return [&interrupt, last = Clock::now()]() mutable {
    const auto now = Clock::now();
    if (now - last < std::chrono::milliseconds(20)) return;
    last = now;
    if (interrupt()) throw Error(ErrorCode::CANCELLED, "expected to finish, found that the run was interrupted.");
  };
}

/// The daily outcomes of all portfolios, by portfolio, then by date.
struct DayResults {
  std::vector<PortfolioDay> days;
  std::vector<std::size_t> begin;  ///< by portfolio, and one past the last
  std::span<const PortfolioDay> of(int portfolio) const {
    const auto at = static_cast<std::size_t>(portfolio);
    return std::span<const PortfolioDay>(days).subspan(begin[at], begin[at + 1] - begin[at]);
  }
};

DayResults sort_by_portfolio(const std::vector<std::vector<PortfolioDay>>& chunks, int n_portfolios) {
  DayResults out;
  out.begin.assign(static_cast<std::size_t>(n_portfolios) + 1, 0);
  for (const auto& chunk : chunks)
    for (const PortfolioDay& day : chunk) ++out.begin[static_cast<std::size_t>(day.portfolio) + 1];
  for (std::size_t p = 0; p + 1 < out.begin.size(); ++p) out.begin[p + 1] += out.begin[p];
  out.days.resize(out.begin.back());
  std::vector<std::size_t> next(out.begin.begin(), out.begin.end() - 1);
  for (const auto& chunk : chunks)
    for (const PortfolioDay& day : chunk) out.days[next[static_cast<std::size_t>(day.portfolio)]++] = day;
  return out;
}

Table build_weights(const std::vector<std::vector<HeldWeight>>& chunks, const Market& market) {
  Column::Dates dates;
  std::vector<std::int64_t> ids;
  std::vector<double> weights;
  for (const auto& chunk : chunks)
    for (const HeldWeight& held : chunk) {
      dates.days.push_back(market.date(held.n));
      ids.push_back(market.snapshot().security_ids()[static_cast<std::size_t>(held.security)]);
      weights.push_back(held.weight);
    }
  return {{{"date", std::move(dates)}, {"security_id", std::move(ids)}, {"weight", std::move(weights)}}};
}

/// Unique names over all days: `.coverage_unique`.
Table count_unique_names(const DayCounts& counts) {
  const std::int64_t names = std::count(counts.has_security.begin(), counts.has_security.end(), std::uint8_t{1});
  return {{{"names", std::vector<std::int64_t>{names}}}};
}

}  // namespace

struct Backtester::Impl {
  Impl(View view, int cache_size) : market(std::move(view)), plans(cache_size) {}

  Market market;
  mutable PlanCache plans;
  mutable std::mutex mutex;
  mutable std::vector<std::unique_ptr<Slots>> idle_slots;  // guarded by mutex

  /// Scratch memory of one run, given back when the run ends, however it ends.
  class Lease {
   public:
    explicit Lease(const Impl& impl) : impl_(impl) {
      const std::lock_guard lock(impl.mutex);
      if (impl.idle_slots.empty()) {
        slots_ = std::make_unique<Slots>();
      } else {
        slots_ = std::move(impl.idle_slots.back());
        impl.idle_slots.pop_back();
      }
    }
    ~Lease() {
      const std::lock_guard lock(impl_.mutex);
      constexpr std::size_t kKeep = 4;
      if (impl_.idle_slots.size() < kKeep) impl_.idle_slots.push_back(std::move(slots_));
    }
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;
    Slots& slots() { return *slots_; }

   private:
    const Impl& impl_;
    std::unique_ptr<Slots> slots_;
  };

  Result run(const SignalKeys& keys, const double* values, const RunConfig& config, const Interrupt& interrupt,
             bool keys_come_again) const;
};

Result Backtester::Impl::run(const SignalKeys& keys, const double* values, const RunConfig& config, const Interrupt& interrupt,
                             bool keys_come_again) const {
  Result result;
  Stopwatch watch(result);
  if (keys.n_rows == 0)
    throw Error(ErrorCode::EMPTY_SIGNAL, "expected at least one row in the signal, found 0. Pass a signal with rows.");
  const std::function<void()> poll = make_poll(interrupt);
  const int threads = std::min(config.threads > 0 ? config.threads : default_threads(), kMaxThreads);
  const Portfolios portfolios = Portfolios::make(market, config);
  const ExposureRows exposures(market, config.resid);
  Lease lease(*this);
  Slots& slots = lease.slots();
  const CrossSections of_slots(market, slots);
  const DayRunner prototype(market, config, portfolios, exposures, of_slots);  // refuses missing columns before any work

  DailyAnalysis analysis;
  DayResults days;
  DayCounts counts;
  std::vector<std::vector<HeldWeight>> weights;
  Alignment alignment;
  std::int64_t carried = 0;
  const int n_days = market.n_days();
  // Enough chunks to even out threads; each chunk makes the books of the day before it once more. Whole blocks of days.
  const int chunk_days = std::clamp(n_days / (threads * 12) / KeyPlan::kBlockDays, 1, 8) * KeyPlan::kBlockDays;
  const int n_chunks = (n_days + chunk_days - 1) / chunk_days;
  Plans plan = plans.find_or_build(market, keys, config, exposures, threads, keys_come_again, slots, poll);
  for (int align_threads = threads;;) {
    std::optional<Alignment> planned;
    if (plan.keys) planned = plan.keys->inspect(values, plan.exposures.get(), threads, poll);
    if (planned) {
      alignment = *planned;
      refuse_bad_rows(alignment.counts, keys, config);
    } else {
      alignment = align(market, {&keys, values, &config, align_threads, poll}, slots);
    }
    const CrossSections sections = planned ? CrossSections(market, *plan.keys, values, plan.exposures.get()) : of_slots;
    if (config.hold_days > 1) carried = carry(market, config.hold_days, threads, exposures.is_needed(), slots, poll);
    watch.mark("align");

    std::vector<std::vector<PortfolioDay>> chunks(static_cast<std::size_t>(n_chunks));
    weights.assign(config.keep_weights ? chunks.size() : 0, {});
    std::vector<std::unique_ptr<DayRunner>> runners(static_cast<std::size_t>(threads));
    analysis.resize(config, n_days);
    parallel_for(
        threads, n_chunks,
        [&](int chunk, int slot) {
          auto& runner = runners[static_cast<std::size_t>(slot)];
          if (!runner) runner = std::make_unique<DayRunner>(market, config, portfolios, exposures, sections);
          const DateIndex begin = market.first() + chunk * chunk_days;
          const DateIndex end = std::min(market.last() + 1, begin + chunk_days);
          runner->prepare(begin - 1);
          for (DateIndex n = begin; n < end; ++n)
            runner->run_day(n, chunks[static_cast<std::size_t>(chunk)], analysis,
                            config.keep_weights ? &weights[static_cast<std::size_t>(chunk)] : nullptr);
        },
        poll);
    counts = {};
    for (const auto& runner : runners)
      if (runner) counts.merge(runner->counts());
    watch.mark("days");
    if (planned || align_threads == 1 || counts.names == alignment.counts.rows_used + carried) {
      days = sort_by_portfolio(chunks, portfolios.count);
      break;
    }
    // Fewer names than rows: two threads have written to one slot at the same moment.
    align_threads = 1;
  }

  SeriesShape shape;
  shape.has_resret = prototype.performer().has_resret();
  shape.calc_turnover = config.calc_turnover;
  shape.long_only = config.method == Method::long_only;
  for (int k = 0; k < kNExposures; ++k) shape.has_exposure[static_cast<std::size_t>(k)] = prototype.performer().has_exposure(k);

  Series overall = build_series(days.of(0), market, shape);
  overall.byvar = overall.group = "overall";
  result.diagnostics = build_diagnostics(alignment.counts, carried, counts, overall.unknown_cost, portfolios, keys);
  if (alignment.counts.rows_used == 0) refuse_unusable(result.diagnostics);

  std::vector<Series> groups;    // of categories, in the order of byvar_list
  std::vector<Series> calendar;  // cuts of overall
  std::vector<std::pair<bool, std::size_t>> order;
  std::size_t grouping = 0;
  for (const std::string& byvar : config.byvar_list) {
    if (byvar == "overall") continue;
    if (is_calendar_byvar(byvar)) {
      for (Series& cut : cut_by_calendar(overall, byvar)) {
        order.emplace_back(true, calendar.size());
        calendar.push_back(std::move(cut));
      }
      continue;
    }
    const Portfolios::Grouping& of = portfolios.groupings[grouping++];
    for (int g = 0; g < of.category->n_groups(); ++g) {
      const int portfolio = of.first + g;
      if (!counts.has_names[static_cast<std::size_t>(portfolio)]) continue;
      order.emplace_back(false, groups.size());
      groups.push_back(build_series(days.of(portfolio), market, shape));
      groups.back().byvar = byvar;
      groups.back().group = of.category->label(g);
    }
  }
  std::vector<const Series*> summary_rows{&overall}, portfolio_rows{&overall};
  for (const auto& [is_calendar, at] : order) {
    summary_rows.push_back(is_calendar ? &calendar[at] : &groups[at]);
    if (!is_calendar) portfolio_rows.push_back(&groups[at]);
  }
  result.summary = build_summary(summary_rows, shape);
  result.daily = build_daily(overall);
  result.turnover = {{{"date", Column::Dates{overall.date}}, {"turnover", overall.turnover}, {"traded", overall.traded}}};
  result.tc = {{{"date", Column::Dates{overall.date}}, {"tc", overall.tc}}};
  result.daily_by_group = build_daily_by_group(portfolio_rows);
  if (config.ic) {
    result.ic = build_ic(analysis, market);
    result.ic_summary = build_ic_summary(analysis);
  }
  if (config.fractile_table) result.fractile = build_fractile_table(analysis, shape);
  if (config.coverage) {
    result.coverage = build_coverage(analysis, market);
    result.coverage_unique = count_unique_names(counts);
  }
  if (config.keep_weights) result.weights = build_weights(weights, market);
  result.snapshot = market.snapshot().id();
  result.config_json = config_to_json(config);
  result.run_id = compute_run_id(market.view(), config_to_json(config, true), alignment.rows_hash);
  if (!market.snapshot().is_intact())
    throw Error(ErrorCode::CORRUPT_SNAPSHOT, "expected the files of snapshot \"" + market.snapshot().id() +
                                                 "\" to keep their size, found one changed during the run. Restore "
                                                 "the snapshot and open it again.");
  watch.mark("summarise");
  result.elapsed_seconds = watch.elapsed();
  return result;
}

Backtester::Backtester(View view, int cache_size) : impl_(std::make_unique<Impl>(std::move(view), cache_size)) {}
Backtester::~Backtester() = default;

Result Backtester::run(const SignalKeys& keys, const double* values, const RunConfig& config, const Interrupt& interrupt,
                       bool keys_come_again) const {
  return impl_->run(keys, values, config, interrupt, keys_come_again);
}

const View& Backtester::view() const noexcept { return impl_->market.view(); }

}  // namespace fractile
