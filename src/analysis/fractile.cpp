// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
//
// Analysis "fractile", methodology section 8: the mean return of each bin of the signal.
#include "analysis/analysis_module.hpp"
#include "analysis/signal_bins.hpp"
#include "engine/panel/as_of.hpp"
#include "fractile/types.hpp"

namespace fractile {
namespace {

/// The mean of the values that were added.
struct Mean {
  double sum = 0.0;
  std::int64_t count = 0;
  void add(double x) {
    sum += x;
    ++count;
  }
  double value() const { return count > 0 ? sum / static_cast<double>(count) : kNaN; }
};

struct BinMeans {
  Mean ret, names;
  std::vector<Mean> exposure;
};

class FractileRun final : public AnalysisRun {
 public:
  explicit FractileRun(const AnalysisContext& context)
      : context_(context),
        n_bins_(static_cast<std::size_t>(context.config.n_fractile)),
        names_(context.days() * n_bins_, 0),
        ret_(context.days() * n_bins_, kNaN),
        n_exposures_(context.returns.exposure_names().size()),
        exposure_(context.days() * n_bins_ * n_exposures_, 0.0) {}

  std::unique_ptr<DayObserver> make_observer(int) override { return std::make_unique<Observer>(*this); }

  void finish(TableSet& tables) override {
    const std::vector<BinMeans> means = average_days();
    std::vector<std::string> bin;
    std::vector<double> ret, names;
    for (std::size_t b = 0; b <= n_bins_; ++b) {
      bin.push_back(b < n_bins_ ? std::to_string(b + 1) : "top-bottom");
      ret.push_back(means[b].ret.value());
      names.push_back(means[b].names.value());
    }
    Table table{{{"bin", std::move(bin)}, {"ret", std::move(ret)}, {"names", std::move(names)}}};
    for (std::size_t k = 0; k < n_exposures_; ++k) {
      std::vector<double> values;
      for (const BinMeans& of_bin : means) values.push_back(of_bin.exposure[k].value());
      table.columns.push_back({context_.returns.exposure_names()[k], std::move(values)});
    }
    tables.add("fractile", std::move(table));
  }

 private:
  class Observer final : public DayObserver {
   public:
    explicit Observer(FractileRun& run) : run_(run), bins_(run.context_) {}
    void observe(const ObservedDay& day) override {
      if (day.rows.empty()) return;
      const std::span<const std::int32_t> bins = bins_.assign(day);
      const AnalysisContext& context = run_.context_;
      const std::size_t first = day.at * run_.n_bins_;
      const AsOf as_of(context.panel, context.config);
      for (std::size_t i = 0; i < day.rows.size(); ++i) {
        if (bins[i] < 0) continue;
        const std::size_t bin = first + static_cast<std::size_t>(bins[i]);
        const double r = context.returns.ret()[day.rows[i]];
        if (run_.names_[bin]++ == 0) run_.ret_[bin] = 0.0;
        if (r == r) run_.ret_[bin] += r;
        const RowIndex asof = as_of.find_row(day.rows[i], day.n);
        if (asof != kNoRow) context.returns.add_exposures(asof, run_.exposure_.data() + bin * run_.n_exposures_);
      }
      for (std::size_t bin = first; bin < first + run_.n_bins_; ++bin) {
        if (run_.names_[bin] == 0) continue;
        run_.ret_[bin] /= run_.names_[bin];
        for (std::size_t k = 0; k < run_.n_exposures_; ++k) run_.exposure_[bin * run_.n_exposures_ + k] /= run_.names_[bin];
      }
    }

   private:
    FractileRun& run_;
    SignalBins bins_;
  };

  /// By bin, and the spread of the top over the bottom bin behind them.
  std::vector<BinMeans> average_days() const {
    std::vector<BinMeans> means(n_bins_ + 1, BinMeans{{}, {}, std::vector<Mean>(n_exposures_)});
    for (std::size_t first = 0; first < names_.size(); first += n_bins_) {
      const std::size_t top = first + n_bins_ - 1;
      for (std::size_t b = 0; b < n_bins_; ++b) {
        if (names_[first + b] == 0) continue;
        means[b].ret.add(ret_[first + b]);
        means[b].names.add(names_[first + b]);
        for (std::size_t k = 0; k < n_exposures_; ++k) means[b].exposure[k].add(exposure_[(first + b) * n_exposures_ + k]);
      }
      if (names_[first] == 0 || names_[top] == 0) continue;
      BinMeans& spread = means[n_bins_];
      spread.ret.add(ret_[top] - ret_[first]);
      spread.names.add(names_[top] + names_[first]);
      for (std::size_t k = 0; k < n_exposures_; ++k)
        spread.exposure[k].add(exposure_[top * n_exposures_ + k] - exposure_[first * n_exposures_ + k]);
    }
    return means;
  }

  AnalysisContext context_;
  std::size_t n_bins_;
  // Per day * n_bins + bin.
  std::vector<std::int32_t> names_;
  std::vector<double> ret_;  // equal-weighted mean of the bin; NaN if it is empty
  std::size_t n_exposures_;
  std::vector<double> exposure_;  // n_exposures_ per bin
};

}  // namespace

AnalysisModule fractile_module() {
  return {"fractile",
          [](const RunConfig& config) { return has_analysis(config, "fractile"); },
          {{"fractile",
            "analysis=[\"fractile\"]",
            "Mean equal-weighted return per day of each of n_fractile bins of the signal, not annualised.",
            {{"bin", ColumnType::text, "", "1 is the lowest; the last row is top-bottom"},
             {"ret", ColumnType::real, "fraction per day", "mean over the days on which the bin holds a name"},
             {"names", ColumnType::real, "", "mean names per day"}},
            true}},
          [](const AnalysisContext& context) -> std::unique_ptr<AnalysisRun> { return std::make_unique<FractileRun>(context); }};
}

}  // namespace fractile
