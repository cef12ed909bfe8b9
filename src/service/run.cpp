// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
//
// A run as the sequence of its stages. Only this file knows their order.
#include <algorithm>
#include <chrono>
#include <map>
#include <optional>
#include <utility>

#include "analysis/analysis_module.hpp"
#include "engine/align/cross_sections.hpp"
#include "engine/align/exposure_plan.hpp"
#include "engine/day.hpp"
#include "engine/held_books.hpp"
#include "engine/panel/periods.hpp"
#include "fractile/error.hpp"
#include "parallel/workers.hpp"
#include "report/diagnostics.hpp"
#include "report/result_tables.hpp"
#include "report/summary.hpp"
#include "report/warnings.hpp"
#include "service/backtester.hpp"
#include "service/run_id.hpp"

namespace fractile {
namespace {

using Clock = std::chrono::steady_clock;

/// A stopwatch that records the time between two marks under a name.
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

/// One run. The members are the products of the stages, in the order in which the stages make them.
class Run {
 public:
  Run(const PanelView& panel, const SignalKeys& keys, const double* values, const RunConfig& config, Exposures exposures,
      int threads, const std::function<void()>& poll, RunMemory& memory, std::function<TableSet(const RunConfig&)> run_again)
      : panel_(panel),
        keys_(keys),
        values_(values),
        config_(config),
        threads_(threads),
        poll_(poll),
        memory_(memory),
        portfolios_(Portfolios::make(panel, config)),
        reported_(exposures),
        exposures_(panel, config),
        portfolio_return_(panel, config, exposures),
        analyses_({panel, config, portfolio_return_, panel.n_days(), threads, buffers_of(threads, memory.analysis),
                   static_cast<double>(periodicity(panel.view(), config).periods_per_year), std::move(run_again),
                   [this] { return alignment_->knows_later_names(); },
                   [this](DateIndex n, std::vector<NamedSignal>& out) { alignment_->read_later_names(n, values_, out); }}) {
    // Refuses the run before any work.
    refuse_factors_named_like_columns(config);
    DayRunner::require_columns(panel, config);
  }
  ~Run() {
    if (own_alignment_) own_alignment_->release_buffers(memory_.buffers.alignment);
    if (own_exposures_) memory_.buffers.exposure_rows = std::move(own_exposures_->row);
  }
  Run(const Run&) = delete;
  Run& operator=(const Run&) = delete;

  /// `known_by`: the key of the cached alignment; "" if none is cached.
  void align(AlignmentCache& cache, const std::string& known_by) {
    const Alignment* alignment = nullptr;
    if (!known_by.empty()) {
      cached_ = cache.find_or_make(known_by, panel_, keys_, config_, exposures_, threads_, memory_.buffers, poll_);
      alignment = cached_.alignment.get();
      exposure_plan_ = cached_.exposures.get();
    } else {
      alignment = &own_alignment_.emplace(panel_, keys_, config_, threads_, Alignment::Lifetime::one_run,
                                          memory_.buffers.alignment, poll_);
      if (exposures_.is_needed()) {
        memory_.buffers.exposure_rows.reserve(static_cast<std::size_t>(keys_.n_rows));
        exposure_plan_ = &own_exposures_.emplace(
            make_exposure_plan(panel_, keys_, config_, exposures_, threads_, std::move(memory_.buffers.exposure_rows), poll_));
      }
    }
    alignment_ = alignment;
    signal_ = alignment->inspect(values_, config_, exposure_plan_, threads_, poll_);
    refuse_bad_rows(signal_.counts, keys_, panel_.snapshot().id_type(), config_);
    if (config_.hold_days != 1) {
      extended_ = extend_holding(panel_, *alignment, values_, exposure_plan_, config_, threads_, memory_.buffers.slots, poll_);
      sections_.emplace(panel_, memory_.buffers.slots);
    } else {
      sections_.emplace(panel_, *alignment, values_, exposure_plan_);
    }
  }

  void compute_days() {
    if (HeldBooks::is_needed(config_))
      held_books_.emplace(
          panel_, config_, portfolios_, [this] { return make_names(false); }, threads_, poll_, memory_.held_books);
    // Several chunks per thread even out the load, but each chunk makes the books of the day before it once more. A chunk is a
    // whole number of blocks of days.
    const int n_days = panel_.n_days();
    const int chunk_days = std::clamp(n_days / (threads_ * 8) / Alignment::kBlockDays, 1, 8) * Alignment::kBlockDays;
    const int n_chunks = (n_days + chunk_days - 1) / chunk_days;
    std::vector<std::vector<PortfolioDay>> chunks(static_cast<std::size_t>(n_chunks));
    runners_.resize(static_cast<std::size_t>(threads_));
    std::vector<CrossSections::Scratch> scratches(runners_.size());
    parallel_for(
        threads_, n_chunks,
        [&](int chunk, int slot) {
          auto& runner = runners_[static_cast<std::size_t>(slot)];
          if (!runner) runner = make_runner(analyses_.make_observers(slot));
          const DateIndex begin = panel_.first() + chunk * chunk_days;
          const DateIndex end = std::min(panel_.last() + 1, begin + chunk_days);
          runner->prepare(begin - 1, scratches[static_cast<std::size_t>(slot)]);
          for (DateIndex n = begin; n < end; ++n) runner->run_day(n, chunks[static_cast<std::size_t>(chunk)]);
        },
        poll_);
    bool has_duplicates = extended_.has_duplicates || (held_books_ && held_books_->has_duplicates());
    if (held_books_) counts_ = held_books_->counts();
    for (const auto& runner : runners_)
      if (runner) {
        counts_.merge(runner->counts());
        has_duplicates |= runner->has_duplicates();
      }
    if (has_duplicates) alignment_->count_duplicates(values_, exposure_plan_, signal_.counts);
    days_ = sort_by_portfolio(std::move(chunks), portfolios_.count);
    if (config_.charge_entry_exit && config_.calc_turnover) close_books();
  }

