// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <algorithm>
#include <cstddef>
#include <span>
#include <vector>

#include "engine/portfolio/book.hpp"

namespace fractile {

/// The columns of a book that are stored besides the weights.
struct StoredColumns {
  bool rows = true;
  bool securities = true;
};

/// The books of one day that are not flat, in few pieces of memory: a run with held books stores those of all days.
class FormedDay {
 public:
  struct Entry {
    int portfolio;
    std::span<const RowIndex> row;            ///< empty if it is not stored
    std::span<const SecurityIndex> security;  ///< empty if it is not stored
    std::span<const double> weight;
    int n_long, n_short;

    /// The book without previous rows, and without columns that are not stored.
    void copy_to(Book& book) const {
      book.clear();
      book.row.assign(row.begin(), row.end());
      book.security.assign(security.begin(), security.end());
      book.weight.assign(weight.begin(), weight.end());
      book.n_long = n_long;
      book.n_short = n_short;
    }
  };

  void clear() noexcept {
    books_.clear();
    row_.clear();
    security_.clear();
    weight_.clear();
  }
  /// Adds a book; portfolios ascend. Nothing if it is flat.
  void add(int portfolio, const Book& book, StoredColumns stored) {
    if (book.is_flat()) return;
    books_.push_back({portfolio, weight_.size(), weight_.size() + book.weight.size(), book.n_long, book.n_short});
    if (stored.rows) row_.insert(row_.end(), book.row.begin(), book.row.end());
    if (stored.securities) security_.insert(security_.end(), book.security.begin(), book.security.end());
    weight_.insert(weight_.end(), book.weight.begin(), book.weight.end());
  }
  std::size_t size() const noexcept { return books_.size(); }
  /// Bytes of the books.
  std::size_t bytes() const noexcept {
    return books_.size() * sizeof(Place) + row_.size() * sizeof(RowIndex) + security_.size() * sizeof(SecurityIndex) +
           weight_.size() * sizeof(double);
  }
  Entry operator[](std::size_t i) const noexcept {
    const Place& of = books_[i];
    const auto part_of = [&of](const auto& column) {
      return std::span(column).subspan(column.empty() ? 0 : of.begin, column.empty() ? 0 : of.end - of.begin);
    };
    return {of.portfolio, part_of(row_), part_of(security_), part_of(weight_), of.n_long, of.n_short};
  }
  /// The number of a portfolio's book; size() if it is flat.
  std::size_t find(int portfolio) const noexcept {
    const auto found = std::lower_bound(books_.begin(), books_.end(), portfolio,
                                        [](const Place& place, int wanted) { return place.portfolio < wanted; });
    return found != books_.end() && found->portfolio == portfolio ? static_cast<std::size_t>(found - books_.begin()) : size();
  }

 private:
  struct Place {
    int portfolio;
    std::size_t begin, end;
    int n_long, n_short;
  };
  std::vector<Place> books_;
  std::vector<RowIndex> row_;
  std::vector<SecurityIndex> security_;
  std::vector<double> weight_;
};

}  // namespace fractile
