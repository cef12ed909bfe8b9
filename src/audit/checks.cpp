// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "audit/checks.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "fractile/types.hpp"

namespace fractile::audit {
namespace {

constexpr double kSpikeRatio = 3.0, kSpikeT = 5.0;
constexpr double kHighIc = 0.15, kHighSharpe = 8.0;
constexpr double kCliffRatio = 0.25, kCliffAutocorrelation = 0.8, kCliffSharpe = 2.0;
constexpr double kLowShareRatio = 0.5;
constexpr double kManyRepeated = 0.5;
constexpr double kRestatedErrors = 2.0;

using Status = AuditStatus;

/// Turns measurements into checks.
class Judge {
 public:
  Judge(const Measurements& found, const PanelView& panel, const SignalKeys& keys) : found_(found), panel_(panel), keys_(keys) {}

  std::vector<AuditCheck> all() {
    return {dates(),    untradable_spike(), implausible(), cliff(),    survivorship(),
            restated(), backfill(),         stale(),       constant(), calendar()};
  }

 private:
  std::vector<RowExample> examples(const CauseCount& rows) const {
    std::vector<RowExample> out;
    for (const std::int64_t row : rows.rows)
      if (row >= 0) out.push_back(describe_row(keys_, panel_.snapshot().id_type(), row));
    return out;
  }
  static AuditCheck not_applicable(const char* check, double threshold, std::string why) {
    return {check, Status::not_applicable, kNaN, threshold, std::move(why), {}};
  }
  static const char* plural(std::int64_t n) { return n == 1 ? "" : "s"; }

  AuditCheck dates() const {
    const CauseCount &impossible = found_.rows.impossible, &early = found_.rows.before_avail;
    AuditCheck out{"dates", Status::pass, static_cast<double>(impossible.count + early.count), 0.0, "", {}};
    if (impossible.count > 0) {
      out.status = Status::look_ahead;
      out.meaning =
          fmt::format("{} row{} earn{} a return of a date that is not after date_sig, or have date_avail before date_sig.",
                      impossible.count, plural(impossible.count), impossible.count == 1 ? "s" : "");
      out.rows = examples(impossible);
    }
    if (early.count > 0) {
      if (out.status == Status::pass) {
        out.status = found_.refuses_lookahead ? Status::look_ahead : Status::suspicious;
        out.rows = examples(early);
      }
      out.meaning += fmt::format("{}{} row{} trade{} before date_avail.", out.meaning.empty() ? "" : " ", early.count,
                                 plural(early.count), early.count == 1 ? "s" : "");
    }
    if (out.meaning.empty()) out.meaning = "Every row is traded after date_sig and not before date_avail.";
    return out;
  }

  AuditCheck untradable_spike() const {
    constexpr const char* kName = "untradable_spike";
    const int first = found_.rows.first_k, eve = first - 1;
    if (!found_.profile) return not_applicable(kName, kSpikeRatio, "No row of the signal can be used.");
    if (2 * found_.rows.rows_with_unknown_eve <= found_.rows.rows_with_return_day)
      return not_applicable(kName, kSpikeRatio,
                            fmt::format("The return of k = {} ends on the date of the signal, which may know it.", eve));
    double largest = 0.0;
    for (int k = first; k <= first + 3; ++k) {
      const double ic = found_.profile->at(k).ic;
      if (ic == ic) largest = std::max(largest, std::fabs(ic));
    }
    const ProfilePoint& spike = found_.profile->at(eve);
    if (spike.ic != spike.ic || largest == 0.0)
      return not_applicable(kName, kSpikeRatio, "Too few periods have 10 names with a signal and a return.");
    AuditCheck out{kName, Status::pass, std::fabs(spike.ic) / largest, kSpikeRatio, "", {}};
    const std::string figures = fmt::format("|IC({})| is {:.4f} (t {:.1f}), the largest of k = {} to {} is {:.4f}", eve,
                                            std::fabs(spike.ic), spike.t_nw, first, first + 3, largest);
    if (out.value > kSpikeRatio && std::fabs(spike.t_nw) > kSpikeT) {
      out.status = Status::suspicious;
      out.meaning = fmt::format(
          "The signal knows the return of k = {}, which nobody can earn: {}. Rows may be dated a period early.", eve, figures);
    } else {
      out.meaning = fmt::format("The return before the first that can be earned does not stand out: {}.", figures);
    }
    return out;
  }

