// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
//
// Analysis "coverage", methodology section 8: the number of names that the signal covers.
#include <algorithm>

#include "analysis/analysis_module.hpp"

namespace fractile {
namespace {

class CoverageRun final : public AnalysisRun {
 public:
  explicit CoverageRun(const AnalysisContext& context)
      : context_(context), names_(context.days(), 0), has_security_(static_cast<std::size_t>(context.n_slots)) {}

  bool needs_names() const noexcept override { return false; }

  std::unique_ptr<DayObserver> make_observer(int slot) override {
    std::vector<std::uint8_t>& has_security = has_security_[static_cast<std::size_t>(slot)];
    has_security.assign(context_.panel.ranges().size(), 0);
    return std::make_unique<Observer>(*this, has_security);
  }

  void finish(TableSet& tables) override {
    const PanelView& panel = context_.panel;
    Column::Dates dates;
    std::vector<std::int64_t> names;
    std::vector<double> share;
    for (std::size_t t = 0; t < names_.size(); ++t) {
      if (names_[t] == 0) continue;
      const DateIndex n = panel.first() + static_cast<DateIndex>(t);
      dates.days.push_back(panel.date(n));
      names.push_back(names_[t]);
      share.push_back(static_cast<double>(names_[t]) / (panel.row_end(n) - panel.row_begin(n)));
    }
    tables.add("coverage", {{{"date", std::move(dates)}, {"names", std::move(names)}, {"share", std::move(share)}}});
    tables.add("coverage_unique", {{{"names", std::vector<std::int64_t>{count_unique()}}}});
  }

 private:
  class Observer final : public DayObserver {
   public:
    Observer(CoverageRun& run, std::vector<std::uint8_t>& has_security) : run_(run), has_security_(has_security) {}
    void observe(const ObservedDay& day) override {
      run_.names_[day.at] = static_cast<std::int32_t>(day.n_names);
      for (std::size_t j = 0; j < day.slot_values.size(); ++j) {
        if (day.slot_values[j] != day.slot_values[j]) continue;
        const RowIndex row = day.first_row + static_cast<RowIndex>(j);
        has_security_[static_cast<std::size_t>(run_.context_.panel.security_of_row(row))] = 1;
      }
    }

   private:
    CoverageRun& run_;
    std::vector<std::uint8_t>& has_security_;
  };

  std::int64_t count_unique() const {
    std::vector<std::uint8_t> any(context_.panel.ranges().size(), 0);
    for (const auto& of_slot : has_security_)
      for (std::size_t i = 0; i < of_slot.size(); ++i) any[i] |= of_slot[i];
    return std::count(any.begin(), any.end(), std::uint8_t{1});
  }

  AnalysisContext context_;
  std::vector<std::int32_t> names_;                      // per loaded day
  std::vector<std::vector<std::uint8_t>> has_security_;  // per thread slot, per security
};

}  // namespace

AnalysisModule coverage_module() {
  return {"coverage",
          [](const RunConfig& config) { return has_analysis(config, "coverage"); },
          {{"coverage",
            "analysis=[\"coverage\"]",
            "Names used per day and their share of the panel's rows of that day.",
            {{"date", ColumnType::date, "", "return day"},
             {"names", ColumnType::whole, "", "names used"},
             {"share", ColumnType::real, "fraction", "names / panel rows of the day"}}},
           {"coverage_unique",
            "analysis=[\"coverage\"]",
            "Number of different names used on any day.",
            {{"names", ColumnType::whole, "", "unique names"}},
            false,
            true}},
          [](const AnalysisContext& context) -> std::unique_ptr<AnalysisRun> { return std::make_unique<CoverageRun>(context); }};
}

}  // namespace fractile
