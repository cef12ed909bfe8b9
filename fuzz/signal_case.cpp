// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "signal_case.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

namespace fractile::fuzz {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr std::int64_t kMicrosPerHour = std::int64_t{3600} * 1000000;
constexpr std::int64_t kMicrosPerDay = 24 * kMicrosPerHour;
constexpr std::size_t kMostRows = 3000;
constexpr std::size_t kManyRows = 40000;  // more than two blocks of rows, which threads share

std::int64_t ticks_of_day(DateUnit unit) {
  switch (unit) {
    case DateUnit::day: return 1;
    case DateUnit::second: return 86400;
    case DateUnit::millisecond: return 86400000;
    case DateUnit::microsecond: return kMicrosPerDay;
    case DateUnit::nanosecond: return kMicrosPerDay * 1000;
  }
  return 1;
}

DateUnit pick_unit(Bytes& bytes) {
  return bytes.pick(
      std::array{DateUnit::day, DateUnit::nanosecond, DateUnit::second, DateUnit::microsecond, DateUnit::millisecond});
}

UniverseRule range_of(const char* column, std::optional<double> min, std::optional<double> max) {
  UniverseRule rule;
  rule.column = column;
  rule.min = min;
  rule.max = max;
  return rule;
}

UniverseRule list_of(const char* column, std::vector<double> numbers, std::vector<std::string> texts) {
  UniverseRule rule;
  rule.column = column;
  rule.is_list = true;
  rule.numbers = std::move(numbers);
  rule.texts = std::move(texts);
  return rule;
}

/// The options of methodology sections 12 to 15, each in few runs, so that the plain run is tried as well.
void decode_construction(Bytes& bytes, RunConfig& config) {
  const bool is_value = config.input_type == InputType::value, is_single = config.sort_method == SortMethod::single;
  config.charge_entry_exit = bytes.one_in(8);
  if (bytes.one_in(8)) config.bad_open = BadOpen::keep;
  if (config.hold_days == 1 && config.drift == Drift::false_ && bytes.one_in(8)) config.overlap = 2 + bytes.below(4);
  if (config.input_type != InputType::weight && bytes.one_in(8)) config.max_weight = 0.1 + 0.2 * bytes.below(5);
  if (!is_value) return;
  if (bytes.one_in(8)) config.weight = bytes.pick(std::array{Weight::rank, Weight::signal});
  if (is_single && bytes.one_in(8)) config.rank_within = bytes.pick(std::array{"cap", "country", "industry_id"});
  if (is_single && bytes.one_in(8)) config.breakpoints = {list_of("cap", {1.0, 2.0}, {})};
  if (is_single && config.overlap == 1 && bytes.one_in(8))
    config.exit_fractile = TwoReals{config.fractile[0], config.fractile[1]};
  if (config.resid == Resid::off) return;
  if (bytes.one_in(4)) config.factors = {"mcap", "adv"};
  if (bytes.one_in(4)) config.neutralize_weight = bytes.pick(std::array{NeutralizeWeight::mcap, NeutralizeWeight::sqrt_mcap});
}

RunConfig decode_config(Bytes& bytes, bool has_all_columns) {
  RunConfig config;
  const auto a = static_cast<double>(1 + bytes.below(70));
  config.fractile = {a, std::min(99.0, a + bytes.below(100))};
  if (bytes.one_in(8)) config.fractile = {0.5 * a, 99.75};
  config.mincos = 1 + (bytes.one_in(4) ? bytes.below(20) : bytes.below(3));
  config.lag = bytes.one_in(2) ? bytes.below(6) : 0;
  if (bytes.one_in(64)) config.lag = 100000 - bytes.below(3);
  config.hold_days = bytes.one_in(3) ? 1 + bytes.below(12) : 1;
  config.method = bytes.pick(std::array{Method::long_short, Method::long_short, Method::long_only});
  config.input_type = bytes.pick(std::array{InputType::value, InputType::value, InputType::value, InputType::fractile,
                                            InputType::position, InputType::weight});
  config.calc_turnover = !bytes.one_in(8);
  config.drift = bytes.one_in(4) ? bytes.pick(std::array{Drift::true_, Drift::book}) : Drift::false_;
  config.lookahead = bytes.one_in(4) ? Lookahead::error : Lookahead::warn;
  config.characteristics_asof = bytes.one_in(4) ? CharacteristicsAsof::return_day : CharacteristicsAsof::previous_day;
  if (bytes.one_in(4)) config.analysis.emplace_back("ic");
  if (bytes.one_in(4)) config.analysis.emplace_back("coverage");
  config.keep_weights = true;
  const bool is_value = config.input_type == InputType::value;
  if (is_value && bytes.one_in(4)) config.analysis.emplace_back("fractile");
  std::sort(config.analysis.begin(), config.analysis.end());
  config.n_fractile = 2 + bytes.below(12);
  if (bytes.one_in(4)) config.byvar_list.emplace_back("month");
  if (bytes.one_in(8)) config.byvar_list.emplace_back("year");
  // A market with only returns refuses the options below, so they are tried rarely.
  if (!has_all_columns && !bytes.one_in(16)) return config;
  config.from_open = bytes.one_in(4);
  if (bytes.one_in(4)) config.byvar_list.emplace_back("cap");
  if (bytes.one_in(6)) config.byvar_list.emplace_back("country");
  if (bytes.one_in(6)) config.byvar_list.emplace_back("industry_id");
  if (is_value)
    config.resid = bytes.pick(std::array{Resid::off, Resid::off, Resid::off, Resid::industry, Resid::factor, Resid::all});
  if (config.input_type != InputType::weight)
    config.weight = bytes.pick(std::array{Weight::equal, Weight::equal, Weight::value, Weight::volume});
  config.upper_pct = 50.0 + bytes.below(51);
  if (is_value && bytes.one_in(5)) {
    config.sort_method = SortMethod::double_;
    config.double_var = bytes.pick(std::array{"cap", "mcap", "country", "size"});
    config.double_frac = 2 + bytes.below(4);
  }
  config.tc_model = bytes.one_in(4) ? TcModel::power_law : TcModel::naive;
  if (bytes.one_in(8)) config.tc_level = {0.0, 0.0, 0.0};
  switch (bytes.below(12)) {
    case 0: config.universe = {list_of("cap", {1.0, 2.0}, {})}; break;
    case 1: config.universe = {range_of("adv", 2e6, std::nullopt)}; break;
    case 2: config.universe = {range_of("close_adj", 5.0, 70.0), list_of("country", {}, {"CH", "US", "XX"})}; break;
    case 3: config.universe = {range_of("mcap", std::nullopt, std::nullopt)}; break;
    default: break;
  }
  decode_construction(bytes, config);
  return config;
}

constexpr std::array<double, 16> kOddValues{0.0,   -0.0,   1.0,      1.0,     -1.0, 2.0,    0.5,   kNaN,
                                            1e300, -1e300, 1.5e-310, -5e-324, 3.0,  1e-200, 1e160, -3.0};

/// Makes a value of the signal; `kind` chooses the distribution.
double make_value(int kind, std::uint64_t seed) {
  const std::uint32_t drawn = scatter(seed);
  switch (kind) {
    case 0: return static_cast<double>(drawn) * 0x1p-31 - 1.0;
    case 1: return static_cast<double>(drawn % 5) - 2.0;
    case 2: return kOddValues[drawn % kOddValues.size()];
    case 3: return static_cast<double>(drawn % 3) - 1.0;
    case 4: return drawn % 16 == 0 ? kNaN : static_cast<double>(drawn % 1000) / 8.0;
    default: return std::ldexp(static_cast<double>(drawn) * 0x1p-31 - 1.0, static_cast<int>(drawn % 1800) - 900);
  }
}

class RowMaker {
 public:
  RowMaker(Bytes& bytes, const FuzzMarket& market) : bytes_(bytes), market_(market), kind_(bytes.below(6)) {
    has_avail_ = bytes.one_in(3);
    has_given_ = bytes.one_in(3);
    is_wild_ = bytes.one_in(4);
  }

