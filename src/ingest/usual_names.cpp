// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "ingest/usual_names.hpp"

#include <algorithm>
#include <map>
#include <set>

#include "types/quoted_text.hpp"

namespace fractile {
namespace {

/// In lower case, with "_" between words: "Trade Date" is "trade_date".
std::string lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(), [](unsigned char c) {
    if (c == ' ' || c == '-') return '_';
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : static_cast<char>(c);
  });
  return out;
}

/// The names in lower case, the likeliest first.
const std::vector<std::string_view>& usual_names(std::string_view ours) {
  static const std::vector<std::string_view> kIds{
      "permno", "ts_code",       "ticker",        "asset", "symbol",     "instrument", "asset_id",  "gvkey", "cusip", "isin",
      "sedol",  "order_book_id", "instrument_id", "code",  "stock_code", "stkcd",      "wind_code", "figi",  "sid",   "id"};
  static const std::vector<std::string_view> kDates{"date",     "trade_date",  "datadate", "mthcaldt", "dlycaldt",     "caldt",
                                                    "datetime", "timestamp",   "time",     "trddt",    "trading_date", "eom",
                                                    "day",      "signal_date", "as_of",    "asof",     "month_end"};
  static const std::vector<std::string_view> kRets{"ret",     "dlyret",       "mthret",  "pct_chg",    "return",
                                                   "returns", "total_return", "ret_exc", "pct_change", "ret_usd"};
  static const std::vector<std::string_view> kDelistings{"dlret", "delret", "delisting_return"};
  static const std::vector<std::string_view> kPrices{"mthprc", "dlyprc", "price", "close_price"};
  static const std::vector<std::string_view> kNone;
  if (ours == "security_id") return kIds;
  if (ours == "date" || ours == "date_sig") return kDates;
  if (ours == "delist_ret") return kDelistings;
  if (ours == "prc") return kPrices;
  return ours == "ret" ? kRets : kNone;
}

}  // namespace

std::vector<std::string> find_usual_names(std::string_view ours, const std::vector<std::string>& names) {
  std::vector<std::string> out;
  const auto add = [&](std::string_view usual) {
    for (const std::string& name : names)
      if (lower(name) == usual) out.push_back(name);
  };
  add(ours);
  for (const std::string_view usual : usual_names(ours)) add(usual);
  return out;
}

std::string find_usual_name(std::string_view ours, const std::vector<std::string>& names) {
  const std::vector<std::string> found = find_usual_names(ours, names);
  return found.empty() ? "" : found.front();
}

std::string find_usual_value(const std::vector<std::string>& names) {
  for (const char* usual : {"signal", "score", "alpha", "value", "factor", "prediction", "pred", "forecast", "weight"})
    for (const std::string& name : names)
      if (lower(name) == usual) return name;
  return "";
}

std::string propose_map(const std::vector<std::string>& missing, const std::vector<std::string>& names) {
  std::string out;
  for (const std::string& ours : missing)
    if (const std::string theirs = find_usual_name(ours, names); !theirs.empty())
      out += (out.empty() ? "--map " : " --map ") + quote_for_shell(ours + "=" + theirs);
  return out;
}

std::string propose_delimiter(const std::vector<std::string>& names) {
  const auto mark = names.size() == 1 ? names[0].find_first_of(",;\t|^~") : std::string::npos;
  if (mark == std::string::npos) return "";
  return "--delimiter " + (names[0][mark] == '\t' ? "tab" : quote_for_shell(names[0].substr(mark, 1)));
}

bool is_index_column(std::string_view name) noexcept {
  return name.empty() || name == "Unnamed: 0" || name == "__index_level_0__";
}

bool has_header_rows(const std::vector<std::string>& names) {
  if (names.size() < 3) return false;
  const std::set<std::string> different(names.begin() + 1, names.end());
  return different.size() < names.size() - 1 && (names[0] == "Price" || names[0] == "Ticker" || names[0] == "Attributes" ||
                                                 names[0].empty() || different.size() * 2 <= names.size() - 1);
}

std::string join(const std::vector<std::string>& names) {
  constexpr std::size_t kShown = 40;
  std::string all;
  for (std::size_t i = 0; i < std::min(names.size(), kShown); ++i) all += (all.empty() ? "" : ", ") + names[i];
  return names.size() > kShown ? all + " and " + std::to_string(names.size() - kShown) + " more" : all;
}

}  // namespace fractile
