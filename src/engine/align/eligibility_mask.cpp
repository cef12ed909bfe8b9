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

/// `option`: the one that has the rule.
Filter make_filter(const PanelView& panel, const UniverseRule& rule, const std::string& option) {
  const ColumnInfo& column = panel.require(rule.column, option);
  Filter filter;
  filter.column = panel.characteristic(rule.column);
  filter.is_list = rule.is_list;
  const bool is_text = column.kind == ColumnKind::text;
  if (is_text && (!rule.is_list || !rule.numbers.empty()))
    throw Error(ErrorCode::INVALID_VALUE, "expected a list of texts in " + option + " for the text column \"" + rule.column +
                                              "\", found numbers or a range. Write {\"" + rule.column + "\": [\"...\"]}.");
  if (!is_text && !rule.texts.empty())
    throw Error(ErrorCode::INVALID_VALUE, "expected numbers in " + option + " for the column \"" + rule.column +
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

std::vector<Filter> make_filters(const PanelView& panel, const Universe& rules, const std::string& option) {
  std::vector<Filter> filters;
  for (const UniverseRule& rule : rules) filters.push_back(make_filter(panel, rule, option));
  return filters;
}

/// `asof`: the row of the name's characteristics; kNoRow: all are missing.
bool keeps_all(const std::vector<Filter>& filters, RowIndex asof) noexcept {
  return asof != kNoRow && std::all_of(filters.begin(), filters.end(), [asof](const Filter& filter) {
           return filter.keeps(filter.column[asof]);  // NaN fails every comparison
         });
}

}  // namespace

EligibilityMask::EligibilityMask(const PanelView& panel, const RunConfig& config, int threads, const std::function<void()>& poll)
    : first_(panel.row_begin(panel.first())) {
  const std::vector<Filter> filters = make_filters(panel, config.universe, "universe");
  const Reals open_return = config.from_open && config.bad_open == BadOpen::drop ? panel.reals("openret") : Reals{};
  if (filters.empty() && !open_return) return;
  const double bad_open_return = open_return.round_bound(kBadOpenReturn);
  states_.assign(static_cast<std::size_t>(panel.row_end(panel.last()) - first_), RowState::open);
  const AsOf as_of(panel, config);
  parallel_for(
      threads, panel.n_days(),
      [&](int task, int) {
        const DateIndex n = panel.first() + task;
        for (RowIndex row = panel.row_begin(n); row < panel.row_end(n); ++row) {
          const bool inside = filters.empty() || keeps_all(filters, as_of.find_row(row, n));
          RowState& state = states_[static_cast<std::size_t>(row - first_)];
          if (!inside)
            state = RowState::outside_universe;
          else if (open_return && open_return[row] <= bad_open_return)
            state = RowState::bad_open_print;
        }
      },
      poll);
}

std::shared_ptr<const std::vector<std::uint64_t>> find_reference_rows(const PanelView& panel, const RunConfig& config) {
  RunConfig alone;
  alone.breakpoints = config.breakpoints;
  alone.characteristics_asof = config.characteristics_asof;
  const std::vector<Filter> filters = make_filters(panel, config.breakpoints, "breakpoints");
  return panel.marked_rows(config_to_json(alone, true), [&] {
    constexpr int kBits = 64;
    std::vector<std::uint64_t> out(static_cast<std::size_t>(panel.snapshot().row_capacity() / kBits + 1), 0);
    const AsOf as_of(panel, config);
    for (DateIndex n = panel.first(); n <= panel.last(); ++n)
      for (RowIndex row = panel.row_begin(n); row < panel.row_end(n); ++row)
        if (keeps_all(filters, as_of.find_row(row, n)))
          out[static_cast<std::size_t>(row / kBits)] |= std::uint64_t{1} << (row % kBits);
    return out;
  });
}

}  // namespace fractile