  std::vector<SignalRow> make() {
    while (!bytes_.is_at_end() && rows_.size() < kMostRows) {
      switch (bytes_.below(6)) {
        case 0:
        case 1: add_cross_section(); break;
        case 2: add_history(); break;
        case 3: add_row(pick_id(), pick_day(), pick_value()); break;
        case 4: add_copy(); break;
        default: exchange_two();
      }
    }
    return std::move(rows_);
  }

 private:
  std::int64_t pick_id() {
    const int at = bytes_.byte();
    if (at < 224) return market_.ids[static_cast<std::size_t>(at) % market_.ids.size()];
    return std::array<std::int64_t, 6>{
        kMissingId, market_.ids.front() - 1, market_.ids.back() + 1, INT64_MAX, kMissingId + 1, 0}[static_cast<std::size_t>(at) %
                                                                                                   6];
  }
  /// Picks a day from two weeks before the calendar to two weeks behind it, rarely one far from it.
  std::int64_t pick_day() {
    const auto at = static_cast<std::int64_t>(bytes_.number(2));
    const std::int64_t span = market_.dates.back() - market_.dates.front() + 29;
    if (at < 65500 || !is_wild_) return market_.dates.front() - 14 + at % span;
    return std::array<std::int64_t, 6>{
        kMissingTime, INT32_MIN + 1, INT32_MAX, 0, -1000000, 2932897}[static_cast<std::size_t>(at) % 6];
  }
  double pick_value() {
    return is_wild_ && bytes_.one_in(200) ? std::numeric_limits<double>::infinity() : value(bytes_.number(2));
  }
  double value(std::uint64_t seed) const { return make_value(kind_, seed); }

