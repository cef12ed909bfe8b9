// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
//
// The order of the stages of a Fama-MacBeth regression: align, collect each day's names, fit, take means.
#include "fractile/fama_macbeth.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <deque>
#include <numeric>
#include <optional>

#include "config/option_values.hpp"
#include "engine/align/cross_sections.hpp"
#include "engine/align/extend_holding.hpp"
#include "engine/panel/as_of.hpp"
#include "engine/panel/earned_returns.hpp"
#include "fractile/error.hpp"
#include "fractile/types.hpp"
#include "parallel/workers.hpp"
#include "regression/day_regression.hpp"
#include "service/leased_alignment.hpp"
#include "stats/moments.hpp"
#include "stats/newey_west.hpp"
#include "types/ieee_arithmetic.hpp"

namespace fractile {
namespace {

constexpr std::string_view kCategories[] = {"cap", "sector_id", "industry_id"};
/// Options that change the signal's values, which a regression takes as they are.
constexpr std::string_view kRefused[] = {"resid",       "factors",     "neutralize_weight", "input_type",
                                         "sort_method", "rank_within", "breakpoints"};

template <class T, std::size_t N>
bool is_one_of(const T& name, const std::string_view (&names)[N]) {
  return std::find(std::begin(names), std::end(names), name) != std::end(names);
}

[[noreturn]] void refuse(const std::string& expected, const std::string& found, const std::string& what_to_do) {
  throw Error(ErrorCode::INVALID_VALUE, fmt::format("expected {}, found {}. {}", expected, found, what_to_do));
}

void refuse_other_options(const RunConfig& config) {
  const RunConfig usual;
  const auto check = [&](const char* name, const std::string& value, const std::string& of_default) {
    if (value != of_default && is_one_of(std::string_view(name), kRefused))
      throw Error(
          ErrorCode::REFUSED_COMBINATION,
          fmt::format("expected no {} in a regression, found {}. Leave it out, or pass what it reads as controls.", name, value));
  };
#define FRACTILE_OPTION(type, name, initial, ...) \
  check(#name, write_value(*find_option(#name), config.name), write_value(*find_option(#name), usual.name));
#include "fractile/run_options.def"
  if (config.weight != Weight::equal && config.weight != Weight::value)
    refuse("weight \"equal\" or \"value\"", "weight = " + write_value(*find_option("weight"), config.weight),
           "The weights are those of least squares.");
}

void check_options(const FamaMacBethOptions& options, std::span<const NamedValues> signals) {
  constexpr std::size_t kMostColumns = 200;
  if (signals.empty()) refuse("one signal or more", "none", "Name the value column.");
  if (signals.size() + options.controls.size() > kMostColumns)
    refuse(fmt::format("up to {} signals and controls", kMostColumns), std::to_string(signals.size() + options.controls.size()),
           "Name fewer.");
  if (!(options.winsorize >= 0.0 && options.winsorize < 50.0))
    refuse("winsorize as percent from 0 to below 50", fmt::format("{}", options.winsorize), "The usual value is 1.");
  if (options.min_names < 0) refuse("min_names of 0 or more", std::to_string(options.min_names), "0 takes the default.");
  std::vector<std::string> names{"intercept", "date", "names", "r2"};
  for (const NamedValues& signal : signals) names.push_back(signal.name);
  for (const std::string& control : options.controls) names.push_back(control);
  for (auto name = names.begin(); name != names.end(); ++name)
    if (std::find(names.begin(), name, *name) != name)
      refuse("signals and controls with different names (and none of intercept, date, names, r2)", "\"" + *name + "\" twice",
             "Rename one of them.");
}

/// A value below which a share p of sorted values lies, between neighbours by a line. `values` is reordered.
double quantile(std::vector<double>& values, double p) {
  const double place = p * static_cast<double>(values.size() - 1);
  const auto below = static_cast<std::size_t>(place);
  const auto at = values.begin() + static_cast<std::ptrdiff_t>(below);
  std::nth_element(values.begin(), at, values.end());
  if (below + 1 == values.size()) return *at;
  const double next = *std::min_element(at + 1, values.end());
  return *at + (place - static_cast<double>(below)) * (next - *at);
}

/// One day with a regression.
struct FittedDay {
  Day date;
  std::int64_t names;
  double r2;
  std::vector<double> coefficients;  // the intercept first
};

enum class DayState : std::uint8_t { no_name, few_names, singular, fitted };

class Regression {
 public:
  Regression(const Backtester::Impl& impl, const SignalKeys& keys, std::span<const NamedValues> signals, const RunConfig& config,
             const FamaMacBethOptions& options, int threads, const std::function<void()>& poll)
      : panel_(impl.panel),
        signals_(signals),
        config_(config),
        options_(options),
        threads_(threads),
        poll_(poll),
        ret_(panel_, config) {
    find_controls();
    if (config.weight == Weight::value) {
      panel_.require("mcap", "weight");
      mcap_ = panel_.number("mcap", "weight");
    }
    const Alignment& alignment = alignment_.emplace(impl, keys, config, threads, poll).get();
    for (const NamedValues& signal : signals) {
      const AlignedSignal aligned = alignment.inspect(signal.values, config, nullptr, threads, poll);
      refuse_bad_rows(aligned.counts, keys, panel_.snapshot().id_type(), config);
      if (config.hold_days != 1) {
        extend_holding(panel_, alignment, signal.values, nullptr, config, threads, slots_.emplace_back(), poll);
        sections_.emplace_back(panel_, slots_.back());
      } else {
        sections_.emplace_back(panel_, alignment, signal.values, nullptr);
      }
    }
  }

  FamaMacBeth run() {
    constexpr int kDays = 4 * Alignment::kBlockDays;
    const int n_days = panel_.n_days();
    days_.resize(static_cast<std::size_t>(n_days));
    states_.assign(static_cast<std::size_t>(n_days), DayState::no_name);
    std::vector<std::unique_ptr<Scratch>> scratches(static_cast<std::size_t>(threads_));
    parallel_for(
        threads_, (n_days + kDays - 1) / kDays,
        [&](int chunk, int slot) {
          auto& scratch = scratches[static_cast<std::size_t>(slot)];
          if (!scratch) scratch = std::make_unique<Scratch>(signals_.size());
          for (CrossSections::Scratch& section : scratch->sections) section.block = -1;
          for (int day = chunk * kDays; day < std::min(n_days, (chunk + 1) * kDays); ++day)
            states_[static_cast<std::size_t>(day)] = fit_day(day, *scratch);
        },
        poll_);
    return summarise();
  }

 private:
  struct Scratch {
    explicit Scratch(std::size_t n_signals) : sections(n_signals), today(n_signals) {}
    std::vector<CrossSections::Scratch> sections;
    std::vector<CrossSection> today;
    std::vector<RowIndex> rows, asof;
    std::vector<std::vector<std::int32_t>> groups;  // by category, then by name
    std::vector<double> numbers;                    // by number control, then by name
    std::vector<double> sorted;
    std::vector<std::uint8_t> is_complete, is_present;
    regression::DayDesign design;
    regression::DayRegression solver;
  };

  void find_controls() {
    for (const std::string& name : options_.controls) {
      panel_.require(name, "controls");
      const ColumnInfo* const column = panel_.snapshot().find_column(name);
      if (column->kind == ColumnKind::text || is_one_of(name, kCategories)) {
        categories_.push_back(panel_.category(name));
      } else {
        numbers_.push_back(panel_.number(name, "controls"));
        number_names_.push_back(name);
      }
    }
  }

  /// Collects the names with every signal, every control and a return.
  void collect_names(DateIndex n, Scratch& scratch) const {
    bool has_duplicates = false;
    for (std::size_t k = 0; k < sections_.size(); ++k)
      scratch.today[k] = sections_[k].read(n, scratch.sections[k], has_duplicates);
    scratch.rows.clear();
    scratch.asof.clear();
    scratch.groups.resize(categories_.size());
    for (auto& of_names : scratch.groups) of_names.clear();
    scratch.design.y.clear();
    scratch.design.weights.clear();
    const AsOf as_of(panel_, config_);
    for (std::size_t slot = 0; slot < scratch.today.front().values.size(); ++slot) {
      const bool has_signals = std::all_of(scratch.today.begin(), scratch.today.end(),
                                           [&](const CrossSection& day) { return day.values[slot] == day.values[slot]; });
      if (has_signals) add_name(scratch.today.front().first + static_cast<RowIndex>(slot), as_of, n, scratch);
    }
    read_numbers(scratch);
  }

  void add_name(RowIndex row, const AsOf& as_of, DateIndex n, Scratch& scratch) const {
    const double ret = ret_[row];
    if (ret != ret) return;
    const bool needs_asof = mcap_ || !numbers_.empty() || !categories_.empty();
    const RowIndex asof = needs_asof ? as_of.find_row(row, n) : row;
    if (asof == kNoRow || (mcap_ && !(mcap_[asof] > 0.0))) return;
    for (const auto& category : categories_)
      if (category->group_of(asof) < 0) return;
    scratch.rows.push_back(row);
    scratch.asof.push_back(asof);
  }

  /// Reads the number controls of the names by column, and drops the names that lack one.
  void read_numbers(Scratch& scratch) const {
    const std::size_t n = scratch.rows.size();
    scratch.numbers.resize(n * numbers_.size());
    scratch.is_complete.assign(n, 1);
    for (std::size_t k = 0; k < numbers_.size(); ++k) {
      double* const x = scratch.numbers.data() + k * n;
      for (std::size_t i = 0; i < n; ++i) {
        x[i] = numbers_[k][scratch.asof[i]];
        scratch.is_complete[i] &= x[i] == x[i];
      }
    }
    const auto keep = [&](auto* values) {
      std::size_t at = 0;
      for (std::size_t i = 0; i < n; ++i)
        if (scratch.is_complete[i]) values[at++] = values[i];
      return at;
    };
    std::size_t n_complete = n;
    if (std::find(scratch.is_complete.begin(), scratch.is_complete.end(), 0) != scratch.is_complete.end()) {
      n_complete = keep(scratch.rows.data());
      keep(scratch.asof.data());
      for (std::size_t k = 0; k < numbers_.size(); ++k) {
        keep(scratch.numbers.data() + k * n);
        std::copy_n(scratch.numbers.data() + k * n, n_complete, scratch.numbers.data() + k * n_complete);
      }
    }
    scratch.rows.resize(n_complete);
    scratch.asof.resize(n_complete);
    scratch.numbers.resize(n_complete * numbers_.size());
    for (const RowIndex row : scratch.rows) scratch.design.y.push_back(ret_[row]);
    for (const RowIndex asof : scratch.asof) {
      if (mcap_) scratch.design.weights.push_back(mcap_[asof]);
      for (std::size_t c = 0; c < categories_.size(); ++c) scratch.groups[c].push_back(categories_[c]->group_of(asof));
    }
  }

  /// Clips and standardises one column of the day, as the options ask.
  void prepare(std::span<double> x, std::vector<double>& sorted) const {
    if (options_.winsorize > 0.0) {
      sorted.assign(x.begin(), x.end());
      const double low = quantile(sorted, options_.winsorize / 100.0);
      const double high = quantile(sorted, 1.0 - options_.winsorize / 100.0);
      for (double& value : x) value = std::clamp(value, low, high);
    }
    if (!options_.standardize) return;
    const double centre = mean(x), deviation = standard_deviation(x);
    // A constant column stays as it is: it is collinear with the intercept.
    if (!(deviation > 0.0)) return;
    for (double& value : x) value = (value - centre) / deviation;
  }

  /// Fills the columns: signals, numbers, and dummies of the categories after the first, which becomes the group. Returns the
  /// number of regressors.
  std::size_t make_columns(Scratch& scratch) const {
    regression::DayDesign& design = scratch.design;
    const std::size_t n = scratch.rows.size();
    design.x.resize(n * (sections_.size() + numbers_.size()));
    for (std::size_t k = 0; k < sections_.size(); ++k) {
      const std::span<double> x(design.x.data() + k * n, n);
      const CrossSection& day = scratch.today[k];
      for (std::size_t i = 0; i < n; ++i) x[i] = day.values[static_cast<std::size_t>(scratch.rows[i] - day.first)];
      prepare(x, scratch.sorted);
    }
    for (std::size_t k = 0; k < numbers_.size(); ++k) {
      const std::span<double> x(design.x.data() + (sections_.size() + k) * n, n);
      std::copy_n(scratch.numbers.data() + k * n, n, x.data());
      prepare(x, scratch.sorted);
    }
    std::size_t n_regressors = sections_.size() + numbers_.size();
    design.group.clear();
    design.n_groups = 1;
    for (std::size_t c = 0; c < categories_.size(); ++c) {
      const std::vector<std::int32_t>& groups = scratch.groups[c];
      scratch.is_present.assign(static_cast<std::size_t>(categories_[c]->n_groups()), 0);
      for (const std::int32_t group : groups) scratch.is_present[static_cast<std::size_t>(group)] = 1;
      const auto n_present = static_cast<std::size_t>(std::accumulate(scratch.is_present.begin(), scratch.is_present.end(), 0));
      n_regressors += n_present - std::min<std::size_t>(n_present, 1);
      if (c == 0) {
        design.group = groups;
        design.n_groups = categories_[c]->n_groups();
      } else {
        add_dummies(groups, scratch.is_present, design);
      }
    }
    return n_regressors;
  }

  static void add_dummies(const std::vector<std::int32_t>& groups, const std::vector<std::uint8_t>& is_present,
                          regression::DayDesign& design) {
    bool is_first = true;
    for (std::size_t g = 0; g < is_present.size(); ++g) {
      if (!is_present[g]) continue;
      if (!is_first)
        for (const std::int32_t group : groups) design.x.push_back(group == static_cast<std::int32_t>(g) ? 1.0 : 0.0);
      is_first = false;
    }
  }

  DayState fit_day(int day, Scratch& scratch) {
    const DateIndex n = panel_.first() + day;
    collect_names(n, scratch);
    const bool has_signal = std::any_of(scratch.today.begin(), scratch.today.end(), [](const CrossSection& section) {
      return std::any_of(section.values.begin(), section.values.end(), [](double value) { return value == value; });
    });
    if (!has_signal) return DayState::no_name;
    const std::size_t n_names = scratch.rows.size();
    constexpr std::int64_t kFewNames = 10, kFreedom = 2;
    if (n_names == 0) return DayState::few_names;
    const auto n_regressors = static_cast<std::int64_t>(make_columns(scratch));
    const std::int64_t least = options_.min_names > 0 ? options_.min_names : std::max(kFewNames, n_regressors + kFreedom);
    if (static_cast<std::int64_t>(n_names) < least) return DayState::few_names;
    if (static_cast<std::int64_t>(n_names) <= n_regressors || !scratch.solver.fit(scratch.design)) return DayState::singular;
    const auto coefficients = scratch.solver.coefficients().first(sections_.size() + numbers_.size());
    FittedDay& out = days_[static_cast<std::size_t>(day)];
    out = {panel_.date(n), static_cast<std::int64_t>(n_names), scratch.solver.r2(), {scratch.solver.intercept()}};
    out.coefficients.insert(out.coefficients.end(), coefficients.begin(), coefficients.end());
    return DayState::fitted;
  }

  FamaMacBeth summarise() const {
    FamaMacBeth out;
    std::vector<const FittedDay*> fitted;
    for (std::size_t t = 0; t < days_.size(); ++t) {
      out.few_names += states_[t] == DayState::few_names;
      out.singular += states_[t] == DayState::singular;
      if (states_[t] == DayState::fitted) fitted.push_back(&days_[t]);
    }
    if (fitted.empty())
      throw Error(ErrorCode::NO_USABLE_ROWS,
                  fmt::format("expected a day with a regression, found {} days with fewer than min_names names and {} with "
                              "collinear regressors. Check the dates and the ids, name fewer controls or pass a lower min_names.",
                              out.few_names, out.singular));
    add_tables(fitted, out);
    return out;
  }

  void add_tables(const std::vector<const FittedDay*>& fitted, FamaMacBeth& out) const {
    Column::Dates dates;
    std::vector<std::int64_t> names;
    std::vector<double> r2;
    for (const FittedDay* day : fitted) {
      dates.days.push_back(day->date);
      names.push_back(day->names);
      r2.push_back(day->r2);
    }
    out.mean_names =
        static_cast<double>(std::accumulate(names.begin(), names.end(), std::int64_t{0})) / static_cast<double>(names.size());
    out.mean_r2 = mean(r2);
    out.daily.columns = {{"date", std::move(dates)}, {"names", std::move(names)}, {"r2", std::move(r2)}};
    std::vector<std::string> rows{"intercept"};
    for (const NamedValues& signal : signals_) rows.push_back(signal.name);
    rows.insert(rows.end(), number_names_.begin(), number_names_.end());
    std::vector<double> means, errors, t, errors_nw, t_nw;
    for (std::size_t k = 0; k < rows.size(); ++k) {
      std::vector<double> series;
      for (const FittedDay* day : fitted) series.push_back(day->coefficients[k]);
      const NeweyWest robust = newey_west(series, options_.lags);
      means.push_back(mean(series));
      errors.push_back(series.size() < 2 ? kNaN : standard_deviation(series) / std::sqrt(static_cast<double>(series.size())));
      t.push_back(means.back() / errors.back());
      errors_nw.push_back(robust.se);
      t_nw.push_back(robust.t);
      out.daily.columns.push_back({rows[k], std::move(series)});
    }
    const std::vector<std::int64_t> periods(rows.size(), static_cast<std::int64_t>(fitted.size()));
    out.table.columns = {{"name", std::move(rows)}, {"mean", std::move(means)},      {"se", std::move(errors)},
                         {"t", std::move(t)},       {"se_nw", std::move(errors_nw)}, {"t_nw", std::move(t_nw)},
                         {"periods", periods}};
  }

  const PanelView& panel_;
  std::span<const NamedValues> signals_;
  const RunConfig& config_;
  const FamaMacBethOptions& options_;
  int threads_;
  const std::function<void()>& poll_;
  EarnedReturns ret_;
  Characteristic mcap_;
  std::vector<std::shared_ptr<const Category>> categories_;
  std::vector<Characteristic> numbers_;
  std::vector<std::string> number_names_;
  std::optional<LeasedAlignment> alignment_;
  std::deque<Slots> slots_;  // by signal, if hold_days copies rows
  std::vector<CrossSections> sections_;
  std::vector<FittedDay> days_;
  std::vector<DayState> states_;
};

}  // namespace

FamaMacBeth fama_macbeth(const Backtester& backtester, const SignalKeys& keys, std::span<const NamedValues> signals,
                         const RunConfig& config, const FamaMacBethOptions& options, const Interrupt& interrupt) {
  const IeeeArithmetic arithmetic;
  const auto began = std::chrono::steady_clock::now();
  validate(config);
  refuse_other_options(config);
  check_options(options, signals);
  if (keys.n_rows > kMaxSignalRows)
    throw Error(ErrorCode::SIGNAL_TOO_LARGE,
                fmt::format("expected up to {} rows in the signal, found {}. Split it by date.", kMaxSignalRows, keys.n_rows));
  const std::function<void()> poll = make_poll(interrupt);
  const int threads = std::min(config.threads > 0 ? config.threads : default_threads(), kMaxThreads);
  const Backtester::Impl& impl = backtester.impl();
  FamaMacBeth out;
  impl.panel.snapshot().read_guarded([&] { out = Regression(impl, keys, signals, config, options, threads, poll).run(); });
  out.config_json = config_to_json(config);
  out.snapshot = impl.panel.snapshot().id();
  out.elapsed_seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
  return out;
}

}  // namespace fractile
