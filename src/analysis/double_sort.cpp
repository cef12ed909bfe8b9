// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
//
// Analysis "double_sort", methodology section 8: returns by bins of double_var and of the signal.
#include <algorithm>
#include <limits>
#include <utility>

#include "analysis/cells.hpp"
#include "engine/portfolio/rank.hpp"
#include "fractile/types.hpp"
#include "stats/moments.hpp"

namespace fractile {
namespace {

/// The cell of each name of a day: (bin1 - 1) * k2 + bin2 - 1. One thread uses one object.
class DoubleBins {
 public:
  explicit DoubleBins(const AnalysisContext& context)
      : config_(context.config),
        as_of_(context.panel, context.config),
        double_var_(context.panel.characteristic(context.config.double_var)) {}

  /// -1 for a name whose double_var is missing, or that no reference name is ranked with. Valid until the next call.
  std::span<const std::int32_t> assign(const ObservedDay& day) {
    read_double_values(day);
    find_bins(day, double_values_, {}, 1, config_.double_frac, first_);
    if (config_.double_style == DoubleStyle::dependent)
      find_bins(day, s_, first_, static_cast<std::size_t>(config_.double_frac), config_.n_fractile, second_);
    else
      find_bins(day, s_, {}, 1, config_.n_fractile, second_);
    cells_.assign(day.rows.size(), -1);
    const std::int32_t n_second = config_.n_fractile;
    for (std::size_t j = 0; j < places_.size(); ++j)
      cells_[static_cast<std::size_t>(places_[j])] = second_[j] < 0 ? -1 : first_[j] * n_second + second_[j];
    return cells_;
  }

 private:
  /// The places, signals and values of the names that have a double_var.
  void read_double_values(const ObservedDay& day) {
    const std::size_t n = day.rows.size();
    asof_rows_.resize(n);
    as_of_.find_rows(day.rows, day.n, asof_rows_.data());
    places_.resize(n + 1);
    double_values_.resize(n + 1);
    s_.resize(n + 1);
    std::size_t n_known = 0;
    double_var_.visit([&](auto value_of) {
      for (std::size_t i = 0; i < n; ++i) {
        const RowIndex row = asof_rows_[i];
        const double value = value_of(std::max(row, RowIndex{0}));
        places_[n_known] = static_cast<std::int32_t>(i);
        double_values_[n_known] = value;
        s_[n_known] = day.values[i];
        n_known += (value == value) & (row != kNoRow);
      }
    });
    places_.resize(n_known);
    double_values_.resize(n_known);
    s_.resize(n_known);
  }

  /// Writes the bins of values among the names of the same group, from 0; -1 if no name of the group is a reference.
  void find_bins(const ObservedDay& day, std::span<const double> values, std::span<const std::int32_t> group,
                 std::size_t n_groups, int k, std::vector<std::int32_t>& bins) {
    if (day.is_reference.empty())
      bins_within_groups(values, group, n_groups, k, scratch_, bins);
    else
      find_bins_by_references(day.is_reference, values, group, k, bins);
  }

  void find_bins_by_references(std::span<const std::uint8_t> is_reference, std::span<const double> values,
                               std::span<const std::int32_t> group, int k, std::vector<std::int32_t>& bins) {
    const auto group_of = [&](std::size_t j) { return group.empty() ? 0 : group[j]; };
    references_.clear();
    for (std::size_t j = 0; j < values.size(); ++j)
      if (is_reference[static_cast<std::size_t>(places_[j])]) references_.emplace_back(group_of(j), values[j]);
    std::sort(references_.begin(), references_.end());
    bins.resize(values.size());
    for (std::size_t j = 0; j < values.size(); ++j) {
      constexpr double kInfinity = std::numeric_limits<double>::infinity();
      const auto begin = std::lower_bound(references_.begin(), references_.end(), Reference(group_of(j), -kInfinity));
      const auto end = std::upper_bound(begin, references_.end(), Reference(group_of(j), kInfinity));
      const double rank = rank_against(begin, end, Reference(group_of(j), values[j]));
      bins[j] = begin == end ? -1 : bin_of_rank(rank, k, static_cast<std::size_t>(end - begin)) - 1;
    }
  }

  using Reference = std::pair<std::int32_t, double>;  // its group and its value

  const RunConfig& config_;
  AsOf as_of_;
  Characteristic double_var_;
  RankScratch scratch_;
  std::vector<std::int32_t> cells_;  // by name of the day
  std::vector<RowIndex> asof_rows_;  // the same
  // By name that has a double_var.
  std::vector<std::int32_t> places_, first_, second_;
  std::vector<double> double_values_, s_;
  std::vector<Reference> references_;
};

/// The days of one row of the table.
struct CellSeries {
  std::vector<double> ret;
  double names = 0.0;
  void add(double r, double n) {
    ret.push_back(r);
    names += n;
  }
};

class DoubleSortRun final : public AnalysisRun {
 public:
  explicit DoubleSortRun(const AnalysisContext& context)
      : context_(context),
        n_first_(static_cast<std::size_t>(context.config.double_frac)),
        n_second_(static_cast<std::size_t>(context.config.n_fractile)),
        days_(context.days()) {
    context.panel.require(context.config.double_var, "double_var");
  }

