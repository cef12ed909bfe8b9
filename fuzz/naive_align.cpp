// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "naive_align.hpp"

#include <algorithm>
#include <cmath>

namespace fractile::fuzz {
namespace {

constexpr std::int64_t kMicrosPerHour = std::int64_t{3600} * 1000000;
constexpr std::int64_t kMicrosPerDay = 24 * kMicrosPerHour;
constexpr int kMaxAge = 5;

class Naive {
 public:
  explicit Naive(const SignalCase& made) : market_(*made.market), config_(made.config), rows_(made.rows) {
    for (const char* name : {"null_key", "null_signal", "unknown_security", "outside_dates", "no_return", "outside_universe",
                             "no_exposure", "duplicate", "bad_open_print", "trade_before_avail"})
      out_.counts.push_back({name, 0, {}});
  }

  NaiveAlignment run() {
    for (std::size_t i = 0; i < rows_.size(); ++i) judge(i);
    settle_duplicates();
    if (config_.hold_days > 1) extend_holding();
    for (const auto& [n, names] : out_.used)
      for (const auto& [id, value] : names) {
        const PanelRow& row = *market_.find(id, n);
        const double ret = config_.from_open ? row.openret : row.ret;
        out_.missing_return += ret != ret;
      }
    if (n_infinite_ > 0)
      out_.refusal = ErrorCode::INFINITE_SIGNAL;
    else if (n_impossible_ > 0)
      out_.refusal = ErrorCode::IMPOSSIBLE_DATES;
    else if (config_.lookahead == Lookahead::error && count("trade_before_avail").count > 0)
      out_.refusal = ErrorCode::TRADE_BEFORE_AVAIL;
    else if (n_bad_positions_ > 0)
      out_.refusal = ErrorCode::INVALID_POSITION;
    else if (rows_.empty())
      out_.refusal = ErrorCode::EMPTY_SIGNAL;
    else if (out_.rows_used == 0)
      out_.refusal = ErrorCode::NO_USABLE_ROWS;
    return std::move(out_);
  }

 private:
  NaiveCount& count(std::string_view name) {
    return *std::find_if(out_.counts.begin(), out_.counts.end(), [&](const NaiveCount& one) { return one.name == name; });
  }
  void drop(const char* cause, std::size_t row) {
    NaiveCount& one = count(cause);
    ++one.count;
    one.rows.push_back(static_cast<std::int64_t>(row));
  }
  int n_dates() const { return static_cast<int>(market_.dates.size()); }
  std::int64_t date(int n) const { return market_.dates[static_cast<std::size_t>(n)]; }
  /// Number of the first trading day on or after a day; n_dates() if there is none.
  int on_or_after(std::int64_t day) const {
    int n = 0;
    while (n < n_dates() && date(n) < day) ++n;
    return n;
  }

  /// Rules 1 to 6. Returns R, or -1 if it is outside the loaded dates.
  int find_return_day(const SignalRow& row, std::size_t i) {
    const bool has_avail = row.avail != kMissingTime, is_given = row.given != kMissingTime, open = config_.from_open;
    std::int64_t avail = has_avail ? row.avail / kMicrosPerDay : 0;
    if (has_avail && row.avail % kMicrosPerDay < 0) --avail;
    const std::int64_t time = row.avail - avail * kMicrosPerDay;
    bool is_impossible = has_avail && avail < row.sig;
    int trade = has_avail ? on_or_after(avail) : on_or_after(row.sig + 1);
    const bool is_trading_day = trade < n_dates() && date(trade) == avail;
    if (has_avail && is_trading_day && time >= (open ? 9 : 16) * kMicrosPerHour) ++trade;
    int r = is_given ? on_or_after(row.given) : open ? trade : trade + 1;
    const std::int64_t fixed_by = is_given ? row.given : has_avail ? avail : row.sig;
    if (fixed_by < date(0))
      r = n_dates();
    else if (is_given && r < n_dates() && date(r) != row.given)
      ++out_.return_day_rolled;
    r = r < n_dates() && r + config_.lag < n_dates() ? r + config_.lag : -1;
    if (r >= 0) {
      const bool is_before_open = open && has_avail && avail == date(r) && time > 0 && time < 9 * kMicrosPerHour;
      if (date(r) < row.sig || (date(r) == row.sig && !is_before_open)) is_impossible = true;
      if (is_given && has_avail && trade > (open ? r : r - 1)) drop("trade_before_avail", i);
    }
    n_impossible_ += is_impossible;
    return r >= market_.view.first && r <= market_.view.last ? r : -1;
  }

