// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
//
// Analysis "double_sort", methodology section 8: returns by bins of double_var and of the signal.
#include <algorithm>

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
    cells_.assign(day.rows.size(), -1);
    read_double_values(day);
    find_bins(day, first_places_, double_values_, config_.double_frac);
    first_.swap(bins_);
    const bool is_dependent = config_.double_style == DoubleStyle::dependent;
    order_by_first(is_dependent ? static_cast<std::size_t>(config_.double_frac) : 1);
    s_.resize(places_.size());
    for (std::size_t i = 0; i < places_.size(); ++i) s_[i] = day.values[static_cast<std::size_t>(places_[i])];
    for (std::size_t part = 0; part + 1 < begin_.size(); ++part) {
      const std::size_t begin = begin_[part], n = begin_[part + 1] - begin;
      const std::span<const std::int32_t> places = std::span(places_).subspan(begin, n);
      find_bins(day, places, std::span(s_).subspan(begin, n), config_.n_fractile);
      for (std::size_t i = 0; i < n; ++i)
        if (bins_[i] >= 0)
          cells_[static_cast<std::size_t>(places[i])] = ordered_first_[begin + i] * config_.n_fractile + bins_[i];
    }
    return cells_;
  }

 private:
  /// The places and values of the names that have a double_var.
  void read_double_values(const ObservedDay& day) {
    const std::size_t n = day.rows.size();
    asof_rows_.resize(n);
    as_of_.find_rows(day.rows, day.n, asof_rows_.data());
    first_places_.resize(n + 1);
    double_values_.resize(n + 1);
    std::size_t n_known = 0;
    for (std::size_t i = 0; i < n; ++i) {
      const double value = asof_rows_[i] == kNoRow ? kNaN : double_var_[asof_rows_[i]];
      first_places_[n_known] = static_cast<std::int32_t>(i);
      double_values_[n_known] = value;
      n_known += value == value;
    }
    first_places_.resize(n_known);
    double_values_.resize(n_known);
  }

  /// Lists the names of each first bin together, in the order of their places; all names together if `n_parts` is 1.
  void order_by_first(std::size_t n_parts) {
    const auto part_of = [&](std::int32_t bin) { return n_parts == 1 ? std::size_t{0} : static_cast<std::size_t>(bin); };
    begin_.assign(n_parts + 1, 0);
    for (const std::int32_t bin : first_)
      if (bin >= 0) ++begin_[part_of(bin) + 1];
    for (std::size_t part = 0; part < n_parts; ++part) begin_[part + 1] += begin_[part];
    next_.assign(begin_.begin(), begin_.end() - 1);
    places_.resize(begin_.back());
    ordered_first_.resize(begin_.back());
    for (std::size_t j = 0; j < first_.size(); ++j) {
      if (first_[j] < 0) continue;
      const std::size_t at = next_[part_of(first_[j])]++;
      places_[at] = first_places_[j];
      ordered_first_[at] = first_[j];
    }
  }

  /// Writes the bins of values to bins_, from 0; `places` are those of their names. -1 if no name is a reference.
  void find_bins(const ObservedDay& day, std::span<const std::int32_t> places, std::span<const double> values, int k) {
    if (day.is_reference.empty()) {
      bins_of_average_ranks(values, k, scratch_, bins_);
      return;
    }
    references_.clear();
    for (std::size_t i = 0; i < values.size(); ++i)
      if (day.is_reference[static_cast<std::size_t>(places[i])]) references_.push_back(values[i]);
    bins_.assign(values.size(), -1);
    if (references_.empty()) return;
    std::sort(references_.begin(), references_.end());
    ranks_against(references_, values, ranks_);
    for (std::size_t i = 0; i < values.size(); ++i) bins_[i] = bin_of_rank(ranks_[i], k, references_.size()) - 1;
  }

  const RunConfig& config_;
  AsOf as_of_;
  Characteristic double_var_;
  RankScratch scratch_;
  std::vector<std::int32_t> cells_;  // by name of the day
  std::vector<RowIndex> asof_rows_;  // the same
  // By name that has a double_var.
  std::vector<std::int32_t> first_places_, first_;
  std::vector<double> double_values_;
  // The same names by first bin.
  std::vector<std::size_t> begin_, next_;  // by first bin
  std::vector<std::int32_t> places_, ordered_first_;
  std::vector<double> s_;
  // The answer and the memory of find_bins().
  std::vector<std::int32_t> bins_;
  std::vector<double> ranks_, references_;
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
    explicit Observer(DoubleSortRun& run) : run_(run), bins_(run.context_), cells_(run.context_, run.n_first_ * run.n_second_) {}
    void observe(const ObservedDay& day) override {
      if (day.rows.empty()) return;
      cells_.assign(day, bins_.assign(day));
      for (std::size_t c = 0; c < cells_.n_cells(); ++c)
        if (cells_.n_names(c) > 0)
          run_.days_[day.at].push_back(
              {static_cast<std::int32_t>(c), static_cast<std::int32_t>(cells_.n_names(c)), cells_.earn(c)});
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