  void summarise(Result& result) {
    SeriesShape shape;
    shape.has_resret = portfolio_return_.has_resret();
    shape.calc_turnover = config_.calc_turnover;
    shape.charges_entry = config_.charge_entry_exit;
    shape.has_borrow = BorrowFee(panel_, config_).can_arise();
    shape.long_only = config_.method == Method::long_only;
    result.periods_per_year = periodicity(panel_.view(), config_).periods_per_year;
    shape.periods_per_year = result.periods_per_year;
    shape.exposure_names = portfolio_return_.exposure_names();
    const PortfolioSeries series =
        build_portfolio_series(days_, held_books_ ? held_books_->table_days() : std::span<const TableDays>(), portfolios_,
                               config_.byvar_list, counts_.has_names, panel_, shape);
    result.diagnostics = build_diagnostics(signal_.counts, extended_.copies, counts_, series.overall.unknown_cost, portfolios_,
                                           keys_, panel_.snapshot().id_type());
    if (signal_.counts.rows_used == 0) refuse_unusable(result.diagnostics, panel_.snapshot());
    add_warnings({config_, series.overall, counts_, {values_, static_cast<std::size_t>(keys_.n_rows)}}, result.diagnostics);
    add_portfolio_tables(series, shape, result.tables);
    analyses_.finish(result.tables);
    result.snapshot = panel_.snapshot().id();
    result.config_json = config_to_json(config_);
    result.run_id = compute_run_id(panel_.view(), config_, signal_.rows_hash);
  }

 private:
  static std::span<ByteBuffer> buffers_of(int threads, std::vector<ByteBuffer>& buffers) {
    buffers.resize(std::max(buffers.size(), static_cast<std::size_t>(threads)));
    return buffers;
  }
  std::unique_ptr<DayNames> make_names(bool lists_names) const {
    return std::make_unique<DayNames>(panel_, config_, exposures_, *sections_, cached_.regressors.get(), lists_names);
  }
  std::unique_ptr<DayRunner> make_runner(std::vector<std::unique_ptr<DayObserver>> observers) const {
    const bool needs_names = !observers.empty() && analyses_.need_names();
    return std::make_unique<DayRunner>(panel_, config_, portfolios_, make_names(needs_names),
                                       held_books_ ? &*held_books_ : nullptr, std::move(observers), needs_names, reported_);
  }

  /// charge_entry_exit: adds to each portfolio's last day the trade that closes its book.
  void close_books() {
    std::map<DateIndex, std::vector<PortfolioDay*>> last_days;
    for (int portfolio = 0; portfolio < portfolios_.count; ++portfolio) {
      PortfolioDay* const last = days_.last_held(portfolio);
      // A mixed book may be flat on its last day: nothing is left to close.
      const bool is_closed =
          held_books_ && last && last->n != held_books_->table_days()[static_cast<std::size_t>(portfolio)].last;
      if (last && !is_closed) last_days[last->n].push_back(last);
    }
    const auto runner = make_runner({});
    CrossSections::Scratch scratch;
    for (const auto& [n, days] : last_days) {
      runner->prepare(n, scratch);
      for (PortfolioDay* const day : days) {
        const Trades trades = runner->close(day->portfolio, n);
        day->outcome.traded += trades.traded;
        day->outcome.tc += trades.cost.tc;
        day->outcome.unknown_cost += trades.cost.unknown;
      }
    }
  }

  const PanelView& panel_;
  const SignalKeys& keys_;
  const double* values_;
  const RunConfig& config_;
  int threads_;
  const std::function<void()>& poll_;
  RunMemory& memory_;

  Portfolios portfolios_;
  Exposures reported_;
  ExposureRows exposures_;
  PortfolioReturn portfolio_return_;
  Analyses analyses_;

  CachedAlignment cached_;
  std::optional<Alignment> own_alignment_;
  std::optional<ExposurePlan> own_exposures_;
  const Alignment* alignment_ = nullptr;
  const ExposurePlan* exposure_plan_ = nullptr;  // null if the run has no residuals
  AlignedSignal signal_;
  ExtendedHolding extended_;
  std::optional<CrossSections> sections_;

  std::optional<HeldBooks> held_books_;
  DayCounts counts_;
  std::vector<std::unique_ptr<DayRunner>> runners_;  // by thread; the exposures of days_ are in their memory
  DayResults days_;
};

}  // namespace

Result Backtester::Impl::run(const SignalKeys& keys, const std::string* known_by, const double* values, const RunConfig& config,
                             Exposures exposures, int threads, const Interrupt& interrupt) const {
  Result result;
  Stopwatch watch(result);
  const std::function<void()> poll = make_poll(interrupt);
  Lease lease(*this);
  const std::string identity = known_by ? *known_by : alignments.identify(keys, false, threads, poll);
  const auto run_again = [&](const RunConfig& other) -> TableSet {
    try {
      return this->run(keys, &identity, values, other, Exposures::left_out, threads, interrupt).tables;
    } catch (const Error& error) {
      if (error.code() != ErrorCode::NO_USABLE_ROWS) throw;
    }
    return {};
  };
  Run run(panel, keys, values, config, exposures, threads, poll, lease.memory(), run_again);
  run.align(alignments, identity);
  watch.mark("align");
  run.compute_days();
  watch.mark("days");
  run.summarise(result);
  watch.mark("summarise");
  result.elapsed_seconds = watch.elapsed();
  return result;
}

}  // namespace fractile