  void add_row(std::int64_t id, std::int64_t day, double value) {
    SignalRow row{id, day, kMissingTime, kMissingTime, value};
    if (day != kMissingTime && has_avail_ && !bytes_.one_in(8)) {
      constexpr std::array<std::int64_t, 8> kTimes{0,
                                                   1,
                                                   8 * kMicrosPerHour,
                                                   9 * kMicrosPerHour - 1,
                                                   9 * kMicrosPerHour,
                                                   16 * kMicrosPerHour - 1,
                                                   16 * kMicrosPerHour,
                                                   kMicrosPerDay - 1};
      std::int64_t later = bytes_.below(4);
      if (is_wild_ && bytes_.one_in(16)) later = -1;
      row.avail = std::clamp<std::int64_t>(day + later, -100000, 100000) * kMicrosPerDay + bytes_.pick(kTimes);
    }
    if (day != kMissingTime && has_given_ && !bytes_.one_in(8)) {
      row.given = day + 1 + bytes_.below(5);
      if (is_wild_ && bytes_.one_in(16)) row.given = pick_day();
    }
    rows_.push_back(row);
  }
  /// Adds a large part of the names of a day.
  void add_cross_section() {
    const std::int64_t day = pick_day();
    const std::uint64_t seed = bytes_.number(2);
    for (std::size_t i = 0; i < market_.ids.size(); ++i)
      if (scatter(seed ^ i << 17) % 8 != 0) add_row(market_.ids[i], day, value(seed + i));
  }
  /// Adds one name on some days in order.
  void add_history() {
    const std::int64_t id = pick_id(), first = pick_day();
    const int n = 1 + bytes_.below(16), step = bytes_.below(4);
    const std::uint64_t seed = bytes_.number(2);
    if (first == kMissingTime) return;
    for (int i = 0; i < n; ++i) add_row(id, first + std::int64_t{i} * step, value(seed + static_cast<std::uint64_t>(i)));
  }
  void add_copy() {
    if (rows_.empty()) return;
    SignalRow row = rows_[bytes_.number(2) % rows_.size()];
    if (!bytes_.one_in(4)) row.value = pick_value();
    rows_.push_back(row);
  }
  void exchange_two() {
    if (rows_.empty()) return;
    std::swap(rows_[bytes_.number(2) % rows_.size()], rows_[bytes_.number(2) % rows_.size()]);
  }

  Bytes& bytes_;
  const FuzzMarket& market_;
  int kind_;
  bool has_avail_ = false, has_given_ = false, is_wild_ = false;
  std::vector<SignalRow> rows_;
};

/// Repeats the rows, and adds rows that are dropped, until several threads align them.
void make_many(std::vector<SignalRow>& rows, std::uint64_t seed) {
  const std::size_t n = rows.size();
  if (n == 0) return;
  while (rows.size() < kManyRows) {
    SignalRow row = rows[scatter(seed + rows.size()) % n];
    if (seed % 4 != 0) row.value = kNaN;
    rows.push_back(row);
  }
}

/// Clamps days to the range of the type of their column.
void fit(std::vector<SignalRow>& rows, SignalCase& made) {
  const auto fit_day = [](std::int64_t& day, DateUnit unit) {
    const std::int64_t limit = std::min<std::int64_t>(INT32_MAX, INT64_MAX / ticks_of_day(unit) - 2);
    if (day != kMissingTime) day = std::clamp(day, -limit, limit);
  };
  for (SignalRow& row : rows) {
    fit_day(row.sig, made.sig_unit);
    fit_day(row.given, made.given_unit);
    if (row.avail == kMissingTime) continue;
    const std::int64_t tick = kMicrosPerDay / std::min(ticks_of_day(made.avail_unit), kMicrosPerDay);
    const std::int64_t cut = row.avail % tick;
    row.avail -= cut < 0 ? cut + tick : cut;
  }
}

}  // namespace

