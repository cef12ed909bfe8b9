// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "snapshot/build_index.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <span>

#include "fractile/error.hpp"
#include "snapshot/durable_files.hpp"
#include "snapshot/layout.hpp"
#include "snapshot/mapping.hpp"
#include "types/hash.hpp"

namespace fractile {
namespace {

void refuse_null_keys(const PanelKeys& keys) {
  std::int64_t nulls = 0, first = -1;
  for (std::size_t i = 0; i < keys.date.size(); ++i)
    if (!keys.has_id(i) || keys.date[i] == kMissingDay) {
      if (first < 0) first = static_cast<std::int64_t>(i);
      ++nulls;
    }
  if (nulls > 0)
    throw Error(ErrorCode::PANEL_NULL_KEY,
                fmt::format("expected a security_id and a date in every row, found {} rows without; the first is row "
                            "{}. Drop or fill them.",
                            nulls, first));
}

/// Returns the different dates, ascending, and replaces each row's date with its number among them.
std::vector<Day> number_dates(std::vector<Day>& date) {
  const auto [low, high] = std::minmax_element(date.begin(), date.end());
  const Day first = *low;
  const std::int64_t span = std::int64_t{*high} - first + 1;
  // Dates are written with four digits of year.
  if (span > layout::kMaxCalendarDays || civil_from_day(*low).year < 0 || civil_from_day(*high).year > 9999)
    throw Error(ErrorCode::PANEL_TOO_LARGE,
                fmt::format("expected dates within 400 years of the years 0 to 9999, found {} to {}. Check the unit of the date "
                            "column.",
                            format_day(*low), format_day(*high)));
  std::vector<DateIndex> number(static_cast<std::size_t>(span), -1);
  for (const Day day : date) number[static_cast<std::size_t>(day - first)] = 0;
  std::vector<Day> dates;
  for (std::size_t c = 0; c < number.size(); ++c)
    if (number[c] == 0) {
      number[c] = static_cast<DateIndex>(dates.size());
      dates.push_back(first + static_cast<Day>(c));
    }
  for (Day& day : date) day = number[static_cast<std::size_t>(day - first)];
  return dates;
}

/// If ids span less than this, a table by id is made.
constexpr std::uint64_t kDenseSpan = std::uint64_t{1} << 26;

std::uint64_t span_of(std::int64_t lowest, std::int64_t highest) noexcept {
  return static_cast<std::uint64_t>(highest) - static_cast<std::uint64_t>(lowest);
}

/// Returns the different ids, ascending.
std::vector<std::int64_t> unique_ids(const std::vector<std::int64_t>& ids) {
  std::vector<std::int64_t> out;
  const auto [lowest, highest] = std::minmax_element(ids.begin(), ids.end());
  if (span_of(*lowest, *highest) < kDenseSpan) {
    std::vector<bool> is_there(static_cast<std::size_t>(*highest - *lowest) + 1, false);
    for (const std::int64_t id : ids) is_there[static_cast<std::size_t>(id - *lowest)] = true;
    for (std::size_t k = 0; k < is_there.size(); ++k)
      if (is_there[k]) out.push_back(*lowest + static_cast<std::int64_t>(k));
    return out;
  }
  constexpr std::size_t kCompact = std::size_t{1} << 22;
  const auto compact = [&out] {
    std::sort(out.begin(), out.end());
    out.erase(std::unique(out.begin(), out.end()), out.end());
  };
  std::size_t limit = kCompact;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    if (i > 0 && ids[i] == ids[i - 1]) continue;
    out.push_back(ids[i]);
    if (out.size() < limit) continue;
    compact();
    limit = std::max(kCompact, 2 * out.size());
  }
  compact();
  return out;
}

std::vector<SecurityIndex> number_securities(const std::vector<std::int64_t>& ids, const std::vector<std::int64_t>& unique) {
  std::vector<SecurityIndex> out(ids.size());
  const std::uint64_t span = span_of(unique.front(), unique.back());
  std::vector<SecurityIndex> table;
  if (span < kDenseSpan) {
    table.resize(static_cast<std::size_t>(span) + 1);
    for (std::size_t i = 0; i < unique.size(); ++i)
      table[static_cast<std::size_t>(unique[i] - unique.front())] = static_cast<SecurityIndex>(i);
  }
  for (std::size_t i = 0; i < ids.size(); ++i) {
    if (i > 0 && ids[i] == ids[i - 1])
      out[i] = out[i - 1];
    else if (!table.empty())
      out[i] = table[static_cast<std::size_t>(ids[i] - unique.front())];
    else
      out[i] = static_cast<SecurityIndex>(std::lower_bound(unique.begin(), unique.end(), ids[i]) - unique.begin());
  }
  return out;
}

/// The begin of each key in a counting sort.
template <class Key>
std::vector<std::uint32_t> count_places(const std::vector<Key>& keys, std::size_t n_keys) {
  std::vector<std::uint32_t> place(n_keys + 1, 0);
  for (const Key key : keys) ++place[static_cast<std::size_t>(key) + 1];
  for (std::size_t k = 0; k < n_keys; ++k) place[k + 1] += place[k];
  return place;
}

/// True if rows ascend strictly by day, then by security. A snapshot's own rows do, also with a day appended.
bool is_in_order(const std::vector<DateIndex>& day, const std::vector<SecurityIndex>& security) noexcept {
  for (std::size_t i = 1; i < day.size(); ++i)
    if (day[i] < day[i - 1] || (day[i] == day[i - 1] && security[i] <= security[i - 1])) return false;
  return true;
}

/// The numbers of the rows, sorted by security, else in input order.
std::vector<std::uint32_t> sort_by_security(const std::vector<SecurityIndex>& security, std::size_t n_securities) {
  std::vector<std::uint32_t> place = count_places(security, n_securities);
  std::vector<std::uint32_t> out(security.size());
  for (std::size_t i = 0; i < security.size(); ++i)
    out[place[static_cast<std::size_t>(security[i])]++] = static_cast<std::uint32_t>(i);
  return out;
}

void lay_out_segments(const std::vector<std::uint32_t>& day_place, PanelIndex& index) {
  const auto n_days = static_cast<std::int64_t>(index.dates.size());
  std::int64_t row = 0;
  for (std::int64_t first = 0; first < n_days; first += layout::kSegmentDays) {
    SegmentInfo segment;
    segment.first_day = first;
    segment.days = std::min(layout::kSegmentDays, n_days - first);
    std::int64_t at = row;
    for (std::int64_t n = first; n < first + segment.days; ++n) {
      index.row_begin.push_back(static_cast<RowIndex>(at));
      at += day_place[static_cast<std::size_t>(n) + 1] - day_place[static_cast<std::size_t>(n)];
      index.row_end.push_back(static_cast<RowIndex>(at));
    }
    segment.rows = at - row;
    segment.rows_padded = (segment.rows + layout::kRowQuantum - 1) / layout::kRowQuantum * layout::kRowQuantum;
    row += segment.rows_padded;
    index.segments.push_back(std::move(segment));
  }
  index.security_of_row.assign(static_cast<std::size_t>(row), -1);
}

[[noreturn]] void refuse_duplicates(std::size_t count, std::size_t n_equal, const std::string& first) {
  const std::string which = n_equal == 0       ? "none of them equals"
                            : n_equal == count ? "all of them equal"
                                               : fmt::format("{} of them equal", n_equal);
  const std::string remedy = n_equal == count ? "Leave them out: --drop-duplicates" : "Write one row of each";
  throw Error(
      ErrorCode::PANEL_DUPLICATE_ROW,
      fmt::format("expected one row per (security_id, date), found {} more, and {} the first in every column; the first is "
                  "{}. {}.",
                  count, which, first, remedy));
}

/// Lays out the rows of `day` and `security`, both by source row: securities ascend within days. Returns the places of rows whose
/// key the place before them has.
std::vector<RowIndex> lay_out_rows(const std::vector<DateIndex>& day, const std::vector<SecurityIndex>& security,
                                   PanelIndex& index) {
  // Source rows by security, then each to the next free place of its day.
  const bool in_order = is_in_order(day, security);
  const std::vector<std::uint32_t> by_security =
      in_order ? std::vector<std::uint32_t>() : sort_by_security(security, index.security_ids.size());
  lay_out_segments(count_places(day, index.dates.size()), index);
  std::vector<RowIndex> next = index.row_begin;
  index.row_of_source.resize(day.size());
  std::vector<RowIndex> duplicates;
  for (std::size_t k = 0; k < day.size(); ++k) {
    const std::size_t i = in_order ? k : by_security[k];
    const auto n = static_cast<std::size_t>(day[i]);
    const RowIndex row = next[n]++;
    if (row > index.row_begin[n] && index.security_of_row[static_cast<std::size_t>(row) - 1] == security[i])
      duplicates.push_back(row);
    index.security_of_row[static_cast<std::size_t>(row)] = security[i];
    index.row_of_source[i] = row;
  }
  return duplicates;
}

/// Source rows of the places of duplicates, ascending.
std::vector<DuplicateRow> find_sources(std::vector<RowIndex> places, const std::vector<DateIndex>& day, const PanelIndex& index) {
  std::vector<std::uint32_t> source_of(index.security_of_row.size());
  for (std::size_t i = 0; i < index.row_of_source.size(); ++i)
    source_of[static_cast<std::size_t>(index.row_of_source[i])] = static_cast<std::uint32_t>(i);
  std::vector<DuplicateRow> out;
  for (const RowIndex place : places) {
    const std::size_t row = source_of[static_cast<std::size_t>(place)];
    RowIndex first = place;
    const RowIndex begin = index.row_begin[static_cast<std::size_t>(day[row])];
    while (first > begin &&
           index.security_of_row[static_cast<std::size_t>(first) - 1] == index.security_of_row[static_cast<std::size_t>(place)])
      --first;
    out.push_back({row, source_of[static_cast<std::size_t>(first)]});
  }
  std::sort(out.begin(), out.end(), [](const DuplicateRow& a, const DuplicateRow& b) { return a.row < b.row; });
  return out;
}

/// Lays the rows out anew without some of them.
void leave_out(const std::vector<DuplicateRow>& duplicates, std::vector<DateIndex> day, std::vector<SecurityIndex> security,
               PanelIndex& index) {
  const std::size_t n_rows = day.size();
  std::vector<bool> is_out(n_rows, false);
  for (const DuplicateRow& duplicate : duplicates) is_out[duplicate.row] = true;
  std::size_t n = 0;
  for (std::size_t i = 0; i < n_rows; ++i) {
    if (is_out[i]) continue;
    day[n] = day[i];
    security[n++] = security[i];
  }
  day.resize(n);
  security.resize(n);
  for (auto* places : {&index.row_begin, &index.row_end}) places->clear();
  index.segments.clear();
  lay_out_rows(day, security, index);
  std::vector<RowIndex> row_of_source(n_rows, kNoRow);
  for (std::size_t i = 0, next = 0; i < n_rows; ++i)
    if (!is_out[i]) row_of_source[i] = index.row_of_source[next++];
  index.row_of_source = std::move(row_of_source);
}

/// Fills in first and last day of each security, the previous row of each row, and the row of each (security, day).
void link_rows(PanelIndex& index) {
  const std::size_t n_securities = index.security_ids.size();
  index.first_day.assign(n_securities, -1);
  index.last_day.assign(n_securities, -1);
  index.previous_row.assign(index.security_of_row.size(), kNoRow);
  std::vector<RowIndex> newest(n_securities, kNoRow);
  const auto n_days = static_cast<DateIndex>(index.dates.size());
  for (DateIndex n = 0; n < n_days; ++n)
    for (RowIndex row = index.row_begin[static_cast<std::size_t>(n)]; row < index.row_end[static_cast<std::size_t>(n)]; ++row) {
      const auto security = static_cast<std::size_t>(index.security_of_row[static_cast<std::size_t>(row)]);
      index.previous_row[static_cast<std::size_t>(row)] = newest[security];
      newest[security] = row;
      if (index.first_day[security] < 0) index.first_day[security] = n;
      index.last_day[security] = n;
    }
  std::int64_t entries = 0;
  for (std::size_t i = 0; i < n_securities; ++i) {
    index.row_of_begin.push_back(static_cast<std::int32_t>(entries));
    entries += index.last_day[i] - index.first_day[i] + 1;
    require_places(entries);
  }
  index.row_of.assign(static_cast<std::size_t>(entries), kNoRow);
  for (DateIndex n = 0; n < n_days; ++n)
    for (RowIndex row = index.row_begin[static_cast<std::size_t>(n)]; row < index.row_end[static_cast<std::size_t>(n)]; ++row) {
      const auto security = static_cast<std::size_t>(index.security_of_row[static_cast<std::size_t>(row)]);
      index.row_of[static_cast<std::size_t>(index.row_of_begin[security] + n - index.first_day[security])] = row;
    }
}

}  // namespace

