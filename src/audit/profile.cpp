// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "audit/profile.hpp"

#include <algorithm>

#include "engine/align/cross_sections.hpp"
#include "engine/portfolio/rank.hpp"
#include "fractile/types.hpp"
#include "parallel/huge_array.hpp"
#include "parallel/workers.hpp"
#include "stats/moments.hpp"
#include "stats/rank_correlation.hpp"

namespace fractile::audit {
namespace {

constexpr auto kPoints = static_cast<std::size_t>(kOffsets);

/// Numbers in the order of a column of values within each loaded day, as RankCorrelation reads them.
template <class Number>
struct RankedDays {
  HugeArray<Number> rank;           // by panel row from the first loaded; kNoRank for a missing value
  std::vector<std::int32_t> names;  // values, by loaded day

  RankedDays(std::size_t n_rows, std::size_t n_days) : names(n_days, 0) { rank.reserve(n_rows); }
};

/// Memory of the ranks of a day.
struct DayScratch {
  std::vector<double> values, ranks;
  std::vector<std::size_t> places;
  RankScratch rank;
};

/// out[i]: the average rank of values[i] less one, rounded down; kNoRank if it is NaN. Returns how many values are not NaN.
template <class Number>
std::int32_t rank_day_values(std::span<const double> values, DayScratch& scratch, Number* out) {
  scratch.values.resize(values.size());
  scratch.places.resize(values.size());
  std::size_t n = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    out[i] = kNoRank;
    scratch.values[n] = values[i];
    scratch.places[n] = i;
    n += values[i] == values[i];
  }
  average_ranks(std::span(scratch.values).first(n), scratch.rank, scratch.ranks);
  for (std::size_t i = 0; i < n; ++i)
    out[scratch.places[i]] = static_cast<Number>(static_cast<std::int32_t>(scratch.ranks[i]) - 1);
  return static_cast<std::int32_t>(n);
}

/// `Number`: as RankCorrelation has it.
template <class Number>
class ProfileRun {
 public:
  ProfileRun(const PanelView& panel, const Alignment& alignment, const double* values, int first_k, std::string_view returns,
             int threads, const std::function<void()>& poll)
      : panel_(panel),
        sections_(panel, alignment, values, nullptr),
        returns_(panel.reals(returns)),
        first_k_(first_k),
        threads_(threads),
        poll_(poll),
        first_row_(panel.row_begin(panel.first())),
        n_days_(static_cast<std::size_t>(panel.n_days())),
        by_return_(n_rows(), n_days_),
        by_signal_(n_rows(), n_days_),
        is_constant_(n_days_, 0),
        ic_(n_days_ * kPoints, kNaN),
        ic_names_(n_days_ * kPoints, 0),
        autocorrelation_(n_days_, kNaN) {}

  Profile run() {
    rank_days();
    correlate_days();
    return summarise();
  }

 private:
  struct Scratch {
    CrossSections::Scratch section;
    DayScratch day;
    std::vector<double> returns;
    RankCorrelation<Number> correlation;
    std::vector<std::int32_t> securities;  // the names of a day
    std::vector<Number> signal;            // their ranks
    std::vector<Number> others;            // ranks of returns of the same names by place in the window
    std::vector<Number> other;             // ranks of signals of another day of the same names
    std::vector<Number> window;            // ranks of returns of kPoints days, by security and the day modulo kPoints
  };

  std::size_t n_rows() const { return static_cast<std::size_t>(panel_.row_end(panel_.last()) - first_row_); }
  std::size_t at(RowIndex row) const noexcept { return static_cast<std::size_t>(row - first_row_); }

  /// body(first, one past the last) of chunks of loaded days.
  template <class Body>
  void for_chunks_of_days(Body&& body) {
    constexpr int kDays = 4 * Alignment::kBlockDays;
    std::vector<Scratch> scratches(static_cast<std::size_t>(threads_));
    const int n_days = panel_.n_days();
    parallel_for(
        threads_, (n_days + kDays - 1) / kDays,
        [&](int chunk, int slot) {
          body(chunk * kDays, std::min(n_days, (chunk + 1) * kDays), scratches[static_cast<std::size_t>(slot)]);
        },
        poll_);
  }

