// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "result_laws.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <string>

#include "laws.hpp"

namespace fractile::fuzz {
namespace {

constexpr double kClose = 1e-12;

const std::vector<double>& reals(const Table& table, const char* name) {
  const Column* const column = table.find(name);
  ensure(column != nullptr, "tables have the columns of the methodology", name);
  return std::get<std::vector<double>>(column->values);
}
const std::vector<std::int64_t>& wholes(const Table& table, const char* name) {
  return std::get<std::vector<std::int64_t>>(table.find(name)->values);
}
const std::vector<Day>& dates(const Table& table) { return std::get<Column::Dates>(table.find("date")->values).days; }

bool is_same(double a, double b) { return a == b || (a != a && b != b); }

/// Weights of the overall book by date, then security.
using Books = std::map<Day, std::map<std::int64_t, double>>;

Books read_books(const Table& weights) {
  Books out;
  const auto& ids = wholes(weights, "security_id");
  const auto& values = reals(weights, "weight");
  const auto& days = dates(weights);
  for (std::size_t i = 0; i < days.size(); ++i)
    ensure(out[days[i]].emplace(ids[i], values[i]).second, "a name is held once a day", std::to_string(ids[i]));
  return out;
}

void check_rows(const Diagnostics& diagnostics) {
  std::int64_t rows = 0;
  for (const char* name : {"rows_used", "null_key", "null_signal", "unknown_security", "outside_dates", "no_return",
                           "outside_universe", "no_exposure", "duplicate", "bad_open_print"}) {
    ensure(diagnostics[name] >= 0, "counts are not negative", name);
    rows += diagnostics[name];
  }
  ensure(rows == diagnostics["rows_given"], "rows given are rows used and rows dropped",
         fmt::format("{} and {}", diagnostics["rows_given"], rows));
}

/// Checks the sums within each row, of any portfolio.
void check_sums(const Table& daily, bool has_costs) {
  const auto &ret = reals(daily, "ret"), &resret = reals(daily, "resret"), &tc = reals(daily, "tc");
  const auto &net = reals(daily, "ret_net"), &resnet = reals(daily, "resret_net");
  const auto &longs = reals(daily, "ret_l"), &shorts = reals(daily, "ret_s");
  for (std::size_t t = 0; t < ret.size(); ++t) {
    ensure(std::isfinite(ret[t]), "returns are numbers");
    ensure(is_same(ret[t], longs[t] + shorts[t]), "the return is that of both sides");
    ensure(is_same(net[t], ret[t] - tc[t]) && is_same(resnet[t], resret[t] - tc[t]), "net is gross less cost, to the last bit",
           fmt::format("{} and {} less {}", net[t], ret[t], tc[t]));
    ensure(has_costs ? tc[t] >= 0.0 : tc[t] != tc[t], "costs are not negative, and NaN if they are not computed",
           fmt::format("{}", tc[t]));
  }
}

void check_running_sums(const Table& daily) {
  const auto &ret = reals(daily, "ret"), &cumret = reals(daily, "cumret"), &drawdown = reals(daily, "drawdown");
  double level = 0.0, peak = 0.0;
  for (std::size_t t = 0; t < ret.size(); ++t) {
    level += ret[t];
    peak = std::max(peak, level);
    ensure(is_same(cumret[t], level), "cumret is the running sum");
    ensure(is_same(drawdown[t], level - peak) && drawdown[t] <= 0.0, "drawdown is the distance from the peak");
  }
}

double sum_of_changes(const std::map<std::int64_t, double>& before, const std::map<std::int64_t, double>& now) {
  std::map<std::int64_t, double> change = now;
  for (const auto& [id, w] : before) change[id] -= w;
  double sum = 0.0;
  for (const auto& [id, w] : change) sum += std::fabs(w);
  return sum;
}

void check_book(const std::map<std::int64_t, double>& book, const RunConfig& config, std::int64_t n_long, std::int64_t n_short) {
  double longs = 0.0, shorts = 0.0;
  std::int64_t found_long = 0, found_short = 0;
  for (const auto& [id, w] : book) {
    ensure(std::isfinite(w), "weights are numbers");
    // A weight that vanishes beside the others still has its side.
    const bool is_short = std::signbit(w);
    (is_short ? shorts : longs) += w;
    ++(is_short ? found_short : found_long);
  }
  ensure(found_long == n_long && found_short == n_short, "names per side are those of the weights",
         fmt::format("{} and {} for {} and {}", n_long, n_short, found_long, found_short));
  // Books of several days are held at once: their sides offset each other.
  if (config.overlap > 1) return;
  const bool is_flat = book.empty(), long_only = config.method == Method::long_only;
  ensure(is_flat || std::fabs(longs - 1.0) <= kClose, "long weights sum to one", fmt::format("{}", longs));
  ensure(is_flat || std::fabs(shorts - (long_only ? 0.0 : -1.0)) <= kClose, "short weights sum to minus one",
         fmt::format("{}", shorts));
  ensure(is_flat || (n_long >= config.mincos && (long_only || n_short >= config.mincos)), "a side has mincos names");
}

/// Compares the daily table with the weights and the panel's own numbers.
void check_days(const Result& result, const SignalCase& made) {
  const FuzzMarket& market = *made.market;
  const Books books = read_books(result.tables["weights"]);
  const std::vector<Day>& days = dates(result.tables["daily"]);
  const auto &ret = reals(result.tables["daily"], "ret"), &turnover = reals(result.tables["daily"], "turnover"),
             &tc = reals(result.tables["daily"], "tc");
  const auto& traded = reals(result.tables["turnover"], "traded");
  const auto &n_long = wholes(result.tables["daily"], "numcos_l"), &n_short = wholes(result.tables["daily"], "numcos_s");
  const double gross = made.config.method == Method::long_only ? 1.0 : 2.0;
  std::size_t n_held = 0;
  std::map<std::int64_t, double> before;
  for (std::size_t t = 0; t < days.size(); ++t) {
    const auto at = std::lower_bound(market.dates.begin(), market.dates.end(), days[t]) - market.dates.begin();
    const auto n = static_cast<DateIndex>(at);
    ensure(n >= market.view.first && n <= market.view.last && market.dates[static_cast<std::size_t>(n)] == days[t],
           "days are loaded trading days");
    ensure(t == 0 || market.dates[static_cast<std::size_t>(n) - 1] == days[t - 1], "days have no holes");
    const auto held = books.find(days[t]);
    const std::map<std::int64_t, double> book = held == books.end() ? std::map<std::int64_t, double>{} : held->second;
    n_held += book.empty() ? 0U : 1U;
    check_book(book, made.config, n_long[t], n_short[t]);
    ensure((t > 0 && t + 1 < days.size()) || !book.empty(), "the first and the last day have a position");
    double earned = 0.0;
    for (const auto& [id, w] : book) {
      const PanelRow* const row = market.find(id, n);
      ensure(row != nullptr, "a held name has a panel row");
      const double r = market.stored(made.config.from_open ? row->openret : row->ret);
      earned += r == r ? w * r : 0.0;
    }
    ensure(std::fabs(earned - ret[t]) <= kClose, "the return is that of the weights", fmt::format("{} and {}", ret[t], earned));
    if (!made.config.calc_turnover) {
      ensure(traded[t] != traded[t] && turnover[t] != turnover[t], "turnover is NaN if it is not computed");
    } else {
      ensure(is_same(turnover[t], traded[t] / (2.0 * gross)), "turnover is traded by gross");
      const bool is_charged = made.config.charge_entry_exit;
      ensure(t > 0 || is_charged || (traded[t] == 0.0 && tc[t] == 0.0), "the first day is not charged");
      const bool has_close = is_charged && t + 1 == days.size();
      if (t > 0 && made.config.drift == Drift::false_ && !has_close)
        ensure(std::fabs(traded[t] - sum_of_changes(before, book)) <= 1e-11, "trades are the change of the weights",
               fmt::format("{} and {}", traded[t], sum_of_changes(before, book)));
    }
    before = book;
  }
  ensure(n_held == books.size(), "held days are in the daily table");
  ensure(wholes(result.tables["summary"], "num_date").front() == static_cast<std::int64_t>(n_held),
         "num_date counts the held days");
}

void check_analysis(const Result& result, const SignalCase& made) {
  if (has_analysis(made.config, "ic"))
    for (const double ic : reals(result.tables["ic"], "ic"))
      ensure(std::fabs(ic) <= 1.0 + kClose, "rank correlations are within one");
  if (!has_analysis(made.config, "coverage")) return;
  std::int64_t names = 0;
  for (const std::int64_t count : wholes(result.tables["coverage"], "names")) names += count;
  ensure(names == result.diagnostics["rows_used"] + result.diagnostics["rows_carried"], "coverage counts rows used and copies",
         fmt::format("{}", names));
  for (const double share : reals(result.tables["coverage"], "share")) ensure(share <= 1.0, "coverage is a share");
}

}  // namespace

void check_result(const Result& result, const SignalCase& made) {
  check_rows(result.diagnostics);
  check_sums(result.tables["daily"], made.config.calc_turnover);
  check_sums(result.tables["daily_by_group"], made.config.calc_turnover);
  check_running_sums(result.tables["daily"]);
  check_days(result, made);
  check_analysis(result, made);
}

void check_against(const NaiveAlignment& naive, const Result& result, const SignalCase& made) {
  const Diagnostics& found = result.diagnostics;
  const auto check = [&](const char* name, std::int64_t expected) {
    ensure(found[name] == expected, "counts of rows are those of methodology section 2",
           fmt::format("{}: expected {}, found {}", name, expected, found[name]));
  };
  check("rows_used", naive.rows_used);
  check("rows_carried", naive.rows_carried);
  check("return_day_rolled", naive.return_day_rolled);
  check("missing_return", naive.missing_return);
  for (const NaiveCount& count : naive.counts) {
    check(count.name, count.count);
    const auto shown = std::find_if(found.counts.begin(), found.counts.end(),
                                    [&](const Diagnostics::Count& one) { return one.name == count.name; });
    ensure(shown->examples.size() == std::min<std::size_t>(count.rows.size(), 3), "examples are the first three rows",
           count.name);
    for (std::size_t k = 0; k < shown->examples.size(); ++k)
      ensure(shown->examples[k].row == count.rows[k], "examples are the first rows in input order",
             fmt::format("{}: row {} instead of {}", count.name, shown->examples[k].row, count.rows[k]));
  }
  const Books books = read_books(result.tables["weights"]);
  std::size_t n_held = 0;
  for (const auto& [n, names] : naive.used) {
    const auto weights = weigh_naively(names, made.config);
    if (!weights) return;
    const auto book = books.find(made.market->dates[static_cast<std::size_t>(n)]);
    ensure(weights->empty() == (book == books.end()), "a side with too few names is flat, others are held");
    if (weights->empty()) continue;
    ++n_held;
    ensure(weights->size() == book->second.size(), "the names held are those beyond the cuts",
           fmt::format("{} and {}", weights->size(), book->second.size()));
    for (const auto& [id, w] : *weights) {
      const auto held = book->second.find(id);
      ensure(held != book->second.end() && std::fabs(held->second - w) <= kClose, "weights are those of sections 5 and 6",
             fmt::format("security {}: expected {}", id, w));
    }
  }
  ensure(n_held == books.size(), "no other day is held");
}

}  // namespace fractile::fuzz
