// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
//
// The order of the stages of an audit.
#include "fractile/audit.hpp"

#include <algorithm>
#include <chrono>
#include <exception>
#include <map>
#include <optional>
#include <string>

#include "audit/checks.hpp"
#include "engine/panel/periods.hpp"
#include "fractile/error.hpp"
#include "fractile/types.hpp"
#include "parallel/workers.hpp"
#include "service/leased_alignment.hpp"
#include "stats/moments.hpp"
#include "stats/sharpe_difference.hpp"
#include "types/ieee_arithmetic.hpp"

namespace fractile {
namespace {

struct DailyReturns {
  std::vector<Day> date;
  std::vector<double> ret;
  int periods_per_year = 0;
};

double sharpe_of(const DailyReturns& book) { return annualised_sharpe(book.ret, book.periods_per_year); }

/// Two series on the days that both have.
std::pair<std::vector<double>, std::vector<double>> join_days(const DailyReturns& a, const DailyReturns& b) {
  std::map<Day, double> other;
  for (std::size_t i = 0; i < b.date.size(); ++i) other[b.date[i]] = b.ret[i];
  std::pair<std::vector<double>, std::vector<double>> out;
  for (std::size_t i = 0; i < a.date.size(); ++i) {
    const auto found = other.find(a.date[i]);
    if (found == other.end()) continue;
    out.first.push_back(a.ret[i]);
    out.second.push_back(found->second);
  }
  return out;
}

/// The books of the checks: all names before costs.
RunConfig book_of(const RunConfig& asked) {
  RunConfig config = asked;
  config.byvar_list = {"overall"};
  config.analysis.clear();
  config.calc_turnover = false;
  config.keep_weights = false;
  config.lookahead = Lookahead::warn;
  return config;
}

RunConfig with_lag(RunConfig config, int lag) {
  config.lag = lag;
  return config;
}

DailyReturns returns_of(const Result& result) {
  const Table& daily = result.tables["daily"];
  return {std::get<Column::Dates>(daily.find("date")->values).days, std::get<std::vector<double>>(daily.find("ret")->values),
          result.periods_per_year};
}

bool has_no_usable_row(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const Error& known) {
    return known.code() == ErrorCode::NO_USABLE_ROWS;
  }
}

class AuditRun {
 public:
  AuditRun(const Backtester& backtester, const SignalKeys& keys, const RunConfig& config, const Interrupt& interrupt)
      : backtester_(backtester),
        panel_(backtester.impl().panel),
        keys_(keys),
        asked_(config),
        book_(book_of(config)),
        threads_(std::min(config.threads > 0 ? config.threads : default_threads(), kMaxThreads)),
        interrupt_(interrupt),
        poll_(make_poll(interrupt)) {}

  Audit run(const double* values, const SignalVintage* previous) {
    audit::SignalRows rows;
    read_guarded([&] { rows = audit::read_signal_rows(panel_, keys_, values, asked_, previous != nullptr, threads_, poll_); });
    audit::Measurements found{.rows = rows, .refuses_lookahead = asked_.lookahead == Lookahead::error};
    audit::LaggedSharpe sharpe{kNaN, kNaN};
    std::optional<audit::Profile> profile;
    audit::Coverage coverage;
    audit::SignalRows older;
    audit::Vintages vintages;
    audit::VintageSharpe vintage_sharpe{};
    // The impossible rows may have been all that could be used.
    const SignalKeys possible = rows.possible(keys_);
    if (compute_books(possible, values, rows.impossible.count > 0, sharpe)) {
      read_guarded([&] {
        profile = measure_profile(possible, values, rows.first_k);
        coverage = audit::measure_coverage(panel_, rows, EligibilityMask(panel_, asked_, threads_, poll_), threads_, poll_);
        if (previous) {
          older = audit::read_signal_rows(panel_, previous->keys, previous->values, book_, true, threads_, poll_);
          vintages = audit::compare_vintages(panel_, rows, keys_.n_rows, older, previous->keys.n_rows);
        }
      });
      found.sharpe = &sharpe;
      found.profile = &*profile;
      found.coverage = &coverage;
      if (previous) {
        found.vintages = &vintages;
        if (compare_books(possible, older.possible(previous->keys), vintages, vintage_sharpe))
          found.vintage_sharpe = &vintage_sharpe;
      }
    }
    Audit out;
    out.profile = profile_table(profile);
    out.first_k = rows.first_k;
    out.checks = audit::judge(found, panel_, keys_);
    out.config_json = config_to_json(asked_);
    out.snapshot = panel_.snapshot().id();
    out.periods_per_year = periodicity(panel_.view(), asked_).periods_per_year;
    return out;
  }