  std::unique_ptr<DayObserver> make_observer(int) override { return std::make_unique<Observer>(*this); }

  void finish(TableSet& tables) override {
    const std::size_t n_columns = n_second_ + 1;  // high-low last
    std::vector<CellSeries> rows((n_first_ + 1) * n_columns);
    std::vector<double> ret(n_first_ * n_columns), names(ret.size());
    for (const std::vector<CellDay>& day : days_) {
      if (day.empty()) continue;
      std::fill(ret.begin(), ret.end(), kNaN);
      for (const CellDay& cell : day) {
        const auto at = static_cast<std::size_t>(cell.cell);
        const std::size_t place = at / n_second_ * n_columns + at % n_second_;
        ret[place] = cell.ret;
        names[place] = cell.names;
      }
      for (std::size_t first = 0; first < n_first_; ++first) {
        const std::size_t low = first * n_columns, high = low + n_second_ - 1;
        ret[high + 1] = ret[high] - ret[low];
        names[high + 1] = names[high] + names[low];
      }
      for (std::size_t place = 0; place < ret.size(); ++place)
        if (ret[place] == ret[place]) rows[place].add(ret[place], names[place]);
      for (std::size_t column = 0; column < n_columns; ++column) {
        double all_ret = 0.0, all_names = 0.0;
        for (std::size_t first = 0; first < n_first_; ++first) {
          all_ret += ret[first * n_columns + column];
          all_names += names[first * n_columns + column];
        }
        if (all_ret != all_ret) continue;  // one of the bins is empty
        const auto n = static_cast<double>(n_first_);
        rows[n_first_ * n_columns + column].add(all_ret / n, all_names / n);
      }
    }
    add_rows(rows, tables);
  }

 private:
  struct CellDay {
    std::int32_t cell;
    std::int32_t names;
    double ret;
  };

  class Observer final : public DayObserver {
   public:
    explicit Observer(DoubleSortRun& run)
        : run_(run), bins_(run.context_), cells_(run.context_, run.n_first_ * run.n_second_, Cells::Trades::not_needed) {}
    void observe(const ObservedDay& day) override {
      if (day.rows.empty()) return;
      cells_.assign(day, bins_.assign(day));
      for (std::size_t c = 0; c < cells_.n_cells(); ++c)
        if (cells_.n_names(c) > 0)
          run_.days_[day.at].push_back(
              {static_cast<std::int32_t>(c), static_cast<std::int32_t>(cells_.n_names(c)), cells_.ret(c)});
    }

   private:
    DoubleSortRun& run_;
    DoubleBins bins_;
    Cells cells_;
  };

  void add_rows(const std::vector<CellSeries>& rows, TableSet& tables) const {
    std::vector<std::string> bin1, bin2;
    std::vector<double> ret, ret_ann, t_nw, names;
    for (std::size_t place = 0; place < rows.size(); ++place) {
      const std::size_t first = place / (n_second_ + 1), second = place % (n_second_ + 1);
      const CellSeries& row = rows[place];
      const double average = mean(row.ret) + 0.0;
      bin1.push_back(first < n_first_ ? std::to_string(first + 1) : "average");
      bin2.push_back(second < n_second_ ? std::to_string(second + 1) : "high-low");
      ret.push_back(average);
      ret_ann.push_back(context_.periods_per_year * average);
      t_nw.push_back(newey_west_t_statistic(row.ret) + 0.0);
      names.push_back(row.ret.empty() ? 0.0 : row.names / static_cast<double>(row.ret.size()));
    }
    tables.add("double_sort", {{{"bin1", std::move(bin1)},
                                {"bin2", std::move(bin2)},
                                {"ret", std::move(ret)},
                                {"ret_ann", std::move(ret_ann)},
                                {"t_nw", std::move(t_nw)},
                                {"names", std::move(names)}}});
  }

  const AnalysisContext context_;
  std::size_t n_first_, n_second_;
  std::vector<std::vector<CellDay>> days_;  // per loaded day: the cells that hold a name
};

}  // namespace

AnalysisModule double_sort_module() {
  return {
      "double_sort",
      [](const RunConfig& config) { return has_analysis(config, "double_sort"); },
      {{"double_sort",
        "analysis=[\"double_sort\"]",
        "Returns by double_frac bins of double_var and, within each, n_fractile bins of the signal.",
        {{"bin1", ColumnType::text, "", "bin of double_var, 1 is the lowest; average: the mean over them"},
         {"bin2", ColumnType::text, "", "bin of the signal, 1 is the lowest; high-low: the highest less the lowest"},
         {"ret", ColumnType::real, "fraction per period", "mean over the days on which the cell holds a name"},
         {"ret_ann", ColumnType::real, "fraction per year", "ret, annualised"},
         {"t_nw", ColumnType::real, "", "t of ret with the Newey and West error"},
         {"names", ColumnType::real, "", "mean names over those days"}}}},
      [](const AnalysisContext& context) -> std::unique_ptr<AnalysisRun> { return std::make_unique<DoubleSortRun>(context); }};
}

}  // namespace fractile