  AuditCheck implausible() const {
    constexpr const char* kName = "implausible";
    if (!found_.profile || !found_.sharpe) return not_applicable(kName, kHighSharpe, "No row of the signal can be used.");
    const int first = found_.rows.first_k;
    const double ic = std::fabs(found_.profile->at(first).ic), sharpe = std::fabs(found_.sharpe->as_traded);
    if (ic != ic && sharpe != sharpe)
      return not_applicable(kName, kHighSharpe, "The signal has neither a correlation nor a book.");
    // The one that is nearer to its limit is shown.
    const bool shows_ic = sharpe != sharpe || ic / kHighIc > sharpe / kHighSharpe;
    AuditCheck out{kName, Status::pass, shows_ic ? ic : sharpe, shows_ic ? kHighIc : kHighSharpe, "", {}};
    const std::string figures =
        fmt::format("|IC({})| is {:.4f}, the Sharpe ratio before costs {:.2f}", first, ic, found_.sharpe->as_traded);
    if (out.value > out.threshold) {
      out.status = Status::suspicious;
      out.meaning = fmt::format("This is too good for a signal without knowledge of the future: {}.", figures);
    } else {
      out.meaning = fmt::format("Within what signals reach: {}.", figures);
    }
    return out;
  }

  AuditCheck cliff() const {
    constexpr const char* kName = "cliff";
    if (!found_.profile || !found_.sharpe) return not_applicable(kName, kCliffRatio, "No row of the signal can be used.");
    const double now = found_.sharpe->as_traded, later = found_.sharpe->one_later, persistence = found_.profile->autocorrelation;
    if (now != now || later != later || persistence != persistence)
      return not_applicable(kName, kCliffRatio, "One of the two lags has no book, or the signal has one date.");
    AuditCheck out{kName, Status::pass, now != 0.0 ? later / now : kNaN, kCliffRatio, "", {}};
    const std::string figures = fmt::format(
        "the Sharpe ratio is {:.2f} as traded and {:.2f} a period later, the rank "
        "autocorrelation of the signal {:.2f}",
        now, later, persistence);
    if (now > kCliffSharpe && persistence > kCliffAutocorrelation && out.value < kCliffRatio) {
      out.status = Status::suspicious;
      out.meaning = fmt::format("A signal that hardly changes loses its return within one period: {}.", figures);
    } else {
      out.meaning = fmt::format("No sudden loss: {}.", figures);
    }
    return out;
  }

  AuditCheck survivorship() const {
    constexpr const char* kName = "survivorship";
    if (!found_.coverage) return not_applicable(kName, kLowShareRatio, "No row of the signal can be used.");
    const Coverage& c = *found_.coverage;
    const double ratio = c.leavers_share / c.others_share, of_lives = c.last_share / c.earlier_share;
    if (c.leavers < kMinLeavers)
      return not_applicable(kName, kLowShareRatio,
                            fmt::format("{} name{} leave{} the panel before its end; {} are needed.", c.leavers,
                                        plural(c.leavers), c.leavers == 1 ? "s" : "", kMinLeavers));
    if (!std::isfinite(ratio))
      return not_applicable(kName, kLowShareRatio, "No period has rows of names that leave and of others.");
    const bool shows_lives = std::isfinite(of_lives) && of_lives < ratio;
    AuditCheck out{kName, Status::pass, shows_lives ? of_lives : ratio, kLowShareRatio, "", {}};
    std::string figures =
        fmt::format("the signal covers {:.1f} % of the rows of {} names that leave the panel and {:.1f} % of the others'",
                    100.0 * c.leavers_share, c.leavers, 100.0 * c.others_share);
    if (std::isfinite(of_lives))
      figures += fmt::format("; {:.1f} % in the last {} periods of leavers and {:.1f} % before", 100.0 * c.last_share,
                             kLastPeriods, 100.0 * c.earlier_share);
    if (out.value < kLowShareRatio) {
      out.status = Status::suspicious;
      out.meaning = fmt::format("The signal knows who survives: {}.", figures);
    } else {
      out.meaning = fmt::format("Names that leave are covered like others: {}.", figures);
    }
    return out;
  }

  AuditCheck restated() const {
    constexpr const char* kName = "restated";
    if (!found_.vintages) return not_applicable(kName, kRestatedErrors, "An older vintage is needed: pass previous.");
    const Vintages& v = *found_.vintages;
    if (v.common == 0) return not_applicable(kName, kRestatedErrors, "The vintages share no security and date.");
    AuditCheck out{kName, Status::pass, 0.0, kRestatedErrors, "", examples(v.changed)};
    std::string figures =
        fmt::format("{} of {} common rows changed ({:.2f} %), by {:.4g} on average", v.changed.count, v.common,
                    100.0 * static_cast<double>(v.changed.count) / static_cast<double>(v.common), v.mean_change);
    if (v.changed.count == 0) {
      out.meaning = fmt::format("No common row of {} changed.", v.common);
      return out;
    }
    if (!found_.vintage_sharpe)
      return not_applicable(kName, kRestatedErrors, fmt::format("The vintages have no books to compare: {}.", figures));
    const VintageSharpe& s = *found_.vintage_sharpe;
    out.value = s.error > 0.0 ? s.difference / s.error : kNaN;
    figures += fmt::format("; the Sharpe ratio on them is {:.2f} and was {:.2f}", s.newer, s.older);
    if (out.value > kRestatedErrors) {
      out.status = Status::suspicious;
      out.meaning = fmt::format("History was rewritten for the better: {}.", figures);
    } else {
      out.meaning = fmt::format("Changes do not flatter the past: {}.", figures);
    }
    return out;
  }

