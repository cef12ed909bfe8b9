// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "report/diagnostics.hpp"

#include "fractile/error.hpp"
#include "fractile/snapshot.hpp"
#include "types/quoted_text.hpp"

namespace fractile {
namespace {

Diagnostics::Count describe(const char* name, const CauseCount& cause, const SignalKeys& keys, IdType type) {
  Diagnostics::Count out{name, cause.count, {}};
  for (const std::int64_t row : cause.rows)
    if (row >= 0) out.examples.push_back(describe_row(keys, type, row));
  return out;
}

}  // namespace

Diagnostics build_diagnostics(const AlignCounts& align, std::int64_t carried, const DayCounts& days, std::int64_t unknown_cost,
                              const Portfolios& portfolios, const SignalKeys& keys, IdType id_type) {
  Diagnostics out;
  const auto add = [&](const char* name, std::int64_t count) { out.counts.push_back({name, count, {}}); };
  add("rows_given", keys.n_rows);
  add("rows_used", align.rows_used);
  for (std::size_t i = 0; i < align.causes.size(); ++i)
    out.counts.push_back(describe(kCauseNames[i], align.causes[i], keys, id_type));
  add("rows_carried", carried);
  add("return_day_rolled", align.return_day_rolled);
  out.counts.push_back(describe("trade_before_avail", align.trade_before_avail, keys, id_type));
  add("missing_return", days.missing_return);
  add("left_panel", days.left_panel);
  add("missing_weight", days.missing_weight);
  add("missing_double_var", days.missing_double_var);
  add("missing_rank_within", days.missing_rank_within);
  add("one_sided_category", days.one_sided_category);
  add("unknown_cost", unknown_cost);
  for (std::size_t i = 0; i < portfolios.groupings.size(); ++i)
    out.missing_group.emplace_back(portfolios.groupings[i].byvar, days.missing_group[i]);
  if (align.trade_before_avail.count > 0) {
    const RowExample first = describe_row(keys, id_type, align.trade_before_avail.rows[0]);
    out.warnings.push_back("trade_before_avail: " + std::to_string(align.trade_before_avail.count) +
                           " rows are traded before their date_avail; the first is " + format_row(first) +
                           ". Pass lookahead=\"error\" to refuse them.");
    out.warning_codes.emplace_back("TRADE_BEFORE_AVAIL");
  }
  return out;
}

void refuse_unusable(const Diagnostics& diagnostics, const Snapshot& snapshot) {
  std::string counts;
  for (const Diagnostics::Count& count : diagnostics.counts) {
    if (count.count == 0 || count.name == "rows_given") continue;
    counts += ", " + count.name + " " + std::to_string(count.count);
    if (!count.examples.empty()) counts += ", the first in " + format_row(count.examples[0]);
  }
  std::string has;
  if (!snapshot.dates().empty() && !snapshot.security_ids().empty())
    has = " The snapshot has securities such as " + show_text(format_id(snapshot.security_id(0))) + ", and days from " +
          format_day(snapshot.dates().front()) + " to " + format_day(snapshot.dates().back()) + ".";
  throw Error(ErrorCode::NO_USABLE_ROWS, "expected one usable row or more, found none of " +
                                             std::to_string(diagnostics["rows_given"]) + counts + "." + has +
                                             " Check that security_id and date_sig match it and the loaded dates.");
}

std::int64_t Diagnostics::operator[](std::string_view name) const noexcept {
  for (const Count& count : counts)
    if (count.name == name) return count.count;
  return 0;
}

std::string describe_drops(const Diagnostics& diagnostics) {
  std::string out;
  for (const char* cause : kCauseNames)
    if (const std::int64_t count = diagnostics[cause]; count > 0)
      out += (out.empty() ? " (" : ", ") + std::to_string(count) + " " + cause;
  return out.empty() ? out : out + ")";
}

}  // namespace fractile