SecurityId PanelIndex::security_id(SecurityIndex security) const {
  const auto at = static_cast<std::size_t>(security);
  if (security_texts.empty()) return security_ids[at];
  return security_texts[at];
}

void require_panel_rows(std::int64_t n_rows) {
  if (n_rows > kMaxPanelRows)
    throw Error(ErrorCode::PANEL_TOO_LARGE,
                fmt::format("expected at most {} rows in the panel, found {}. Split it by date.", kMaxPanelRows, n_rows));
}

void require_places(std::int64_t n_places) {
  if (n_places > kMaxPlaces)
    throw Error(ErrorCode::PANEL_TOO_LARGE,
                fmt::format("expected at most {} days between the first and the last of each security, "
                            "found {} or more. Split the panel by date.",
                            kMaxPlaces, n_places));
}

std::int64_t count_padding(std::span<const SecurityIndex> security_of_row) noexcept {
  return std::count_if(security_of_row.begin(), security_of_row.end(), [](SecurityIndex security) { return security < 0; });
}

PanelIndex build_index(PanelKeys keys, const CompareRows& compare, bool drop_equal) {
  const std::size_t n_rows = keys.date.size();
  if (n_rows == 0) throw Error(ErrorCode::PANEL_EMPTY, "expected one row or more in the panel, found 0. Check the source.");
  require_panel_rows(static_cast<std::int64_t>(n_rows));
  refuse_null_keys(keys);
  PanelIndex index;
  index.dates = number_dates(keys.date);
  index.security_ids = unique_ids(keys.security_id);
  index.security_texts = std::move(keys.texts);
  const std::vector<SecurityIndex> security = number_securities(keys.security_id, index.security_ids);
  keys.security_id = {};
  const std::vector<DateIndex>& day = keys.date;

  const std::vector<RowIndex> places = lay_out_rows(day, security, index);
  if (!places.empty()) {
    const std::vector<DuplicateRow> duplicates = find_sources(places, day, index);
    const std::vector<bool> is_equal = compare ? compare(duplicates) : std::vector<bool>(duplicates.size(), false);
    const auto n_equal = static_cast<std::size_t>(std::count(is_equal.begin(), is_equal.end(), true));
    if (!drop_equal || n_equal < duplicates.size()) {
      // The first that cannot be left out, if there is one.
      const auto shown = std::find(is_equal.begin(), is_equal.end(), n_equal == duplicates.size());
      const std::size_t i = duplicates[static_cast<std::size_t>(shown - is_equal.begin())].row;
      refuse_duplicates(duplicates.size(), n_equal,
                        fmt::format("security_id {} on {} at row {}", format_id(index.security_id(security[i])),
                                    format_day(index.dates[static_cast<std::size_t>(day[i])]), i));
    }
    leave_out(duplicates, day, security, index);
  }
  link_rows(index);
  index.padding = count_padding(index.security_of_row);
  return index;
}