  AuditCheck backfill() const {
    const std::int64_t names = found_.rows.names_before_first_row;
    AuditCheck out{"backfill", names > 0 ? Status::note : Status::pass, static_cast<double>(names), 0.0,
                   "",         examples(found_.rows.before_first_row)};
    out.meaning = names > 0 ? fmt::format("{} name{} ha{} a signal before the first panel row: it may have been filled in later.",
                                          names, plural(names), names == 1 ? "s" : "ve")
                            : "No name has a signal before its first panel row.";
    return out;
  }

  AuditCheck stale() const {
    if (!found_.coverage || found_.coverage->values == 0)
      return not_applicable("stale", kManyRepeated, "No value has one of the same name before it.");
    const double share = static_cast<double>(found_.coverage->repeated) / static_cast<double>(found_.coverage->values);
    return {"stale",
            share > kManyRepeated ? Status::note : Status::pass,
            share,
            kManyRepeated,
            fmt::format("{:.1f} % of the values equal the one before of the same name.", 100.0 * share),
            {}};
  }

  AuditCheck constant() const {
    if (!found_.profile) return not_applicable("constant", 0.0, "No row of the signal can be used.");
    const std::vector<DateIndex>& days = found_.profile->constant_days;
    AuditCheck out{"constant", days.empty() ? Status::pass : Status::note, static_cast<double>(days.size()), 0.0, "", {}};
    out.meaning = days.empty() ? "No period gives every name the same value."
                               : fmt::format("{} of {} periods give every name the same value, first the return date {}.",
                                             days.size(), found_.profile->days, format_day(panel_.date(days.front())));
    return out;
  }

  AuditCheck calendar() const {
    const CauseCount& closed = found_.rows.on_closed_days;
    AuditCheck out{"calendar",      closed.count > 0 ? Status::note : Status::pass, static_cast<double>(closed.count), 0.0, "",
                   examples(closed)};
    out.meaning = closed.count > 0 ? fmt::format("{} row{} {} dated on a day that the panel does not have.", closed.count,
                                                 plural(closed.count), closed.count == 1 ? "is" : "are")
                                   : "Every row is dated on a date of the panel.";
    return out;
  }

  const Measurements& found_;
  const PanelView& panel_;
  const SignalKeys& keys_;
};

}  // namespace

std::vector<AuditCheck> judge(const Measurements& found, const PanelView& panel, const SignalKeys& keys) {
  return Judge(found, panel, keys).all();
}

}  // namespace fractile::audit

namespace fractile {

std::string_view to_text(AuditStatus status) noexcept {
  switch (status) {
    case AuditStatus::pass: return "pass";
    case AuditStatus::not_applicable: return "not applicable";
    case AuditStatus::note: return "note";
    case AuditStatus::suspicious: return "suspicious";
    case AuditStatus::look_ahead: return "look-ahead";
  }
  return "pass";
}

AuditStatus Audit::verdict() const noexcept {
  AuditStatus worst = AuditStatus::pass;
  for (const AuditCheck& check : checks)
    if (check.status > AuditStatus::note) worst = std::max(worst, check.status);
  return worst;
}

Table checks_table(const Audit& audit) {
  std::vector<std::string> check, status, meaning, rows;
  std::vector<double> value, threshold;
  for (const AuditCheck& one : audit.checks) {
    check.push_back(one.check);
    status.emplace_back(to_text(one.status));
    value.push_back(one.value);
    threshold.push_back(one.threshold);
    meaning.push_back(one.meaning);
    std::string& shown = rows.emplace_back();
    for (const RowExample& row : one.rows) shown += (shown.empty() ? "" : "; ") + format_row(row);
  }
  return {{{"check", std::move(check)},
           {"status", std::move(status)},
           {"value", std::move(value)},
           {"threshold", std::move(threshold)},
           {"meaning", std::move(meaning)},
           {"rows", std::move(rows)}}};
}

}  // namespace fractile