 private:
  void read_guarded(const std::function<void()>& work) const { panel_.snapshot().read_guarded(work); }

  /// The Sharpe ratios as traded and one period later. False if no row is left without the impossible ones.
  bool compute_books(const SignalKeys& keys, const double* values, bool has_impossible, audit::LaggedSharpe& out) const {
    const RunCell cells[] = {{values, with_lag(book_, asked_.lag)}, {values, with_lag(book_, asked_.lag + 1)}};
    const std::vector<RunOutcome> outcomes = backtester_.run_many(keys, cells, false, interrupt_);
    double* const ratios[] = {&out.as_traded, &out.one_later};
    for (std::size_t i = 0; i < outcomes.size(); ++i) {
      if (outcomes[i].result) {
        *ratios[i] = sharpe_of(returns_of(*outcomes[i].result));
        continue;
      }
      if (!has_no_usable_row(outcomes[i].error)) std::rethrow_exception(outcomes[i].error);
      if (i > 0) continue;
      if (!has_impossible) std::rethrow_exception(outcomes[i].error);
      return false;
    }
    return true;
  }

  audit::Profile measure_profile(const SignalKeys& keys, const double* values, int first_k) const {
    const RunConfig config = with_lag(book_, 0);
    const LeasedAlignment alignment(backtester_.impl(), keys, config, threads_, poll_);
    return audit::measure_profile(panel_, alignment.get(), values, first_k, asked_.from_open ? "openret" : "ret", threads_,
                                  poll_);
  }

  /// False if one of the vintages has no book on the common keys.
  bool compare_books(const SignalKeys& newer_keys, const SignalKeys& older_keys, const audit::Vintages& vintages,
                     audit::VintageSharpe& out) const {
    if (vintages.changed.count == 0) return false;
    try {
      const DailyReturns newer = returns_of(backtester_.run(newer_keys, vintages.newer.data(), book_, interrupt_));
      const DailyReturns older = returns_of(backtester_.run(older_keys, vintages.older.data(), book_, interrupt_));
      const auto [a, b] = join_days(newer, older);
      const SharpeDifference difference = sharpe_difference(a, b, 1, 1, 0, {threads_, poll_});
      out = {sharpe_of(newer), sharpe_of(older), difference.difference, difference.se_hac};
      return true;
    } catch (const Error& error) {
      if (error.code() != ErrorCode::NO_USABLE_ROWS) throw;
      return false;
    }
  }

  static Table profile_table(const std::optional<audit::Profile>& profile) {
    std::vector<std::int64_t> k, days;
    std::vector<double> ic, t_nw, names, share;
    if (profile) {
      for (const audit::ProfilePoint& point : profile->points) {
        k.push_back(point.k);
        ic.push_back(point.ic);
        t_nw.push_back(point.t_nw);
        days.push_back(point.days);
        names.push_back(point.names);
        share.push_back(point.share);
      }
    }
    return {{{"k", std::move(k)},
             {"ic", std::move(ic)},
             {"t_nw", std::move(t_nw)},
             {"days", std::move(days)},
             {"names", std::move(names)},
             {"share", std::move(share)}}};
  }

  const Backtester& backtester_;
  const PanelView& panel_;
  const SignalKeys& keys_;
  const RunConfig& asked_;
  RunConfig book_;
  int threads_;
  const Interrupt& interrupt_;
  std::function<void()> poll_;
};

}  // namespace

Audit audit_signal(const Backtester& backtester, const SignalKeys& keys, const double* values, const RunConfig& config,
                   const SignalVintage* previous, const Interrupt& interrupt) {
  const IeeeArithmetic arithmetic;
  const auto began = std::chrono::steady_clock::now();
  require_rows(keys);
  if (previous) require_rows(previous->keys);
  validate(config);
  Audit out = AuditRun(backtester, keys, config, interrupt).run(values, previous);
  out.elapsed_seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
  return out;
}

}  // namespace fractile
