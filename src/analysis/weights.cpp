// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
//
// `keep_weights`, and analysis "drilldown": the weights of the overall book.
#include "analysis/analysis_module.hpp"
#include "analysis/security_column.hpp"

namespace fractile {
namespace {

class WeightsRun final : public AnalysisRun {
 public:
  explicit WeightsRun(const AnalysisContext& context) : context_(context), days_(context.days()) {}

  bool needs_names() const noexcept override { return false; }
  std::unique_ptr<DayObserver> make_observer(int) override { return std::make_unique<Observer>(*this); }

  void finish(TableSet& tables) override {
    std::size_t count = 0;
    for (const HeldDay& day : days_) count += day.weight.size();
    Column::Dates dates;
    std::vector<SecurityIndex> securities;
    std::vector<double> weights;
    dates.days.reserve(count);
    securities.reserve(count);
    weights.reserve(count);
    for (std::size_t t = 0; t < days_.size(); ++t) {
      const HeldDay& day = days_[t];
      dates.days.insert(dates.days.end(), day.weight.size(),
                        context_.panel.date(context_.panel.first() + static_cast<DateIndex>(t)));
      securities.insert(securities.end(), day.security.begin(), day.security.end());
      weights.insert(weights.end(), day.weight.begin(), day.weight.end());
    }
    tables.add("weights", {{{"date", std::move(dates)},
                            make_security_column(context_.panel.snapshot(), securities),
                            {"weight", std::move(weights)}}});
  }

 private:
  struct HeldDay {
    std::vector<SecurityIndex> security;
    std::vector<double> weight;
  };
  class Observer final : public DayObserver {
   public:
    explicit Observer(WeightsRun& run) : run_(run) {}
    void observe(const ObservedDay& day) override { run_.days_[day.at] = {day.book.security, day.book.weight}; }

   private:
    WeightsRun& run_;
  };

  AnalysisContext context_;
  std::vector<HeldDay> days_;  // per loaded day
};

}  // namespace

AnalysisModule weights_module() {
  return {"",
          [](const RunConfig& config) { return config.keep_weights || has_analysis(config, "drilldown"); },
          {{"weights",
            "keep_weights=True or analysis=[\"drilldown\"]",
            "Weights of the overall book, securities ascending within a day.",
            {{"date", ColumnType::date, "", "return day"},
             {"security_id", ColumnType::security, "", "the identifier as the panel gives it"},
             {"weight", ColumnType::real, "share of a side", "above 0 long, below 0 short"}}}},
          [](const AnalysisContext& context) -> std::unique_ptr<AnalysisRun> { return std::make_unique<WeightsRun>(context); }};
}

}  // namespace fractile
