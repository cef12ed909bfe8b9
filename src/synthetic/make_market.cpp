// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "fractile/error.hpp"
#include "fractile/types.hpp"
#include "synthetic/exchange_calendar.hpp"
#include "synthetic/lifetimes.hpp"
#include "synthetic/market_factors.hpp"
#include "synthetic/name_state.hpp"
#include "synthetic/panel_columns.hpp"
#include "synthetic/portable_math.hpp"
#include "synthetic/synthetic.hpp"

namespace fractile {
namespace {

using namespace synthetic;

constexpr float kLost = std::numeric_limits<float>::quiet_NaN();
constexpr std::size_t kNEverPresent = 3;  // ids 1, 2, 3: every day, with every return
constexpr DateIndex kDaysWithoutMomentum = 60;
constexpr DateIndex kDaysUnclassified = 40;

/// The random bits of a row. Its fields, each in 1024ths, decide which values are missing and if the name is halted.
struct Fate {
  std::uint64_t bits;
  unsigned draw(int field) const { return static_cast<unsigned>(bits >> (10 * field)) & 1023; }
};

enum FateField { kWhetherMissing, kWhatMissing, kSignalMissing, kHalt, kHaltLength };

void set_missing(PanelColumns& columns, std::int64_t row, unsigned what) {
  const auto at = static_cast<std::size_t>(row);
  const auto lose = [&](Real column) { columns.reals[column][at] = kLost; };
  switch (what % 32) {
    case 0: lose(kRet); [[fallthrough]];
    case 1: lose(kResret); break;
    case 2: lose(kOpenret); [[fallthrough]];
    case 3: lose(kResopenret); break;
    case 4:
    case 5: lose(kMcap); break;
    case 6:
    case 7:
    case 8:
    case 9: lose(kAdv); break;
    case 10:
    case 11:
    case 12:
    case 13: lose(kVol); break;
    case 14:
    case 15: lose(kCloseAdj); break;
    case 16:
    case 17:
    case 18:
    case 19:  // accounts not filed
      lose(kValue);
      lose(kGrowth);
      lose(kLeverage);
      lose(kYield);
      break;
    case 20:
    case 21:
    case 22: lose(kValue); break;
    case 23:
    case 24: lose(kGrowth); break;
    case 25:
    case 26: lose(kLeverage); break;
    case 27: lose(kVolatility); break;
    case 28: lose(kMomentum); break;
    case 29:
    case 30: lose(kYield); break;
    default: columns.set_missing(kCap, row);
  }
}

/// The simulation: one pass over the days, with one row per living name, ids ascending.
class Simulation {
 public:
  explicit Simulation(const SyntheticOptions& options)
      : options_(options), random_(options.seed), factors_(options.seed ^ 0x5bd1e9955bd1e995ULL) {}

  SyntheticMarket run() {
    market_.dates = trading_days(options_.start, options_.end);
    if (market_.dates.empty())
      throw Error(ErrorCode::NO_TRADING_DAYS, "expected one trading day or more, found none from " + format_day(options_.start) +
                                                  " to " + format_day(options_.end) + ". Widen the dates.");
    n_days_ = static_cast<DateIndex>(market_.dates.size());
    make_names();
    factors_.next_day();
    SessionFactors overnight = factors_.draw_overnight();
    for (DateIndex n = 0; n < n_days_; ++n) {
      update_living(n, overnight);
      const SessionFactors intraday = factors_.draw_intraday();
      factors_.next_day();
      overnight = factors_.draw_overnight();
      simulate_day(n, intraday, overnight);
    }
    market_.panel = panel_of_columns(columns_);
    return std::move(market_);
  }

