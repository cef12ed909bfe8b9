// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "markets.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <set>

#include "snapshot_rows.hpp"

namespace fractile::fuzz {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

struct Shape {
  int n_days, n_names;
  std::int64_t first_id, id_step;
  double gaps;      ///< share of missing rows
  int days_a_hole;  ///< days between gaps of four weeks without trading; 0: no gaps
  bool has_all_columns;
  bool compact;
  int cut;  ///< days left out at both ends of the view
};

constexpr Shape kShapes[kNMarkets] = {{48, 32, 1, 1, 0.04, 0, true, true, 0},
                                      {30, 14, -20000000000000, 1700000000001, 0.3, 7, true, false, 4},
                                      {290, 5, 100, 7, 0.02, 0, true, true, 9},
                                      {4, 12, 1, 3, 0.0, 0, false, true, 0}};

std::vector<PanelRow> make_rows(const Shape& shape) {
  std::mt19937_64 random(static_cast<std::uint64_t>(shape.n_days));
  const auto uniform = [&] { return static_cast<double>(random() >> 11) * 0x1p-53; };
  const auto maybe = [&](double x) { return uniform() < 0.04 ? kNaN : x; };
  constexpr Day kMonday = 18267;
  std::vector<PanelRow> rows;
  for (int i = 0; i < shape.n_names; ++i)
    for (int n = 0; n < shape.n_days; ++n) {
      const bool is_alive = i == 0 || (n >= shape.n_days * (i % 5) / 16 && n < shape.n_days - shape.n_days * (i % 3) / 9);
      if (i > 0 && (!is_alive || uniform() < shape.gaps)) continue;
      PanelRow row;
      row.id = shape.first_id + shape.id_step * i;
      row.day = kMonday + n + 2 * (n / 5) + (shape.days_a_hole > 0 ? 28 * (n / shape.days_a_hole) : 0);
      row.ret = maybe(0.2 * uniform() - 0.1);
      row.openret = uniform() < 0.05 ? -0.97 : maybe(0.2 * uniform() - 0.1);
      row.resret = maybe(0.1 * uniform() - 0.05);
      row.mcap = uniform() < 0.05 ? 0.0 : maybe(std::floor(1e9 * uniform()));
      row.adv = uniform() < 0.05 ? 0.0 : maybe(1e7 * uniform());
      row.vol = maybe(uniform());
      row.close_adj = uniform() < 0.02 ? -1.0 : maybe(100.0 * uniform());
      for (double& x : row.exposures) x = uniform() < 0.01 ? kNaN : uniform() - 0.5;
      row.exposures[3] = row.exposures[2] * 2.0;  // collinear
      row.cap = uniform() < 0.1 ? kMissingCode : static_cast<std::int32_t>(1 + random() % 4);
      row.industry = uniform() < 0.03 ? kMissingCode : static_cast<std::int32_t>(random() % 4) * 1000003;
      row.country = std::array<const char*, 4>{"US", "CH", "", "Österreich"}[random() % 4];
      rows.push_back(std::move(row));
    }
  return rows;
}

std::vector<testing::Array> to_arrays(const std::vector<PanelRow>& rows, bool has_all_columns) {
  const auto reals = [&](const std::string& name, auto&& get) {
    std::vector<double> out;
    for (const PanelRow& row : rows) out.push_back(get(row));
    return testing::plain(name, "g", out);
  };
  const auto codes = [&](const std::string& name, auto&& get) {
    std::vector<std::int32_t> out;
    std::vector<int> valid;
    for (const PanelRow& row : rows) {
      out.push_back(get(row));
      valid.push_back(out.back() != kMissingCode);
    }
    return testing::plain(name, "i", out).valid(valid);
  };
  std::vector<std::int64_t> ids;
  std::vector<Day> days;
  std::vector<std::string> countries;
  std::vector<int> has_country;
  for (const PanelRow& row : rows) {
    ids.push_back(row.id);
    days.push_back(row.day);
    countries.push_back(row.country);
    has_country.push_back(row.country.empty() ? 0 : 1);
  }
  std::vector<testing::Array> out{testing::plain("security_id", "l", ids), testing::plain("date", "tdD", days),
                                  reals("ret", [](const PanelRow& row) { return row.ret; })};
  if (!has_all_columns) return out;
  out.push_back(reals("openret", [](const PanelRow& row) { return row.openret; }));
  out.push_back(reals("resret", [](const PanelRow& row) { return row.resret; }));
  out.push_back(reals("mcap", [](const PanelRow& row) { return row.mcap; }));
  out.push_back(reals("adv", [](const PanelRow& row) { return row.adv; }));
  out.push_back(reals("vol", [](const PanelRow& row) { return row.vol; }));
  out.push_back(reals("close_adj", [](const PanelRow& row) { return row.close_adj; }));
  for (std::size_t k = 0; k < kNExposures; ++k)
    out.push_back(reals(std::string(kExposures[k]), [k](const PanelRow& row) { return row.exposures[k]; }));
  out.push_back(codes("cap", [](const PanelRow& row) { return row.cap; }));
  out.push_back(codes("industry_id", [](const PanelRow& row) { return row.industry; }));
  out.push_back(testing::texts("country", "u", countries).valid(has_country));
  return out;
}

testing::ScratchFolder& folder() {
  static testing::ScratchFolder made;
  return made;
}

FuzzMarket make_market(int number) {
  const Shape& shape = kShapes[number];
  FuzzMarket out;
  out.rows = make_rows(shape);
  out.has_all_columns = shape.has_all_columns;
  const std::string id = "market" + std::to_string(number);
  BuildOptions options;
  options.dtype = StoreAs::both;
  create_snapshot(folder().path(), id, *market_panel(number), options);

  std::set<Day> dates;
  std::set<std::int64_t> ids;
  for (const PanelRow& row : out.rows) {
    dates.insert(row.day);
    ids.insert(row.id);
  }
  out.dates.assign(dates.begin(), dates.end());
  out.ids.assign(ids.begin(), ids.end());
  for (std::size_t i = 0; i < out.rows.size(); ++i) {
    const auto at = std::lower_bound(out.dates.begin(), out.dates.end(), out.rows[i].day) - out.dates.begin();
    out.places[{out.rows[i].id, static_cast<DateIndex>(at)}] = i;
  }
  const auto cut = static_cast<std::size_t>(shape.cut);
  out.view = make_view(Snapshot::open(folder().path(), id, Verify::content), out.dates[cut],
                       out.dates[out.dates.size() - 1 - cut], shape.compact);
  out.fresh = std::make_unique<Backtester>(out.view, 0);
  out.kept = std::make_unique<Backtester>(out.view, 3);
  return out;
}

}  // namespace

const FuzzMarket& market(int number) {
  static const std::array<FuzzMarket, kNMarkets> kMarkets{make_market(0), make_market(1), make_market(2), make_market(3)};
  return kMarkets[static_cast<std::size_t>(number)];
}

std::unique_ptr<PanelSource> market_panel(int number) {
  const Shape& shape = kShapes[number];
  return testing::panel_of(to_arrays(make_rows(shape), shape.has_all_columns));
}

const std::string& market_folder() {
  static const std::string kFolder = [] {
    market(0);
    return folder().path().string();
  }();
  return kFolder;
}

}  // namespace fractile::fuzz
