// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
//
// The order of the stages, and nothing else.
#include <algorithm>
#include <chrono>
#include <optional>

#include "engine/align/cross_sections.hpp"
#include "engine/backtester.hpp"
#include "engine/day.hpp"
#include "engine/residual/exposure_plan.hpp"
#include "engine/run_id.hpp"
#include "fractile/error.hpp"
#include "parallel/workers.hpp"
#include "report/diagnostics.hpp"
#include "report/series.hpp"
#include "stats/analysis_tables.hpp"

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

Table build_weights(const std::vector<std::vector<HeldWeight>>& chunks, const PanelView& panel) {
  Column::Dates dates;
  std::vector<std::int64_t> ids;
  std::vector<double> weights;
  for (const auto& chunk : chunks)
    for (const HeldWeight& held : chunk) {
      dates.days.push_back(panel.date(held.n));
      ids.push_back(panel.snapshot().security_ids()[static_cast<std::size_t>(held.security)]);
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

Result Backtester::Impl::run(const SignalKeys& keys, const std::string* identity, const double* values, const RunConfig& config,
                             int threads, const Interrupt& interrupt) const {
  Result result;
  Stopwatch watch(result);
  const std::function<void()> poll = make_poll(interrupt);
  const Portfolios portfolios = Portfolios::make(panel, config);
  const ExposureRows exposures(panel, config.resid);
  const PortfolioReturn performer(panel, config);
  DayRunner::require_columns(panel, config);  // before any work
  Lease lease(*this);
  RunBuffers& buffers = lease.buffers();

  const std::string known_by = identity ? *identity : kept.identify(keys, false, threads, poll);
  const bool is_kept = !known_by.empty();
  CachedAlignment at_hand;
  if (is_kept) at_hand = kept.find_or_make(known_by, panel, keys, config, exposures, threads, buffers, poll);
  std::optional<Alignment> own_alignment;
  std::optional<ExposurePlan> own_exposures;
  if (!is_kept) {
    own_alignment.emplace(panel, keys, config, threads, buffers.alignment, poll);
    if (exposures.is_needed())
      own_exposures = make_exposure_plan(panel, keys, config, exposures, threads, buffers.exposure_rows, poll);
  }
  const Alignment& alignment = is_kept ? *at_hand.alignment : *own_alignment;
  const ExposurePlan* const exposure_plan = own_exposures ? &*own_exposures : at_hand.exposures.get();
  AlignedSignal signal = alignment.inspect(values, config, exposure_plan, threads, poll);
  refuse_bad_rows(signal.counts, keys, config);
  ExtendedHolding carried;
  if (config.hold_days > 1)
    carried = extend_holding(panel, alignment, values, exposure_plan, config, threads, buffers.slots, poll);
  const CrossSections sections =
      config.hold_days > 1 ? CrossSections(panel, buffers.slots) : CrossSections(panel, alignment, values, exposure_plan);
  watch.mark("align");

  const int n_days = panel.n_days();
  // Enough chunks to even out threads; each chunk makes the books of the day before it once more. Whole blocks of days.
  const int chunk_days = std::clamp(n_days / (threads * 8) / Alignment::kBlockDays, 1, 8) * Alignment::kBlockDays;
  const int n_chunks = (n_days + chunk_days - 1) / chunk_days;
  std::vector<std::vector<PortfolioDay>> chunks(static_cast<std::size_t>(n_chunks));
  std::vector<std::vector<HeldWeight>> weights(config.keep_weights ? chunks.size() : 0);
  std::vector<std::unique_ptr<DayRunner>> runners(static_cast<std::size_t>(threads));
  std::vector<CrossSections::Scratch> scratches(runners.size());
  DailyAnalysis analysis;
  analysis.resize(config, n_days);
  parallel_for(
      threads, n_chunks,
      [&](int chunk, int slot) {
        auto& runner = runners[static_cast<std::size_t>(slot)];
        if (!runner)
          runner = std::make_unique<DayRunner>(panel, config, portfolios, exposures, sections, at_hand.regressors.get());
        const DateIndex begin = panel.first() + chunk * chunk_days;
        const DateIndex end = std::min(panel.last() + 1, begin + chunk_days);
        runner->prepare(begin - 1, scratches[static_cast<std::size_t>(slot)]);
        for (DateIndex n = begin; n < end; ++n)
          runner->run_day(n, chunks[static_cast<std::size_t>(chunk)], analysis,
                          config.keep_weights ? &weights[static_cast<std::size_t>(chunk)] : nullptr);
      },
      poll);
  DayCounts counts;
  bool has_duplicates = carried.has_duplicates;
  for (const auto& runner : runners)
    if (runner) {
      counts.merge(runner->counts());
      has_duplicates |= runner->has_duplicates();
    }
  if (has_duplicates) alignment.count_duplicates(values, exposure_plan, signal.counts);
  const DayResults days = sort_by_portfolio(chunks, portfolios.count);
  watch.mark("days");

  SeriesShape shape;
  shape.has_resret = performer.has_resret();
  shape.calc_turnover = config.calc_turnover;
  shape.long_only = config.method == Method::long_only;
  for (int k = 0; k < kNExposures; ++k) shape.has_exposure[static_cast<std::size_t>(k)] = performer.has_exposure(k);

  Series overall = build_series(days.of(0), panel, shape);
  overall.byvar = overall.group = "overall";
  result.diagnostics = build_diagnostics(signal.counts, carried.copies, counts, overall.unknown_cost, portfolios, keys);
  if (signal.counts.rows_used == 0) refuse_unusable(result.diagnostics);

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
      groups.push_back(build_series(days.of(portfolio), panel, shape));
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
    result.ic = build_ic(analysis, panel);
    result.ic_summary = build_ic_summary(analysis);
  }
  if (config.fractile_table) result.fractile = build_fractile_table(analysis, shape);
  if (config.coverage) {
    result.coverage = build_coverage(analysis, panel);
    result.coverage_unique = count_unique_names(counts);
  }
  if (config.keep_weights) result.weights = build_weights(weights, panel);
  result.snapshot = panel.snapshot().id();
  result.config_json = config_to_json(config);
  result.run_id = compute_run_id(panel.view(), config_to_json(config, true), signal.rows_hash);
  watch.mark("summarise");
  if (own_alignment) own_alignment->give_back(buffers.alignment);
  if (own_exposures) buffers.exposure_rows = std::move(own_exposures->row);
  result.elapsed_seconds = watch.elapsed();
  return result;
}

}  // namespace fractile