 private:
  void make_names() {
    const std::vector<Lifetime> lives =
        draw_lifetimes(n_days_, options_.names_per_day, options_.entries_per_year, options_.seed ^ 0x9e3779b97f4a7c15ULL);
    names_.reserve(lives.size());
    std::int64_t panel_rows = 0, signal_rows = 0;
    for (std::size_t i = 0; i < lives.size(); ++i) {
      const bool is_covered = random_.next_uniform() < options_.signal_coverage || i < kNEverPresent;
      names_.push_back(make_name(lives[i], is_covered, random_));
      const std::int64_t days = lives[i].last - lives[i].first + 1;
      names_.back().signal_begin = signal_rows;
      panel_rows += days;
      if (is_covered) signal_rows += days;
    }
    columns_ = std::make_shared<PanelColumns>(panel_rows);
    // The keys of the signal are complete here; its values follow day by day.
    market_.signal.resize(static_cast<std::size_t>(signal_rows));
    market_.signal_security_id.reserve(market_.signal.size());
    market_.signal_date.reserve(market_.signal.size());
    for (std::size_t i = 0; i < names_.size(); ++i) {
      if (!names_[i].is_covered) continue;
      const auto begin = market_.dates.begin() + lives[i].first, end = market_.dates.begin() + lives[i].last + 1;
      market_.signal_security_id.insert(market_.signal_security_id.end(), static_cast<std::size_t>(end - begin),
                                        static_cast<std::int64_t>(i) + 1);
      market_.signal_date.insert(market_.signal_date.end(), begin, end);
    }
  }

  /// Removes the names that have left, adds the names that enter today, and draws their first night.
  void update_living(DateIndex n, const SessionFactors& overnight) {
    std::erase_if(living_, [&](std::size_t i) { return names_[i].life.last < n; });
    for (; n_entered_ < names_.size() && names_[n_entered_].life.first <= n; ++n_entered_) {
      draw_next_overnight(names_[n_entered_], overnight, random_);
      living_.push_back(n_entered_);
    }
  }

  void simulate_day(DateIndex n, const SessionFactors& intraday, const SessionFactors& overnight) {
    const std::int64_t first_row = columns_->n_rows;
    std::int64_t row = first_row;
    for (const std::size_t i : living_) {
      NameState& name = names_[i];
      const NameStep step = advance_to_close(name, intraday, random_);
      draw_next_overnight(name, overnight, random_);
      const Fate fate{random_.next_bits()};
      if (name.is_covered) write_signal(name, n, fate);
      if (name.halted_days > 0) {
        --name.halted_days;
        continue;
      }
      if (i >= kNEverPresent && fate.draw(kHalt) == 0 && fate.draw(kHaltLength) < 512)
        name.halted_days = 1 + static_cast<int>(fate.draw(kHaltLength) % 8);
      write_row(i, n, row, step);
      if (fate.draw(kWhetherMissing) < 80 && i >= kNEverPresent) set_missing(*columns_, row, fate.draw(kWhatMissing));
      ++row;
    }
    columns_->n_rows = row;
    write_caps(first_row, row);
  }

  void write_row(std::size_t i, DateIndex n, std::int64_t row, const NameStep& step) {
    NameState& name = names_[i];
    const auto at = static_cast<std::size_t>(row);
    PanelColumns& out = *columns_;
    const auto put = [&](Real column, double value) { out.reals[column][at] = static_cast<float>(value); };
    out.security_id[at] = static_cast<std::int64_t>(i) + 1;
    out.date[at] = market_.dates[static_cast<std::size_t>(n)];
    const double ret = name.growth - 1.0;
    put(kRet, ret);
    put(kResret, ret - name.common);
    name.growth = 1.0;
    name.common = 0.0;
    // A name without a row on the next day has no next open.
    const bool has_next_open = n < name.life.last && name.halted_days == 0;
    const double openret = (1.0 + step.intraday) * (1.0 + name.overnight) - 1.0;
    put(kOpenret, has_next_open ? openret : kLost);
    put(kResopenret, has_next_open ? openret - step.intraday_common - name.overnight_common : kLost);
    const double mcap = name.price * name.shares;
    put(kMcap, mcap);
    put(kAdv, mcap * portable_exp(name.log_turnover));
    put(kVol, std::sqrt(name.variance) * name.price);
    put(kCloseAdj, name.price);
    for (std::size_t k = 0; k < name.exposure.size(); ++k) out.reals[kSize + k][at] = static_cast<float>(name.exposure[k]);
    const DateIndex age = n - name.life.first;
    const bool is_entrant = name.life.first > 0;
    if (is_entrant && age < kDaysWithoutMomentum) put(kMomentum, kLost);
    out.categories[kIndustry][at] = name.industry + 1;
    out.categories[kSector][at] = sector_of_industry(name.industry) + 1;
    if (name.is_unclassified && age < kDaysUnclassified && i >= kNEverPresent) {
      out.set_missing(kIndustry, row);
      out.set_missing(kSector, row);
    }
  }

