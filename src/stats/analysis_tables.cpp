// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "stats/analysis_tables.hpp"

#include <cmath>
#include <limits>

#include "stats/moments.hpp"

namespace fractile {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

/// A running mean of what was there.
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
  std::array<Mean, kNExposures> exposure;
};

}  // namespace

Table build_ic(const DailyAnalysis& daily, const PanelView& panel) {
  Column::Dates dates;
  std::vector<double> ic;
  std::vector<std::int64_t> names;
  for (std::size_t t = 0; t < daily.ic.size(); ++t) {
    if (daily.ic[t] != daily.ic[t]) continue;
    dates.days.push_back(panel.date(panel.first() + static_cast<DateIndex>(t)));
    ic.push_back(daily.ic[t]);
    names.push_back(daily.ic_names[t]);
  }
  return {{{"date", std::move(dates)}, {"ic", std::move(ic)}, {"names", std::move(names)}}};
}

Table build_ic_summary(const DailyAnalysis& daily) {
  std::vector<double> ic;
  for (const double x : daily.ic)
    if (x == x) ic.push_back(x);
  const double deviation = standard_deviation(ic);
  const auto one = [](double x) { return std::vector<double>{x + 0.0}; };
  return {{{"mean", one(mean(ic))},
           {"std", one(deviation)},
           {"icir", one(deviation >= 1e-15 ? mean(ic) / deviation : kNaN)},
           {"t_stat", one(t_statistic(ic))},
           {"t_stat_nw", one(newey_west_t_statistic(ic))},
           {"hit_rate", one(share_positive(ic))}}};
}

Table build_fractile_table(const DailyAnalysis& daily, const SeriesShape& shape) {
  const auto n_bins = static_cast<std::size_t>(daily.n_bins);
  std::vector<BinMeans> means(n_bins + 1);
  for (std::size_t t = 0; t < daily.names_used.size(); ++t) {
    const std::size_t first = t * n_bins, top = first + n_bins - 1;
    for (std::size_t b = 0; b < n_bins; ++b) {
      if (daily.bin_names[first + b] == 0) continue;
      means[b].ret.add(daily.bin_ret[first + b]);
      means[b].names.add(daily.bin_names[first + b]);
      for (std::size_t k = 0; k < kNExposures; ++k) means[b].exposure[k].add(daily.bin_exposure[(first + b) * kNExposures + k]);
    }
    if (daily.bin_names[first] == 0 || daily.bin_names[top] == 0) continue;
    BinMeans& spread = means[n_bins];
    spread.ret.add(daily.bin_ret[top] - daily.bin_ret[first]);
    spread.names.add(daily.bin_names[top] + daily.bin_names[first]);
    for (std::size_t k = 0; k < kNExposures; ++k)
      spread.exposure[k].add(daily.bin_exposure[top * kNExposures + k] - daily.bin_exposure[first * kNExposures + k]);
  }
  std::vector<std::string> bin;
  std::vector<double> ret, names;
  for (std::size_t b = 0; b <= n_bins; ++b) {
    bin.push_back(b < n_bins ? std::to_string(b + 1) : "top-bottom");
    ret.push_back(means[b].ret.value());
    names.push_back(means[b].names.value());
  }
  Table table{{{"bin", std::move(bin)}, {"ret", std::move(ret)}, {"names", std::move(names)}}};
  for (std::size_t k = 0; k < kNExposures; ++k) {
    if (!shape.has_exposure[k]) continue;
    std::vector<double> values;
    for (const BinMeans& means_of_bin : means) values.push_back(means_of_bin.exposure[k].value());
    table.columns.push_back({std::string(kExposures[k]), std::move(values)});
  }
  return table;
}

Table build_coverage(const DailyAnalysis& daily, const PanelView& panel) {
  Column::Dates dates;
  std::vector<std::int64_t> names;
  std::vector<double> share;
  for (std::size_t t = 0; t < daily.names_used.size(); ++t) {
    if (daily.names_used[t] == 0) continue;
    const DateIndex n = panel.first() + static_cast<DateIndex>(t);
    dates.days.push_back(panel.date(n));
    names.push_back(daily.names_used[t]);
    share.push_back(static_cast<double>(daily.names_used[t]) / (panel.row_end(n) - panel.row_begin(n)));
  }
  return {{{"date", std::move(dates)}, {"names", std::move(names)}, {"share", std::move(share)}}};
}

}  // namespace fractile
