// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
//
// Analysis "exposures", methodology section 8: the daily exposures of the overall book to factors and categories.
#include <algorithm>

#include "analysis/analysis_module.hpp"
#include "analysis/result_days.hpp"
#include "engine/panel/as_of.hpp"

namespace fractile {
namespace {

class ExposuresRun final : public AnalysisRun {
 public:
  explicit ExposuresRun(const AnalysisContext& context) : context_(context), factors_(context.days()), net_(context.days()) {
    for (const std::string& name : context.config.exposure_groups) {
      context.panel.require(name, "exposure_groups");
      categories_.push_back(context.panel.category(name));
    }
  }

  bool needs_names() const noexcept override { return false; }
  std::unique_ptr<DayObserver> make_observer(int) override { return std::make_unique<Observer>(*this); }

  void finish(TableSet& tables) override {
    const ResultDays days(context_, tables);
    Table table{{{"date", days.dates()}}};
    const std::vector<std::string>& names = context_.returns.exposure_names();
    for (std::size_t k = 0; k < names.size(); ++k) {
      std::vector<double> values;
      for (const std::size_t t : days.places()) values.push_back(factors_[t].empty() ? 0.0 : factors_[t][k] + 0.0);
      table.columns.push_back({names[k], std::move(values)});
    }
    for (std::size_t c = 0; c < categories_.size(); ++c) add_category(c, days, table);
    tables.add("exposures", std::move(table));
  }

 private:
  struct NetWeight {
    std::int32_t category;
    std::int32_t group;  ///< -1: the value is missing
    double weight;
  };

  class Observer final : public DayObserver {
   public:
    explicit Observer(ExposuresRun& run) : run_(run) {
      for (const auto& category : run.categories_) {
        net_.emplace_back(static_cast<std::size_t>(category->n_groups()) + 1, 0.0);
        is_held_.emplace_back(net_.back().size(), std::uint8_t{0});
      }
    }
    bool needs_outcome() const noexcept override { return true; }
    void observe(const ObservedDay& day) override {
      run_.factors_[day.at].assign(day.outcome.exposure.begin(), day.outcome.exposure.end());
      const AsOf as_of(run_.context_.panel, run_.context_.config);
      for (std::size_t c = 0; c < net_.size(); ++c) {
        const Category& category = *run_.categories_[c];
        for (std::size_t i = 0; i < day.book.row.size(); ++i) {
          const RowIndex asof = as_of.find_row(day.book.row[i], day.book.previous[i], day.n);
          const int group = asof == kNoRow ? -1 : category.group_of(asof);
          net_[c][static_cast<std::size_t>(group + 1)] += day.book.weight[i];
          is_held_[c][static_cast<std::size_t>(group + 1)] = 1;
        }
        for (std::size_t g = 0; g < net_[c].size(); ++g) {
          if (!is_held_[c][g]) continue;
          run_.net_[day.at].push_back({static_cast<std::int32_t>(c), static_cast<std::int32_t>(g) - 1, net_[c][g]});
          net_[c][g] = 0.0;
          is_held_[c][g] = 0;
        }
      }
    }

   private:
    ExposuresRun& run_;
    // By category, then by group + 1; 0 between days.
    std::vector<std::vector<double>> net_;
    std::vector<std::vector<std::uint8_t>> is_held_;
  };

  /// A column for each value that a held name has, and one for missing values.
  void add_category(std::size_t c, const ResultDays& days, Table& table) const {
    const Category& category = *categories_[c];
    std::vector<std::vector<double>> columns(static_cast<std::size_t>(category.n_groups()) + 1);
    for (std::size_t row = 0; row < days.places().size(); ++row)
      for (const NetWeight& net : net_[days.places()[row]]) {
        if (net.category != static_cast<std::int32_t>(c)) continue;
        auto& column = columns[static_cast<std::size_t>(net.group + 1)];
        column.resize(days.places().size(), 0.0);
        column[row] = net.weight + 0.0;
      }
    const std::string prefix = context_.config.exposure_groups[c] + "=";
    for (std::size_t g = 1; g < columns.size(); ++g)
      if (!columns[g].empty()) table.columns.push_back({prefix + category.label(static_cast<int>(g) - 1), std::move(columns[g])});
    if (!columns[0].empty()) table.columns.push_back({prefix + "missing", std::move(columns[0])});
  }

  const AnalysisContext context_;
  std::vector<std::shared_ptr<const Category>> categories_;
  // Per loaded day.
  std::vector<std::vector<double>> factors_;
  std::vector<std::vector<NetWeight>> net_;
};

}  // namespace

AnalysisModule exposures_module() {
  return {"exposures",
          [](const RunConfig& config) { return has_analysis(config, "exposures"); },
          {{"exposures",
            "analysis=[\"exposures\"]",
            "Exposures of the overall book per day, and its net weight per value of each category of exposure_groups "
            "(columns such as `industry_id=10`).",
            {{"date", ColumnType::date, "", "return day"}},
            true}},
          [](const AnalysisContext& context) -> std::unique_ptr<AnalysisRun> { return std::make_unique<ExposuresRun>(context); }};
}

}  // namespace fractile