  void rank_day(int day, Scratch& scratch) {
    const auto t = static_cast<std::size_t>(day);
    const DateIndex n = panel_.first() + day;
    const RowIndex begin = panel_.row_begin(n);
    const auto n_names = static_cast<std::size_t>(panel_.row_end(n) - begin);
    scratch.returns.resize(n_names);
    for (std::size_t i = 0; i < n_names; ++i) scratch.returns[i] = returns_[begin + static_cast<RowIndex>(i)];
    by_return_.names[t] = rank_day_values(scratch.returns, scratch.day, by_return_.rank.data() + at(begin));
    bool has_duplicates = false;
    const CrossSection section = sections_.read(n, scratch.section, has_duplicates);
    const std::int32_t n_signals = rank_day_values(section.values, scratch.day, by_signal_.rank.data() + at(begin));
    by_signal_.names[t] = n_signals;
    const std::vector<double>& ranks = scratch.day.ranks;
    is_constant_[t] = n_signals > 1 && std::equal(ranks.begin() + 1, ranks.end(), ranks.begin());
  }

  void rank_days() {
    for_chunks_of_days([this](int chunk_begin, int chunk_end, Scratch& scratch) {
      scratch.section.block = -1;
      for (int day = chunk_begin; day < chunk_end; ++day) rank_day(day, scratch);
    });
    std::int32_t before = -1;
    for (std::size_t t = 0; t < n_days_; ++t) {
      day_before_.push_back(before);
      if (by_signal_.names[t] > 0) before = static_cast<std::int32_t>(t);
    }
  }

  void correlate_days() {
    for_chunks_of_days([this](int chunk_begin, int chunk_end, Scratch& scratch) {
      scratch.window.resize(kPoints * panel_.ranges().size());
      for (int k = kFirstOffset; k < kLastOffset; ++k) fill_window(chunk_begin + k - first_k_, scratch);
      for (int day = chunk_begin; day < chunk_end; ++day) {
        fill_window(day + kLastOffset - first_k_, scratch);
        correlate_day(day, scratch);
      }
    });
  }

  bool is_loaded(int day) const noexcept { return day >= 0 && day < panel_.n_days(); }

  /// The place of a loaded day among the days of the window.
  static std::size_t place_of(int day) noexcept { return static_cast<std::size_t>(day) % kPoints; }

  /// Puts a day's ranks of returns into the window, in place of those of the day kPoints before: the window stays in the cache.
  void fill_window(int day, Scratch& scratch) const {
    if (!is_loaded(day)) return;
    Number* const of_day = scratch.window.data() + place_of(day);
    const std::size_t n_securities = panel_.ranges().size();
    for (std::size_t s = 0; s < n_securities; ++s) of_day[s * kPoints] = Number{kNoRank};
    const DateIndex n = panel_.first() + day;
    for (RowIndex row = panel_.row_begin(n); row < panel_.row_end(n); ++row)
      of_day[static_cast<std::size_t>(panel_.security_of_row(row)) * kPoints] = by_return_.rank[at(row)];
  }

  /// Gathers the names of a day from the window. The days of a name share a line of the cache, so all are read at once.
  void read_window(Scratch& scratch) const {
    const std::size_t n_names = scratch.securities.size();
    scratch.others.resize(kPoints * n_names);
    Number* const out = scratch.others.data();
    for (std::size_t i = 0; i < n_names; ++i) {
      const Number* const days = scratch.window.data() + static_cast<std::size_t>(scratch.securities[i]) * kPoints;
      for (std::size_t place = 0; place < kPoints; ++place) out[place * n_names + i] = days[place];
    }
  }

  void correlate_day(int day, Scratch& scratch) {
    const auto t = static_cast<std::size_t>(day);
    if (by_signal_.names[t] == 0) return;
    scratch.signal.clear();
    scratch.securities.clear();
    const DateIndex n = panel_.first() + day;
    for (RowIndex row = panel_.row_begin(n); row < panel_.row_end(n); ++row) {
      if (by_signal_.rank[at(row)] == kNoRank) continue;
      scratch.signal.push_back(by_signal_.rank[at(row)]);
      scratch.securities.push_back(panel_.security_of_row(row));
    }
    scratch.correlation.set(scratch.signal, by_signal_.names[t]);
    read_window(scratch);
    const std::size_t n_names = scratch.signal.size();
    for (std::size_t j = 0; j < kPoints; ++j) {
      const int other = day + kFirstOffset + static_cast<int>(j) - first_k_;
      if (!is_loaded(other)) continue;
      const std::span<const Number> of_day(scratch.others.data() + place_of(other) * n_names, n_names);
      const auto found = scratch.correlation.compute(of_day, by_return_.names[static_cast<std::size_t>(other)]);
      ic_[t * kPoints + j] = found.value;
      ic_names_[t * kPoints + j] = found.names;
    }
    if (day_before_[t] >= 0) autocorrelation_[t] = correlate_with_signal_of(day_before_[t], scratch);
  }

