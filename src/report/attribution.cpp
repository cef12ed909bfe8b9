// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "report/attribution.hpp"

#include <algorithm>
#include <cmath>
#include <map>

#include "fractile/error.hpp"
#include "stats/factor_model.hpp"
#include "stats/moments.hpp"

namespace fractile {
namespace {

[[noreturn]] void refuse_returns(const std::string& expected, const std::string& found, const std::string& remedy) {
  throw Error(ErrorCode::INVALID_VALUE, "expected " + expected + ", found " + found + ". " + remedy);
}

/// The dates on which all series have values.
struct CommonDates {
  std::vector<double> y;
  std::vector<double> x;  // date by date
  std::size_t n_factors;
  std::int64_t left_out;

  Frame factors() const noexcept { return {x.data(), y.size(), n_factors}; }
};

CommonDates join_dates(const ReturnSeries& book, std::span<const ReturnSeries> factors) {
  if (factors.empty()) refuse_returns("one factor or more", "none", "Pass a column of returns per factor.");
  std::map<Day, std::vector<double>> rows;
  const std::size_t width = factors.size() + 1;
  const auto add = [&](const ReturnSeries& series, std::size_t place) {
    std::vector<Day> days = series.days;
    std::sort(days.begin(), days.end());
    if (const auto twice = std::adjacent_find(days.begin(), days.end()); twice != days.end())
      refuse_returns("each date once in \"" + series.name + "\"", format_day(*twice) + " twice", "Leave one out.");
    for (std::size_t t = 0; t < series.days.size(); ++t) {
      if (std::isinf(series.values[t]))
        refuse_returns("finite returns", "an infinite one of \"" + series.name + "\" on " + format_day(series.days[t]),
                       "Replace it by a missing one or by the true return.");
      rows.try_emplace(series.days[t], width, kNaN).first->second[place] = series.values[t];
    }
  };
  add(book, 0);
  for (std::size_t k = 0; k < factors.size(); ++k) add(factors[k], k + 1);
  CommonDates out{{}, {}, factors.size(), 0};
  for (const auto& [day, row] : rows) {
    if (std::any_of(row.begin(), row.end(), [](double value) { return value != value; })) {
      ++out.left_out;
      continue;
    }
    out.y.push_back(row[0]);
    out.x.insert(out.x.end(), row.begin() + 1, row.end());
  }
  return out;
}

}  // namespace

Attribution attribute(const ReturnSeries& book, std::span<const ReturnSeries> factors, std::int64_t lags,
                      double periods_per_year) {
  const CommonDates common = join_dates(book, factors);
  const FactorModel model = fit_factors(common.y, common.factors(), lags);
  std::vector<std::string> names{"alpha"};
  for (const ReturnSeries& factor : factors) names.push_back(factor.name);
  std::vector<double> values, errors, t, p;
  for (const FactorModel::Coefficient& each : model.coefficients) {
    values.push_back(each.value);
    errors.push_back(each.se);
    t.push_back(each.t);
    p.push_back(each.p);
  }
  const double alpha = values[0];
  const double ratio = std::isfinite(errors[0]) ? alpha / model.deviation : kNaN;
  Attribution out{{}, alpha, alpha * periods_per_year, model.r2, ratio * std::sqrt(periods_per_year), 0, common.left_out};
  out.periods = static_cast<std::int64_t>(common.y.size());
  out.table.columns = {{"name", std::move(names)},
                       {"coefficient", std::move(values)},
                       {"se", std::move(errors)},
                       {"t", std::move(t)},
                       {"p", std::move(p)}};
  return out;
}

Spanning test_spanning(const ReturnSeries& book, std::span<const ReturnSeries> others) {
  const CommonDates common = join_dates(book, others);
  const FactorModel model = fit_factors(common.y, common.factors());
  const FactorModel::Coefficient& alpha = model.coefficients[0];
  const double ratio = std::isfinite(alpha.t) ? alpha.value / model.deviation : kNaN;
  return {alpha.value, alpha.t, ratio * ratio, model.f, model.f_p, static_cast<std::int64_t>(common.y.size())};
}

LibraryMember compare_books(const ReturnSeries& book, const ReturnSeries& other, double rank_correlation, double common) {
  const CommonDates both = join_dates(book, {&other, 1});
  LibraryMember out{other.name, rank_correlation, common, correlation(both.y, both.x), kNaN};
  try {
    out.alpha_t = test_spanning(book, {&other, 1}).t;
  } catch (const Error&) {
    // A constant book is collinear with the constant, and too few dates have no fit: NaN.
  }
  return out;
}

Table library_table(std::vector<LibraryMember> members) {
  const auto nearness = [](const LibraryMember& member) {
    return std::isnan(member.rank_correlation) ? -1.0 : std::fabs(member.rank_correlation);
  };
  std::stable_sort(members.begin(), members.end(),
                   [&](const LibraryMember& a, const LibraryMember& b) { return nearness(a) > nearness(b); });
  std::vector<std::string> names;
  std::vector<double> ranks, returns, alphas, shares;
  for (LibraryMember& member : members) {
    names.push_back(std::move(member.name));
    ranks.push_back(member.rank_correlation);
    returns.push_back(member.return_correlation);
    alphas.push_back(member.alpha_t);
    shares.push_back(member.common);
  }
  Table out;
  out.columns = {{"name", std::move(names)},
                 {"rank_correlation", std::move(ranks)},
                 {"return_correlation", std::move(returns)},
                 {"alpha_t", std::move(alphas)},
                 {"common", std::move(shares)}};
  return out;
}

ReturnSeries book_returns(const Result& result, const std::string& name, const std::string& series) {
  constexpr const char* kKnown[] = {"ret", "ret_net", "resret", "resret_net", "ret_l", "ret_s"};
  if (std::find(std::begin(kKnown), std::end(kKnown), series) == std::end(kKnown))
    refuse_returns("series as one of ret, ret_net, resret, resret_net, ret_l, ret_s", "\"" + series.substr(0, 40) + "\"",
                   "The default is \"ret\".");
  const Table& daily = result.tables["daily"];
  return {name, std::get<Column::Dates>(daily.find("date")->values).days,
          std::get<std::vector<double>>(daily.find(series)->values)};
}

}  // namespace fractile
