// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
//
// The order of the stages of an audit.
#include "fractile/audit.hpp"

#include <chrono>
#include <limits>
#include <map>
#include <optional>

#include "audit/checks.hpp"
#include "fractile/error.hpp"
#include "service/backtester.hpp"
#include "stats/moments.hpp"
#include "stats/sharpe_difference.hpp"
#include "types/ieee_arithmetic.hpp"

namespace fractile {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

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

class AuditRun {
 public:
  AuditRun(const Backtester::Impl& impl, const SignalKeys& keys, const RunConfig& config, int threads, const Interrupt& interrupt)
      : impl_(impl), keys_(keys), asked_(config), threads_(threads), interrupt_(interrupt), poll_(make_poll(interrupt)) {
    // A book of all names before costs: the checks read nothing else.
    book_ = config;
    book_.byvar_list = {"overall"};
    book_.analysis.clear();
    book_.calc_turnover = false;
    book_.keep_weights = false;
    book_.lookahead = Lookahead::warn;
  }

  Audit run(const double* values, const SignalVintage* previous) {
    Audit out;
    const PanelView& panel = impl_.panel;
    const audit::SignalRows rows = audit::read_signal_rows(panel, keys_, values, asked_, previous != nullptr, threads_, poll_);
    audit::Measurements found{.rows = rows, .refuses_lookahead = asked_.lookahead == Lookahead::error};
    const std::string identity = impl_.alignments.identify(keys_, true, threads_, poll_);

    std::optional<DailyReturns> now;
    try {
      now = earn(keys_, identity, rows.values, asked_.lag);
    } catch (const Error& error) {
      // The impossible rows may have been all that could be used.
      if (error.code() != ErrorCode::NO_USABLE_ROWS || rows.impossible.count == 0) throw;
    }
    std::optional<audit::Profile> profile;
    std::optional<audit::Coverage> coverage;
    std::optional<audit::Vintages> vintages;
    audit::LaggedSharpe sharpe{kNaN, kNaN};
    audit::VintageSharpe vintage_sharpe{};
    if (now) {
      sharpe = {sharpe_of(*now), sharpe_one_later(identity, rows.values)};
      found.sharpe = &sharpe;
      found.profile = &profile.emplace(measure_profile(identity, rows));
      found.coverage = &coverage.emplace(audit::measure_coverage(panel, rows, EligibilityMask(panel, asked_, threads_, poll_)));
      if (previous) {
        found.vintages = &vintages.emplace(compare(rows, *previous));
        if (compare_books(*previous, *vintages, vintage_sharpe)) found.vintage_sharpe = &vintage_sharpe;
      }
      out.profile = profile_table(*profile);
    } else {
      out.profile = profile_table({});
    }
    out.first_k = rows.first_k;
    out.checks = audit::judge(found, panel, keys_);
    out.config_json = config_to_json(asked_);
    out.snapshot = panel.snapshot().id();
    return out;
  }

 private:
  RunConfig book_at(int lag) const {
    RunConfig config = book_;
    config.lag = lag;
    return config;
  }

  /// The daily returns of the signal's book.
  DailyReturns earn(const SignalKeys& keys, const std::string& identity, const double* values, int lag) const {
    const Result result = impl_.run(keys, &identity, values, book_at(lag), threads_, interrupt_);
    const Table& daily = result.tables["daily"];
    return {std::get<Column::Dates>(daily.find("date")->values).days, std::get<std::vector<double>>(daily.find("ret")->values),
            result.periods_per_year};
  }

  double sharpe_one_later(const std::string& identity, const double* values) const {
    try {
      return sharpe_of(earn(keys_, identity, values, asked_.lag + 1));
    } catch (const Error& error) {
      if (error.code() != ErrorCode::NO_USABLE_ROWS) throw;
      return kNaN;
    }
  }

  audit::Profile measure_profile(const std::string& identity, const audit::SignalRows& rows) const {
    Backtester::Impl::Lease lease(impl_);
    const CachedAlignment cached = impl_.alignments.find_or_make(
        identity, impl_.panel, keys_, book_at(0), ExposureRows(impl_.panel, Resid::off), threads_, lease.buffers(), poll_);
    return audit::measure_profile(impl_.panel, *cached.alignment, rows.values, rows.first_k, asked_.from_open ? "openret" : "ret",
                                  threads_, poll_);
  }

  audit::Vintages compare(const audit::SignalRows& rows, const SignalVintage& previous) const {
    RunConfig config = asked_;
    config.lookahead = Lookahead::warn;
    const audit::SignalRows older =
        audit::read_signal_rows(impl_.panel, previous.keys, previous.values, config, true, threads_, poll_);
    return audit::compare_vintages(impl_.panel, rows, keys_.n_rows, older, previous.keys.n_rows);
  }

  /// False if one of the vintages has no book on the common keys.
  bool compare_books(const SignalVintage& previous, const audit::Vintages& vintages, audit::VintageSharpe& out) const {
    if (vintages.changed.count == 0) return false;
    try {
      const DailyReturns newer = earn(keys_, "", vintages.newer.data(), asked_.lag);
      const DailyReturns older = earn(previous.keys, "", vintages.older.data(), asked_.lag);
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

  const Backtester::Impl& impl_;
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
  const Backtester::Impl& impl = backtester.impl();
  Audit out;
  impl.panel.snapshot().read_guarded(
      [&] { out = AuditRun(impl, keys, config, threads_of(config), interrupt).run(values, previous); });
  out.elapsed_seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
  return out;
}

}  // namespace fractile