void write_index(const PanelIndex& index, const std::filesystem::path& path, Manifest& manifest) {
  using layout::kPageBytes;
  layout::FileHeader header = layout::make_header(layout::FileKind::index);
  std::array<std::span<const std::byte>, layout::kNIndexSections> sections;
  const auto section = [&](layout::IndexSection which, const auto& values) {
    sections[which] = std::as_bytes(std::span(values));
    header.sections[which].count = values.size();
  };
  section(layout::kDates, index.dates);
  section(layout::kSecurityIds, index.security_ids);
  section(layout::kRowBegin, index.row_begin);
  section(layout::kRowEnd, index.row_end);
  section(layout::kFirstDay, index.first_day);
  section(layout::kLastDay, index.last_day);
  section(layout::kRowOfBegin, index.row_of_begin);
  section(layout::kSecurityOfRow, index.security_of_row);
  section(layout::kPreviousRow, index.previous_row);
  section(layout::kRowOf, index.row_of);
  std::size_t at = kPageBytes;
  for (std::size_t s = 0; s < sections.size(); ++s) {
    header.sections[s].offset = at;
    at += (sections[s].size() + kPageBytes - 1) / kPageBytes * kPageBytes;
  }
  header.data_bytes = at - kPageBytes;
  seal_header(header);
  static constexpr std::array<std::byte, kPageBytes> kZeros{};
  std::vector<std::span<const std::byte>> parts{std::as_bytes(std::span(&header, 1))};
  for (const auto& bytes : sections) {
    parts.push_back(bytes);
    parts.push_back(std::span(kZeros).first((kPageBytes - bytes.size() % kPageBytes) % kPageBytes));
  }
  write_durably(path, parts);
  manifest.index_bytes = at;
  manifest.index_hash = hash_parts(std::span(parts).subspan(1));
}

}  // namespace fractile
