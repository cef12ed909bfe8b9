// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "engine/held_books.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "engine/align/alignment.hpp"
#include "engine/align/eligibility_mask.hpp"
#include "parallel/workers.hpp"

namespace fractile {
namespace {

/// A smaller mean of weights is only the rounding error of 0.
constexpr double kNoWeight = 1e-12;

DayCounts make_counts(const Portfolios& portfolios) {
  DayCounts counts;
  counts.missing_group.resize(portfolios.groupings.size());
  counts.has_names.resize(static_cast<std::size_t>(portfolios.count));
  return counts;
}

}  // namespace

std::size_t HeldBooks::Memory::bytes() const noexcept {
  std::size_t sum = 0;
  for (const FormedDay& day : days) sum += day.bytes();
  return sum;
}

HeldBooks::HeldBooks(const PanelView& panel, const RunConfig& config, const Portfolios& portfolios, const MakeNames& make_names,
                     int threads, const std::function<void()>& poll, Memory& memory)
    : panel_(panel),
      config_(config),
      portfolios_(portfolios),
      stored_{.rows = config.exit_fractile.has_value(), .securities = config.overlap > 1},
      memory_(memory),
      days_(memory.days),
      is_two_sided_(static_cast<std::size_t>(panel.n_days())),
      counts_(make_counts(portfolios)) {
  days_.resize(is_two_sided_.size());
  if (config.from_open && config.bad_open == BadOpen::drop) open_return_ = panel.reals("openret");
  std::vector<Thread> of_slot(static_cast<std::size_t>(threads));
  const auto make_thread = [&](int slot) -> Thread& {
    Thread& own = of_slot[static_cast<std::size_t>(slot)];
    if (own.names) return own;
    own.names = make_names();
    own.former = std::make_unique<BookFormer>(panel, config, portfolios);
    own.counts = make_counts(portfolios);
    return own;
  };
  const int n_blocks = (panel.n_days() + Alignment::kBlockDays - 1) / Alignment::kBlockDays;
  if (config.exit_fractile) {
    apply_exit_rule(make_thread, n_blocks, threads, poll);
  } else {
    parallel_for(threads, n_blocks, [&](int block, int slot) { form_block(make_thread(slot), block); }, poll);
  }
  for (const Thread& own : of_slot)
    if (own.names) {
      counts_.merge(own.counts);
      has_duplicates_ |= own.names->has_duplicates();
    }
  find_table_days(portfolios.count);
}

/// Calls visit(n) for the days of a block.
template <class Visit>
void HeldBooks::visit_days(int block, Visit&& visit) const {
  const DateIndex begin = panel_.first() + block * Alignment::kBlockDays;
  for (DateIndex n = begin; n < std::min(panel_.last() + 1, begin + Alignment::kBlockDays); ++n) visit(n);
}

/// Calls show(n, portfolio, candidates) for the portfolios of each day of a block, then finish(n).
template <class Show, class Finish>
void HeldBooks::sort_block(Thread& own, int block, Show&& show, Finish&& finish) const {
  own.names->start(own.scratch);
  visit_days(block, [&](DateIndex n) {
    own.names->read(n);
    own.names->count_missing(own.counts);
    own.former->sort(*own.names, n, &own.counts, [&](int portfolio, const Candidates& found) { show(n, portfolio, found); });
    finish(n);
  });
}

void HeldBooks::form_block(Thread& own, int block) {
  const Book no_book;
  own.day.clear();
  const auto show = [&](DateIndex n, int portfolio, const Candidates& found) {
    own.former->form(portfolio, found, no_book, n, &own.counts, own.book);
    own.day.add(portfolio, own.book, stored_);
    if (portfolio != 0) return;
    const auto flags = own.former->is_two_sided();
    is_two_sided_[at(n)].assign(flags.begin(), flags.end());
  };
  sort_block(own, block, show, [&](DateIndex n) { store(own.day, n); });
}

/// Stores a day in memory of its size, and clears it.
void HeldBooks::store(FormedDay& day, DateIndex n) {
  days_[at(n)] = day;
  day.clear();
}

/// One thread chooses the books in order of days, because each book decides that of the next day. Meanwhile the others rank the
/// names of the next blocks of days.
void HeldBooks::apply_exit_rule(const std::function<Thread&(int slot)>& make_thread, int n_blocks, int threads,
                                const std::function<void()>& poll) {
  constexpr int kBlocks = 8;                                  // so few that their candidates stay in the cache
  constexpr int kDays = 2 * kBlocks * Alignment::kBlockDays;  // of the blocks that are chosen, and of those that are ranked
  memory_.candidates.resize(kDays);
  const auto candidates_of = [&](DateIndex n) -> DayCandidates& { return memory_.candidates[at(n) % kDays]; };
  BookFormer chooser(panel_, config_, portfolios_);
  struct LastBook {
    DateIndex n = -1;
    Book book;
  };
  std::vector<LastBook> last(static_cast<std::size_t>(portfolios_.count));
  Book book;
  const Book no_book;
  FormedDay day;
  const auto choose = [&](DateIndex n) {
    const DayCandidates& of_day = candidates_of(n);
    for (const StoredCandidates& stored : std::span(of_day.stored).first(of_day.count)) {
      LastBook& before = last[static_cast<std::size_t>(stored.portfolio)];
      chooser.choose(stored.portfolio, stored.view(), before.n == n - 1 ? before.book : no_book, n, &counts_, book);
      if (book.is_flat()) continue;
      day.add(stored.portfolio, book, stored_);
      std::swap(before.book, book);
      before.n = n;
    }
    store(day, n);
    const auto flags = chooser.is_two_sided();
    is_two_sided_[at(n)].assign(flags.begin(), flags.end());
  };
  const auto rank = [&](int block, int slot) {
    visit_days(block, [&](DateIndex n) { candidates_of(n).count = 0; });
    const auto keep = [&](DateIndex n, int portfolio, const Candidates& found) {
      candidates_of(n).add().assign(portfolio, found, panel_);
    };
    sort_block(make_thread(slot), block, keep, [](DateIndex) {});
  };
  for (int first = 0; first < n_blocks + kBlocks; first += kBlocks) {
    const int n_ranked = std::clamp(n_blocks - first, 0, kBlocks);
    const int n_chosen = first > 0;
    parallel_for(
        threads, n_chosen + n_ranked,
        [&](int task, int slot) {
          if (task < n_chosen)
            for (int block = first - kBlocks; block < std::min(first, n_blocks); ++block) visit_days(block, choose);
          else
            rank(first + task - n_chosen, slot);
        },
        poll);
  }
}

void HeldBooks::find_table_days(int n_portfolios) {
  table_days_.resize(static_cast<std::size_t>(n_portfolios));
  for (DateIndex n = panel_.first(); n <= panel_.last(); ++n) {
    const FormedDay& day = days_[at(n)];
    for (std::size_t i = 0; i < day.size(); ++i) {
      TableDays& table = table_days_[static_cast<std::size_t>(day[i].portfolio)];
      if (table.last < 0) table.first = n + config_.overlap - 1;
      table.last = n;
    }
  }
}

void HeldBooks::read(DateIndex n, BookFormer& former, Scratch& scratch, std::vector<Book>& books, std::vector<int>& held) const {
  if (config_.overlap == 1) {
    const FormedDay& day = days_[at(n)];
    for (std::size_t i = 0; i < day.size(); ++i) {
      const int portfolio = day[i].portfolio;
      Book& book = books[static_cast<std::size_t>(portfolio)];
      day[i].copy_to(book);
      former.weigh(book);
      held.push_back(portfolio);
    }
    return;
  }
  for (std::size_t p = 0; p < table_days_.size(); ++p) {
    if (n < table_days_[p].first || n > table_days_[p].last) continue;
    mix(static_cast<int>(p), n, scratch, books[p]);
    if (!books[p].is_flat()) held.push_back(static_cast<int>(p));
  }
}

bool HeldBooks::is_tradable(RowIndex row) const noexcept {
  return !open_return_ || !(open_return_[row] <= open_return_.round_bound(kBadOpenReturn));
}

/// The mean of the formed books of the last `overlap` days. Sums run from the newest book to the oldest.
void HeldBooks::mix(int portfolio, DateIndex n, Scratch& scratch, Book& book) const {
  scratch.sum.resize(panel_.ranges().size(), 0.0);
  scratch.held.reset(panel_.ranges().size());
  for (DateIndex day = n; day > n - config_.overlap; --day) {
    const FormedDay& of_day = days_[at(day)];
    const std::size_t found = of_day.find(portfolio);
    if (found == of_day.size()) continue;
    const FormedDay::Entry formed = of_day[found];
    for (std::size_t i = 0; i < formed.security.size(); ++i) {
      const auto security = static_cast<std::size_t>(formed.security[i]);
      scratch.sum[security] += formed.weight[i];
      scratch.held.add(security);
    }
  }
  scratch.held.list(scratch.securities);
  find_rows(n, scratch);
  book.clear();
  const double share = 1.0 / config_.overlap;
  for (const RowIndex row : scratch.rows) {
    const SecurityIndex security = panel_.security_of_row(row);
    const double weight = scratch.sum[static_cast<std::size_t>(security)] * share;
    if (!(std::fabs(weight) >= kNoWeight) || !is_tradable(row)) continue;
    book.security.push_back(security);
    book.row.push_back(row);
    book.weight.push_back(weight);
    book.previous.push_back(panel_.previous_row(row));
    ++(weight > 0.0 ? book.n_long : book.n_short);
  }
  for (const std::uint32_t security : scratch.securities) scratch.sum[security] = 0.0;
}

/// The rows of day n whose securities are held, ascending.
void HeldBooks::find_rows(DateIndex n, Scratch& scratch) const {
  const RowIndex first_row = panel_.row_begin(n), end_row = panel_.row_end(n);
  const auto n_rows = static_cast<std::size_t>(end_row - first_row);
  constexpr std::size_t kManyRows = 16;  // rows per name, above which a search for each name is cheaper
  std::size_t count = 0;
  if (n_rows <= kManyRows * scratch.securities.size()) {
    scratch.rows.resize(n_rows + 1);
    for (RowIndex row = first_row; row < end_row; ++row) {
      scratch.rows[count] = row;
      count += scratch.held.has(static_cast<std::size_t>(panel_.security_of_row(row)));
    }
  } else {
    scratch.rows.resize(scratch.securities.size() + 1);
    for (const std::uint32_t security : scratch.securities) {
      const RowIndex row = panel_.find_row(static_cast<SecurityIndex>(security), n);
      scratch.rows[count] = row;
      count += row != kNoRow;
    }
  }
  scratch.rows.resize(count);
}

}  // namespace fractile
