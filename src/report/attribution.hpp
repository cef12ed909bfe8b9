// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "fractile/result.hpp"
#include "fractile/return_series.hpp"

/// The returns of a book explained by factors or by other books, as docs/how_to_regressions.md describes it.
namespace fractile {

struct Attribution {
  Table table;  ///< name, coefficient, se, t, p: alpha first, then a row per factor
  double alpha, alpha_annualised;
  double r2;         ///< NaN if the returns are constant
  double appraisal;  ///< alpha over the deviation of the residuals, annualised
  std::int64_t periods;
  std::int64_t left_out;  ///< dates that one side lacks, or on which a value is NaN
};

/// Least squares of a book's returns on factors of the same dates. `lags`: of Newey and West; below 0 floor(4 (n/100)^(2/9)).
/// Throws INVALID_VALUE on collinear factors, fewer than k + 2 common dates (k with the constant), a date that comes twice in one
/// series, an infinite return.
Attribution attribute(const ReturnSeries& book, std::span<const ReturnSeries> factors, std::int64_t lags,
                      double periods_per_year);

/// If other books span a book.
struct Spanning {
  double alpha, t;          ///< per period; t of Newey and West
  double sharpe2_increase;  ///< of the squared Sharpe ratio per period of the best mixture
  double f, p;              ///< Gibbons, Ross and Shanken (1989), one book
  std::int64_t periods;
};

/// Throws as attribute().
Spanning test_spanning(const ReturnSeries& book, std::span<const ReturnSeries> others);

/// A member of a library beside a signal.
struct LibraryMember {
  std::string name;
  double rank_correlation, common;  ///< of the signals: compare_signals()
  double return_correlation;        ///< of the books, on their common dates; NaN if one is constant there
  double alpha_t;                   ///< t of the alpha that the book earns beyond the member's; NaN if they are one book
};

LibraryMember compare_books(const ReturnSeries& book, const ReturnSeries& other, double rank_correlation, double common);
/// One row per member, the nearest by the size of rank_correlation first; NaN last; ties in the given order.
Table library_table(std::vector<LibraryMember> members);

/// One series of a result's overall book: ret, ret_net, resret, resret_net, ret_l, ret_s. Throws INVALID_VALUE on another name.
ReturnSeries book_returns(const Result& result, const std::string& name, const std::string& series);

}  // namespace fractile
