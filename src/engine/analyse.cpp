// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "engine/analyse.hpp"

#include <cmath>

namespace fractile {
namespace {

/// Pearson correlation of ranks; NaN where either side is constant.
double correlate_ranks(std::span<const double> a, std::span<const double> b) {
  const double centre = static_cast<double>(a.size() + 1) / 2.0;
  double ab = 0.0, aa = 0.0, bb = 0.0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const double x = a[i] - centre, y = b[i] - centre;
    ab += x * y;
    aa += x * x;
    bb += y * y;
  }
  return aa > 0.0 && bb > 0.0 ? ab / std::sqrt(aa * bb) : __builtin_nan("");
}

}  // namespace

void DailyAnalysis::resize(const RunConfig& config, int n_days) {
  const auto days = static_cast<std::size_t>(n_days);
  names_used.assign(days, 0);
  if (config.ic) {
    ic.assign(days, __builtin_nan(""));
    ic_names.assign(days, 0);
  }
  if (config.fractile_table) {
    n_bins = config.n_fractile;
    const std::size_t bins = days * static_cast<std::size_t>(n_bins);
    bin_names.assign(bins, 0);
    bin_ret.assign(bins, __builtin_nan(""));
    bin_exposure.assign(bins * kNExposures, 0.0);
  }
}

void Analyst::analyse(std::span<const RowIndex> rows, std::span<const double> s, DateIndex n, std::size_t at,
                      DailyAnalysis& out) {
  out.names_used[at] = static_cast<std::int32_t>(rows.size());
  if (config_.ic) correlate(rows, s, at, out);
  if (config_.fractile_table) bin(rows, s, n, at, out);
}

void Analyst::correlate(std::span<const RowIndex> rows, std::span<const double> s, std::size_t at, DailyAnalysis& out) {
  s_.clear();
  r_.clear();
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const double r = performer_.ret()[rows[i]];
    if (r != r) continue;
    s_.push_back(s[i]);
    r_.push_back(r);
  }
  if (s_.size() < kMinIcNames) return;
  average_ranks(s_, scratch_, s_ranks_);
  average_ranks(r_, scratch_, r_ranks_);
  out.ic[at] = correlate_ranks(s_ranks_, r_ranks_);
  out.ic_names[at] = static_cast<std::int32_t>(s_.size());
}

void Analyst::bin(std::span<const RowIndex> rows, std::span<const double> s, DateIndex n, std::size_t at, DailyAnalysis& out) {
  if (rows.empty()) return;
  average_ranks(s, scratch_, s_ranks_);
  const std::size_t first = at * static_cast<std::size_t>(out.n_bins);
  const bool on_return_day = config_.characteristics_asof == CharacteristicsAsof::return_day;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const std::size_t bin = first + static_cast<std::size_t>(bin_of_rank(s_ranks_[i], out.n_bins, rows.size())) - 1;
    const double r = performer_.ret()[rows[i]];
    if (out.bin_names[bin]++ == 0) out.bin_ret[bin] = 0.0;
    if (r == r) out.bin_ret[bin] += r;
    const RowIndex asof = on_return_day ? rows[i] : panel_.asof_row(rows[i], n);
    if (asof != kNoRow) performer_.add_exposures(asof, &out.bin_exposure[bin * kNExposures]);
  }
  for (std::size_t bin = first; bin < first + static_cast<std::size_t>(out.n_bins); ++bin) {
    if (out.bin_names[bin] == 0) continue;
    out.bin_ret[bin] /= out.bin_names[bin];
    for (std::size_t k = 0; k < kNExposures; ++k) out.bin_exposure[bin * kNExposures + k] /= out.bin_names[bin];
  }
}

}  // namespace fractile
