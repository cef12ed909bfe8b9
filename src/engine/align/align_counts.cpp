// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "engine/align/align_counts.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "engine/align/signal_dates.hpp"
#include "fractile/error.hpp"
#include "types/id_text.hpp"

namespace fractile {
namespace {

[[noreturn]] void refuse(ErrorCode code, const std::string& expected, const CauseCount& bad, const SignalKeys& keys, IdType type,
                         const std::string& what_to_do) {
  throw Error(code, "expected " + expected + ", found " + std::to_string(bad.count) + (bad.count == 1 ? " row" : " rows") +
                        " that break it; the first is " + format_row(describe_row(keys, type, bad.rows[0])) + ". " + what_to_do);
}

/// The id of a row in the snapshot's kind; nullopt if the row has none.
std::optional<SecurityId> describe_id(const IdColumn& ids, IdType type, std::int64_t row) {
  if (!ids.is_text()) return ids.has_number(row) ? std::optional<SecurityId>(ids.numbers[row]) : std::nullopt;
  const std::int32_t code = ids.codes[row];
  const std::string_view text = code < 0 ? std::string_view() : trim_id(ids.texts[static_cast<std::size_t>(code)]);
  if (text.empty()) return std::nullopt;
  std::int64_t number = 0;
  if (type == IdType::integer && parse_whole_id(text, number)) return number;
  return std::string(text);
}

}  // namespace

void CauseCount::add(std::int64_t row) noexcept {
  ++count;
  if (rows.back() >= 0 && row >= rows.back()) return;
  rows.back() = row;
  for (std::size_t i = rows.size() - 1; i > 0; --i)
    if (rows[i - 1] < 0 || rows[i - 1] > rows[i]) std::swap(rows[i - 1], rows[i]);
}

void CauseCount::merge(const CauseCount& other) noexcept {
  const std::int64_t total = count + other.count;
  for (const std::int64_t row : other.rows)
    if (row >= 0) add(row);
  count = total;
}

void AlignCounts::merge(const AlignCounts& other) noexcept {
  for (std::size_t i = 0; i < causes.size(); ++i) causes[i].merge(other.causes[i]);
  impossible.merge(other.impossible);
  infinite.merge(other.infinite);
  trade_before_avail.merge(other.trade_before_avail);
  bad_position.merge(other.bad_position);
  return_day_rolled += other.return_day_rolled;
  rows_used += other.rows_used;
}

void refuse_bad_rows(const AlignCounts& counts, const SignalKeys& keys, IdType type, const RunConfig& config) {
  if (counts.infinite.count > 0)
    refuse(ErrorCode::INFINITE_SIGNAL, "finite signal values", counts.infinite, keys, type,
           "Clip them, or make them NaN, which drops the row.");
  if (counts.impossible.count > 0)
    refuse(ErrorCode::IMPOSSIBLE_DATES, "a return day after date_sig and a date_avail not before date_sig", counts.impossible,
           keys, type, "Correct date_avail, date_ret or date_openret, or leave the column out.");
  if (config.lookahead == Lookahead::error && counts.trade_before_avail.count > 0)
    refuse(ErrorCode::TRADE_BEFORE_AVAIL, "trades on or after date_avail", counts.trade_before_avail, keys, type,
           "Correct the return day, raise lag, or pass lookahead=\"warn\".");
  if (counts.bad_position.count > 0)
    refuse(ErrorCode::INVALID_POSITION, "positions -1, 0 or 1 (input_type=\"position\")", counts.bad_position, keys, type,
           "Pass input_type=\"weight\" or \"value\" for other numbers.");
}

RowExample describe_row(const SignalKeys& keys, IdType type, std::int64_t row) {
  Day day = kMissingDay;
  read_signal_days(keys.date_sig, row, 1, &day);
  return {row, describe_id(keys.security_id, type, row), day == kMissingDay ? "missing" : format_day(day)};
}

std::string format_row(const RowExample& example) {
  return "row " + std::to_string(example.row) + " (security_id " +
         (example.security_id ? format_id(*example.security_id) : "missing") + ", date_sig " + example.date_sig + ")";
}

}  // namespace fractile