  double correlate_with_signal_of(int other, Scratch& scratch) const {
    const DateIndex m = panel_.first() + other;
    const RowIndex begin = panel_.row_begin(m), end = panel_.row_end(m);
    scratch.other.resize(scratch.signal.size());
    for (std::size_t i = 0; i < scratch.other.size(); ++i) {
      const RowIndex row = panel_.find_row(scratch.securities[i], m);
      scratch.other[i] = row >= begin && row < end ? by_signal_.rank[at(row)] : Number{kNoRank};
    }
    return scratch.correlation.compute(scratch.other, by_signal_.names[static_cast<std::size_t>(other)]).value;
  }

  ProfilePoint summarise_point(std::size_t j) const {
    std::vector<double> ic, names, share;
    for (std::size_t t = 0; t < n_days_; ++t) {
      const double value = ic_[t * kPoints + j];
      if (value != value) continue;
      ic.push_back(value);
      names.push_back(ic_names_[t * kPoints + j]);
      share.push_back(names.back() / by_signal_.names[t]);
    }
    ProfilePoint point{kFirstOffset + static_cast<int>(j), kNaN, kNaN, static_cast<std::int64_t>(ic.size()), kNaN, kNaN};
    if (ic.empty()) return point;
    point.ic = mean(ic) + 0.0;
    point.t_nw = newey_west_t_statistic(ic) + 0.0;
    point.names = mean(names);
    point.share = mean(share);
    return point;
  }

  Profile summarise() const {
    Profile out{};
    for (std::size_t j = 0; j < kPoints; ++j) out.points[j] = summarise_point(j);
    std::vector<double> autocorrelations;
    for (std::size_t t = 0; t < n_days_; ++t) {
      if (autocorrelation_[t] == autocorrelation_[t]) autocorrelations.push_back(autocorrelation_[t]);
      out.days += by_signal_.names[t] > 0;
      if (is_constant_[t] != 0) out.constant_days.push_back(panel_.first() + static_cast<DateIndex>(t));
    }
    out.autocorrelation = autocorrelations.empty() ? kNaN : mean(autocorrelations);
    return out;
  }

  const PanelView& panel_;
  CrossSections sections_;
  Reals returns_;
  int first_k_;
  int threads_;
  const std::function<void()>& poll_;
  RowIndex first_row_;
  std::size_t n_days_;
  RankedDays<Number> by_return_, by_signal_;
  // By loaded day.
  std::vector<std::uint8_t> is_constant_;  // several signals, all equal
  std::vector<std::int32_t> day_before_;   // the newest earlier one with a signal, or -1
  std::vector<double> ic_;                 // kPoints per day
  std::vector<std::int32_t> ic_names_;     // the same
  std::vector<double> autocorrelation_;
};

}  // namespace

const ProfilePoint& Profile::at(int k) const noexcept {
  static const ProfilePoint kOutside{0, kNaN, kNaN, 0, kNaN, kNaN};
  return k < kFirstOffset || k > kLastOffset ? kOutside : points[static_cast<std::size_t>(k - kFirstOffset)];
}

Profile measure_profile(const PanelView& panel, const Alignment& alignment, const double* values, int first_k,
                        std::string_view return_column, int threads, const std::function<void()>& poll) {
  std::int64_t widest = 0;
  for (DateIndex day = panel.first(); day <= panel.last(); ++day)
    widest = std::max(widest, static_cast<std::int64_t>(panel.row_end(day) - panel.row_begin(day)));
  if (widest <= static_cast<std::int64_t>(RankCorrelation<std::int16_t>::kMaxNames))
    return ProfileRun<std::int16_t>(panel, alignment, values, first_k, return_column, threads, poll).run();
  return ProfileRun<std::int32_t>(panel, alignment, values, first_k, return_column, threads, poll).run();
}

}  // namespace fractile::audit