  /// The as-of row: the newest row up to day n-1, no more than five days older; with return_day the row of n.
  const PanelRow* find_asof(std::int64_t id, int n) const {
    if (config_.characteristics_asof == CharacteristicsAsof::return_day) return market_.find(id, n);
    for (int m = n - 1; m >= 0 && date(n - 1) - date(m) <= kMaxAge; --m)
      if (const PanelRow* row = market_.find(id, m)) return row;
    return nullptr;
  }

  bool is_in_universe(std::int64_t id, int n) const {
    if (config_.universe.empty()) return true;
    const PanelRow* const row = find_asof(id, n);
    return row && std::all_of(config_.universe.begin(), config_.universe.end(),
                              [&](const UniverseRule& rule) { return is_kept(rule, *row); });
  }
  bool is_kept(const UniverseRule& rule, const PanelRow& row) const {
    if (rule.column == "country")
      return !row.country.empty() && std::find(rule.texts.begin(), rule.texts.end(), row.country) != rule.texts.end();
    if (rule.column == "cap")
      return row.cap != kMissingCode && std::find(rule.numbers.begin(), rule.numbers.end(), row.cap) != rule.numbers.end();
    const double x = market_.stored(rule.column == "adv" ? row.adv : rule.column == "mcap" ? row.mcap : row.close_adj);
    return x == x && (!rule.min || x >= *rule.min) && (!rule.max || x <= *rule.max);
  }

  bool has_exposures(std::int64_t id, std::int64_t sig) const {
    if (config_.resid == Resid::off) return true;
    const PanelRow* row = nullptr;
    for (int m = on_or_after(sig + 1) - 1; m >= 0 && sig - date(m) <= kMaxAge && !row; --m) row = market_.find(id, m);
    if (!row) return false;
    const bool with_industry = config_.resid != Resid::factor, with_factors = config_.resid != Resid::industry;
    if (with_industry && row->industry == kMissingCode) return false;
    const bool has_mcap = market_.stored(row->mcap) == market_.stored(row->mcap);
    if (config_.neutralize_weight != NeutralizeWeight::equal && !(has_mcap && market_.stored(row->mcap) > 0.0)) return false;
    // The fuzzed factors of a user are mcap and adv.
    if (with_factors && !config_.factors.empty()) return has_mcap && market_.stored(row->adv) == market_.stored(row->adv);
    return !with_factors || std::all_of(row->exposures.begin(), row->exposures.end(), [](double x) { return x == x; });
  }

  bool is_bad_open(std::int64_t id, int n) const {
    return config_.from_open && config_.bad_open == BadOpen::drop && market_.find(id, n)->openret <= -0.95;
  }

  /// Rule 7 up to duplicates.
  void judge(std::size_t i) {
    const SignalRow& row = rows_[i];
    n_infinite_ += std::isinf(row.value);
    if (row.id == kMissingId || row.sig == kMissingTime) return drop("null_key", i);
    const int r = find_return_day(row, i);
    if (row.value != row.value) return drop("null_signal", i);
    if (!std::binary_search(market_.ids.begin(), market_.ids.end(), row.id)) return drop("unknown_security", i);
    if (r < 0) return drop("outside_dates", i);
    if (!market_.find(row.id, r)) return drop("no_return", i);
    if (config_.input_type == InputType::position && std::fabs(row.value) != 1.0 && row.value != 0.0) ++n_bad_positions_;
    if (!is_in_universe(row.id, r)) return drop("outside_universe", i);
    if (!has_exposures(row.id, row.sig)) return drop("no_exposure", i);
    by_place_[{row.id, r}].push_back(i);
  }

