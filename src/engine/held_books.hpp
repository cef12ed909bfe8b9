// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "engine/book_former.hpp"
#include "engine/formed_day.hpp"
#include "engine/panel/security_set.hpp"

/// Books that depend on earlier days: methodology sections 12 and 13.
namespace fractile {

/// The days of a portfolio's daily table; none if last < first.
struct TableDays {
  DateIndex first = 0;
  DateIndex last = -1;
};

/// The books of all days of a run with exit_fractile or overlap. Immutable after construction. Thread-safe.
class HeldBooks {
 public:
  static bool is_needed(const RunConfig& config) noexcept { return config.exit_fractile.has_value() || config.overlap > 1; }

  /// The candidates of one day, in memory that is reused.
  struct DayCandidates {
    std::vector<StoredCandidates> stored;
    std::size_t count = 0;  ///< those in use, the first
    StoredCandidates& add() {
      if (count == stored.size()) stored.emplace_back();
      return stored[count++];
    }
  };
  /// The books of a run, in memory that the next run uses again.
  struct Memory {
    std::vector<FormedDay> days;            ///< the books of an exit rule are not weighed yet
    std::vector<DayCandidates> candidates;  ///< of some days, for an exit rule
    /// The size of the days, by far the larger part.
    std::size_t bytes() const noexcept;
  };

  /// Makes the object with which one thread of the run reads days.
  using MakeNames = std::function<std::unique_ptr<DayNames>()>;
  /// Ranks and forms the books of all loaded days, in `memory`. Throws the errors of DayNames and BookFormer.
  HeldBooks(const PanelView& panel, const RunConfig& config, const Portfolios& portfolios, const MakeNames& make_names,
            int threads, const std::function<void()>& poll, Memory& memory);

  /// Memory of one thread.
  struct Scratch {
    std::vector<double> sum;  // by security; all 0 between calls
    SecuritySet held;
    std::vector<std::uint32_t> securities;  // those of `held`
    std::vector<RowIndex> rows;
  };
  /// Fills the books of day n, by portfolio, and lists those that are not flat, ascending. `former`: of the calling thread.
  void read(DateIndex n, BookFormer& former, Scratch& scratch, std::vector<Book>& books, std::vector<int>& held) const;
  /// BookFormer::is_two_sided() of day n.
  std::span<const std::uint8_t> is_two_sided(DateIndex n) const noexcept { return is_two_sided_[at(n)]; }
  /// The table days by portfolio, without the ramp-up and run-off of an overlap.
  std::span<const TableDays> table_days() const noexcept { return table_days_; }
  /// Sums over all days, without left_panel.
  const DayCounts& counts() const noexcept { return counts_; }
  bool has_duplicates() const noexcept { return has_duplicates_; }

 private:
  std::size_t at(DateIndex n) const noexcept { return static_cast<std::size_t>(n - panel_.first()); }
  /// The objects with which one thread forms books.
  struct Thread {
    std::unique_ptr<DayNames> names;
    std::unique_ptr<BookFormer> former;
    CrossSections::Scratch scratch;
    DayCounts counts;
    FormedDay day;
    Book book;
  };
  template <class Visit>
  void visit_days(int block, Visit&& visit) const;
  template <class Show, class Finish>
  void sort_block(Thread& own, int block, Show&& show, Finish&& finish) const;
  void store(FormedDay& day, DateIndex n);
  void form_block(Thread& own, int block);
  void apply_exit_rule(const std::function<Thread&(int slot)>& make_thread, int n_blocks, int threads,
                       const std::function<void()>& poll);
  void find_table_days(int n_portfolios);
  bool is_tradable(RowIndex row) const noexcept;
  void mix(int portfolio, DateIndex n, Scratch& scratch, Book& book) const;
  void find_rows(DateIndex n, Scratch& scratch) const;

  const PanelView& panel_;
  const RunConfig& config_;
  const Portfolios& portfolios_;
  Reals open_return_;  // empty if no open return closes a name
  StoredColumns stored_;
  Memory& memory_;
  std::vector<FormedDay>& days_;  // of memory_
  std::vector<std::vector<std::uint8_t>> is_two_sided_;
  std::vector<TableDays> table_days_;  // by portfolio
  DayCounts counts_;
  bool has_duplicates_ = false;
};

}  // namespace fractile
