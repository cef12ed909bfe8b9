// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "engine/align/eligibility_mask.hpp"

#include <algorithm>
#include <vector>

#include "engine/panel/as_of.hpp"
#include "fractile/error.hpp"
#include "parallel/workers.hpp"

namespace fractile {
namespace {

struct Filter {
  Characteristic column;
  double min = -__builtin_inf();
  double max = __builtin_inf();
  bool is_list = false;
  std::vector<double> members;  // ascending
  bool keeps(double value) const noexcept {
    // A missing value is outside the universe; the search would take NaN for any member.
    if (is_list) return value == value && std::binary_search(members.begin(), members.end(), value);
    return value >= min && value <= max;
  }
};

Filter make_filter(const PanelView& panel, const UniverseRule& rule) {
  const ColumnInfo& column = panel.require(rule.column, "universe");
  Filter filter;
  filter.column = panel.characteristic(rule.column);
  filter.is_list = rule.is_list;
  const bool is_text = column.kind == ColumnKind::text;
  if (is_text && (!rule.is_list || !rule.numbers.empty()))
    throw Error(ErrorCode::INVALID_VALUE, "expected a list of texts in universe for the text column \"" + rule.column +
                                              "\", found numbers or a range. Write {\"" + rule.column + "\": [\"...\"]}.");
  if (!is_text && !rule.texts.empty())
    throw Error(ErrorCode::INVALID_VALUE, "expected numbers in universe for the column \"" + rule.column +
                                              "\", found the text \"" + rule.texts.front() + "\". Write {\"" + rule.column +
                                              "\": [1, 2]} or a min and max.");
  const Reals& reals = filter.column.reals;
  const auto round_bound = [&](double bound) { return reals ? reals.round_bound(bound) : bound; };
  if (rule.min) filter.min = round_bound(*rule.min);
  if (rule.max) filter.max = round_bound(*rule.max);
  for (const double number : rule.numbers) filter.members.push_back(round_bound(number));
  if (is_text) {
    const auto& texts = panel.snapshot().dictionary(rule.column);
    for (const std::string& text : rule.texts) {
      const auto at = std::find(texts.begin(), texts.end(), text);
      if (at != texts.end()) filter.members.push_back(static_cast<double>(at - texts.begin()));
    }
  }
  std::sort(filter.members.begin(), filter.members.end());
  return filter;
}

}  // namespace

EligibilityMask::EligibilityMask(const PanelView& panel, const RunConfig& config, int threads, const std::function<void()>& poll)
    : first_(panel.row_begin(panel.first())) {
  std::vector<Filter> filters;
  for (const UniverseRule& rule : config.universe) filters.push_back(make_filter(panel, rule));
  const Reals open_return = config.from_open ? panel.reals("openret") : Reals{};
  if (filters.empty() && !open_return) return;
  const double bad_open_return = open_return.round_bound(kBadOpenReturn);
  states_.assign(static_cast<std::size_t>(panel.row_end(panel.last()) - first_), RowState::open);
  const AsOf as_of(panel, config);
  parallel_for(
      threads, panel.n_days(),
      [&](int task, int) {
        const DateIndex n = panel.first() + task;
        for (RowIndex row = panel.row_begin(n); row < panel.row_end(n); ++row) {
          bool inside = true;
          if (!filters.empty()) {
            const RowIndex asof = as_of.find_row(row, n);
            inside = asof != kNoRow && std::all_of(filters.begin(), filters.end(), [asof](const Filter& filter) {
                       return filter.keeps(filter.column[asof]);  // NaN fails every comparison
                     });
          }
          RowState& state = states_[static_cast<std::size_t>(row - first_)];
          if (!inside)
            state = RowState::outside_universe;
          else if (open_return && open_return[row] <= bad_open_return)
            state = RowState::bad_open_print;
        }
      },
      poll);
}

}  // namespace fractile