  /// The last row of a security and day wins; it may be a bad print. Earlier rows are the duplicates.
  void settle_duplicates() {
    std::vector<std::size_t> duplicates, bad_prints;
    for (const auto& [place, rows] : by_place_) {
      duplicates.insert(duplicates.end(), rows.begin(), rows.end() - 1);
      if (is_bad_open(place.first, place.second)) {
        bad_prints.push_back(rows.back());
        continue;
      }
      ++out_.rows_used;
      out_.used[place.second][place.first] = rows_[rows.back()].value + 0.0;
    }
    std::sort(duplicates.begin(), duplicates.end());
    std::sort(bad_prints.begin(), bad_prints.end());
    for (const std::size_t i : duplicates) drop("duplicate", i);
    for (const std::size_t i : bad_prints) drop("bad_open_print", i);
  }

  /// Rule 9.
  void extend_holding() {
    const auto rows = out_.used;
    for (const std::int64_t id : market_.ids) {
      double value = 0.0;
      std::int64_t until = -1;
      for (int n = market_.view.first; n <= market_.view.last; ++n) {
        const auto day = rows.find(n);
        const auto found = day == rows.end() ? std::map<std::int64_t, double>::const_iterator{} : day->second.find(id);
        if (day != rows.end() && found != day->second.end()) {
          value = found->second;
          until = std::int64_t{n} + config_.hold_days - 1;
        } else if (n <= until && market_.find(id, n) && is_in_universe(id, n) && !is_bad_open(id, n)) {
          out_.used[n][id] = value;
          ++out_.rows_carried;
        }
      }
    }
  }

  const FuzzMarket& market_;
  const RunConfig& config_;
  const std::vector<SignalRow>& rows_;
  std::map<std::pair<std::int64_t, int>, std::vector<std::size_t>> by_place_;
  std::int64_t n_infinite_ = 0, n_impossible_ = 0, n_bad_positions_ = 0;
  NaiveAlignment out_;
};

/// 1 long, -1 short, 0 flat.
int side_of(double s, const std::map<std::int64_t, double>& names, const RunConfig& config) {
  if (config.input_type == InputType::position || config.input_type == InputType::weight) return (s > 0.0) - (s < 0.0);
  double below = 0.0, equal = 0.0, lowest = s, highest = s;
  for (const auto& [id, other] : names) {
    below += other < s;
    equal += other == s;
    lowest = std::min(lowest, other);
    highest = std::max(highest, other);
  }
  if (config.input_type == InputType::fractile) return lowest == highest ? 0 : (s == highest) - (s == lowest);
  const double rank = below + (equal + 1.0) / 2.0, m = static_cast<double>(names.size());
  if (100.0 * rank <= config.fractile[0] * m) return -1;
  return 100.0 * rank > config.fractile[1] * m ? 1 : 0;
}

}  // namespace

NaiveAlignment align_naively(const SignalCase& made) { return Naive(made).run(); }

std::optional<std::map<std::int64_t, double>> weigh_naively(const std::map<std::int64_t, double>& names,
                                                            const RunConfig& config) {
  const bool is_plain = config.rank_within.empty() && config.breakpoints.empty() && !config.exit_fractile &&
                        config.overlap == 1 && config.max_weight == 1.0;
  if (!is_plain || config.resid != Resid::off || config.sort_method == SortMethod::double_ || config.weight != Weight::equal)
    return std::nullopt;
  std::map<std::int64_t, double> weights;
  int n_long = 0, n_short = 0;
  for (const auto& [id, s] : names) {
    const int side = side_of(s, names, config);
    if (side == 0 || (side < 0 && config.method == Method::long_only)) continue;
    ++(side > 0 ? n_long : n_short);
    weights[id] = config.input_type == InputType::weight ? s : side;
  }
  if (n_long < config.mincos || (config.method == Method::long_short && n_short < config.mincos))
    return std::map<std::int64_t, double>{};
  // Large weights are summed as shares of the largest, so that their sum is finite. A weight that vanishes beside the largest
  // becomes 0, and its sign still gives its side.
  for (const bool is_long : {true, false}) {
    double largest = 0.0, sum = 0.0;
    for (const auto& [id, w] : weights)
      if (std::signbit(w) != is_long) largest = std::max(largest, std::fabs(w));
    for (const auto& [id, w] : weights)
      if (std::signbit(w) != is_long) sum += std::fabs(w) / largest;
    for (auto& [id, w] : weights)
      if (std::signbit(w) != is_long) w = w / largest / sum;
  }
  return weights;
}

}  // namespace fractile::fuzz