  void write_signal(const NameState& name, DateIndex n, const Fate& fate) {
    const auto at = static_cast<std::size_t>(name.signal_begin + n - name.life.first);
    market_.signal[at] = fate.draw(kSignalMissing) < 20 ? std::numeric_limits<double>::quiet_NaN()
                                                        : observe_signal(name, factors_.industry_view(name.industry));
  }

  /// Writes 1, 2, 3 for the largest 20 %, the next 30 % and the rest of the day. Ranks use the true capitalisation,
  /// because the row's own may be missing.
  void write_caps(std::int64_t begin, std::int64_t end) {
    if (begin == end) return;
    mcaps_.clear();
    for (std::int64_t row = begin; row < end; ++row) {
      const NameState& name = names_[static_cast<std::size_t>(columns_->security_id[static_cast<std::size_t>(row)] - 1)];
      mcaps_.push_back(name.price * name.shares);
    }
    sorted_ = mcaps_;
    const std::size_t n = sorted_.size();
    const auto half = sorted_.begin() + static_cast<std::ptrdiff_t>(n / 2);
    std::nth_element(sorted_.begin(), half, sorted_.end());
    const double medium_from = *half;
    const auto fifth = sorted_.begin() + static_cast<std::ptrdiff_t>(n - (n + 4) / 5);
    std::nth_element(half, fifth, sorted_.end());
    const double large_from = *fifth;
    for (std::size_t k = 0; k < n; ++k)
      columns_->categories[kCap][static_cast<std::size_t>(begin) + k] = mcaps_[k] >= large_from    ? 1
                                                                        : mcaps_[k] >= medium_from ? 2
                                                                                                   : 3;
  }

  SyntheticOptions options_;
  Random random_;
  FactorPath factors_;
  DateIndex n_days_ = 0;
  SyntheticMarket market_;
  std::shared_ptr<PanelColumns> columns_;
  std::vector<NameState> names_;
  std::vector<std::size_t> living_;  // ascending
  std::size_t n_entered_ = 0;
  std::vector<double> mcaps_, sorted_;
};

}  // namespace

SyntheticMarket make_synthetic_market(const SyntheticOptions& options) {
  const auto refuse = [](const char* expected, double found, const char* name) {
    throw Error(ErrorCode::INVALID_VALUE,
                fmt::format("expected {}, found {} in \"{}\" of a synthetic market. Change it.", expected, found, name));
  };
  if (options.names_per_day < 3) refuse("3 or more", options.names_per_day, "names_per_day");
  if (!(options.entries_per_year >= 0.0 && options.entries_per_year <= 10.0))
    refuse("0 ... 10", options.entries_per_year, "entries_per_year");
  if (!(options.signal_coverage >= 0.0 && options.signal_coverage <= 1.0))
    refuse("0 ... 1", options.signal_coverage, "signal_coverage");
  return Simulation(options).run();
}

SyntheticOptions demo_options() {
  SyntheticOptions options;
  options.start = day_from_civil(2020, 1, 1);
  options.end = day_from_civil(2021, 12, 31);
  return options;
}

}  // namespace fractile
