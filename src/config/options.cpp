// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "config/options.hpp"

#include <algorithm>

namespace fractile {
namespace {

constexpr double kBig = 1e9;

const std::vector<OptionInfo>& table() {
  using enum OptionType;
  static const std::vector<OptionInfo> kTable{
      {"sigvar", text, "\"signal\"", {}, 0, 0, "Name of the signal's value column."},
      {"byvar_list",
       texts,
       "[\"overall\"]",
       {},
       0,
       0,
       "Groups to report: overall, year, quarter, month, or any category of the panel."},
      {"fractile", two_reals, "[10,90]", {}, 0, 0, "Percent: short up to the first, long above the second."},
      {"weight", choice, "\"equal\"", {"equal", "value", "volume"}, 0, 0, "Weights within a side."},
      {"resid",
       OptionType::resid,
       "\"off\"",
       {"off", "industry", "factor", "all"},
       0,
       0,
       "What is taken out of the signal first; true takes resid_style."},
      {"resid_style", choice, "\"all\"", {"industry", "factor", "all"}, 0, 0, "What resid=true means."},
      {"from_open", boolean, "false", {}, 0, 0, "Trade at the open and earn openret, not at the close."},
      {"mincos", whole, "10", {}, 1, kBig, "Least names a side; with fewer a group is flat that day."},
      {"calc_turnover", boolean, "true", {}, 0, 0, "Compute turnover and costs."},
      {"lag", whole, "0", {}, 0, 100000, "Trading days added to the return day."},
      {"method", choice, "\"long_short\"", {"long_short", "long_only"}, 0, 0, "Which sides are held."},
      {"input_type", choice, "\"value\"", {"value", "fractile", "position", "weight"}, 0, 0, "What the signal's numbers are."},
      {"sort_method", choice, "\"single\"", {"single", "double"}, 0, 0, "Rank all names, or within bins of double_var."},
      {"double_var", text, "null", {}, 0, 0, "Panel column of a double sort's first sort."},
      {"double_frac", whole, "3", {}, 2, 100, "Bins of a double sort's first sort."},
      {"upper_pct", real, "95", {}, 50, 100, "Percent at which mcap or adv is clipped within a side."},
      {"tc_model", choice, "\"naive\"", {"naive", "power_law"}, 0, 0, "Cost model."},
      {"tc_level",
       bps_map,
       "{\"big\":2,\"median\":5,\"small\":10}",
       {"big", "median", "small"},
       0,
       0,
       "Naive cost in basis points by cap."},
      {"tc_value", two_reals, "[0.35,0.4]", {}, 0, 0, "beta and alpha of the power law."},
      {"gmv_musd", real, "10", {}, 1e-9, 1e9, "Book size of the power law, million dollars."},
      {"drift", boolean, "false", {}, 0, 0, "Let weights drift with returns before they are traded."},
      {"lookahead", choice, "\"warn\"", {"warn", "error"}, 0, 0, "Rows traded before date_avail: warn or refuse."},
      {"characteristics_asof",
       choice,
       "\"previous_day\"",
       {"previous_day", "return_day"},
       0,
       0,
       "Day whose panel row gives weights, groups and costs."},
      {"universe", OptionType::universe, "null", {}, 0, 0, "Names to keep, e.g. {\"cap\": [1, 2], \"adv\": {\"min\": 1e6}}."},
      {"hold_days", whole, "1", {}, 1, 100000, "Trading days that a row stands for."},
      {"analysis", texts, "[]", {"ic", "fractile", "coverage"}, 0, 0, "Further tables."},
      {"n_fractile", whole, "10", {}, 2, 1000, "Bins of analysis fractile."},
      {"keep_weights", boolean, "false", {}, 0, 0, "Return the weights of the overall book."},
      {"threads", whole, "null", {}, 1, 256, "Threads of a run; null: all the machine has."},
  };
  return kTable;
}

}  // namespace

std::string_view option_type_name(OptionType type) noexcept {
  switch (type) {
    case OptionType::boolean: return "boolean";
    case OptionType::whole: return "whole";
    case OptionType::real: return "real";
    case OptionType::choice: return "choice";
    case OptionType::text: return "text";
    case OptionType::texts: return "texts";
    case OptionType::two_reals: return "two_reals";
    case OptionType::bps_map: return "bps_map";
    case OptionType::universe: return "universe";
    case OptionType::resid: return "resid";
  }
  return "";
}

std::span<const OptionInfo> run_options() { return table(); }

const OptionInfo* find_option(std::string_view name) {
  const auto found = std::find_if(table().begin(), table().end(), [&](const OptionInfo& o) { return o.name == name; });
  return found == table().end() ? nullptr : &*found;
}

}  // namespace fractile