SignalCase decode_case(Bytes bytes) {
  SignalCase made;
  made.market = &market(bytes.below(kNMarkets));
  made.config = decode_config(bytes, made.market->has_all_columns);
  made.sig_unit = pick_unit(bytes);
  made.avail_unit = pick_unit(bytes);
  made.given_unit = pick_unit(bytes);
  const std::uint64_t many = bytes.number(1);
  RowMaker maker(bytes, *made.market);
  made.rows = maker.make();
  if (many >= 240) make_many(made.rows, many);
  fit(made.rows, made);
  return made;
}

std::string describe_case(const SignalCase& made) {
  std::string out = fmt::format("{} to {}, {} rows, {}\n", format_day(made.market->dates.front()),
                                format_day(made.market->dates.back()), made.rows.size(), config_to_json(made.config));
  for (std::size_t i = 0; i < std::min<std::size_t>(made.rows.size(), 40); ++i) {
    const SignalRow& row = made.rows[i];
    out += fmt::format("  {}: id {} sig {} avail {} given {} value {}\n", i, row.id, row.sig, row.avail, row.given, row.value);
  }
  return out;
}

DateColumn SignalColumns::fill(Dates& dates, DateUnit unit, const std::vector<std::int64_t>& ticks) {
  if (unit == DateUnit::day) {
    for (const std::int64_t t : ticks) dates.days.push_back(t == kMissingTime ? kMissingDay : static_cast<Day>(t));
    return {dates.days.data(), unit};
  }
  dates.ticks = ticks;
  return {dates.ticks.data(), unit};
}

SignalColumns::SignalColumns(const std::vector<SignalRow>& rows, const SignalCase& made) {
  std::vector<std::int64_t> sig, avail, given;
  const auto scaled = [](std::int64_t value, std::int64_t factor) { return value == kMissingTime ? value : value * factor; };
  for (const SignalRow& row : rows) {
    ids_.push_back(row.id);
    values_.push_back(row.value);
    // A time of day of date_sig and of a return day is dropped.
    sig.push_back(scaled(row.sig, ticks_of_day(made.sig_unit)));
    if (made.sig_unit != DateUnit::day && row.sig != kMissingTime) sig.back() += ticks_of_day(made.sig_unit) / 3;
    given.push_back(scaled(row.given, ticks_of_day(made.given_unit)));
    const std::int64_t per_day = ticks_of_day(made.avail_unit);
    avail.push_back(per_day >= kMicrosPerDay    ? scaled(row.avail, per_day / kMicrosPerDay)
                    : row.avail == kMissingTime ? kMissingTime
                                                : row.avail / (kMicrosPerDay / per_day));
  }
  keys_.n_rows = static_cast<std::int64_t>(rows.size());
  keys_.security_id = ids_.data();
  valid_.assign(rows.size() / 8 + 1, 0);
  for (std::size_t i = 0; i < rows.size(); ++i)
    if (rows[i].id != kMissingId) valid_[i / 8] = static_cast<std::uint8_t>(valid_[i / 8] | 1U << (i % 8));
  keys_.security_id.valid = valid_.data();
  keys_.date_sig = fill(sig_, made.sig_unit, sig);
  const auto has_any = [](const std::vector<std::int64_t>& ticks) {
    return std::any_of(ticks.begin(), ticks.end(), [](std::int64_t t) { return t != kMissingTime; });
  };
  if (has_any(avail)) keys_.date_avail = fill(avail_, made.avail_unit, avail);
  if (has_any(given)) (made.config.from_open ? keys_.date_openret : keys_.date_ret) = fill(given_, made.given_unit, given);
}

}  // namespace fractile::fuzz
