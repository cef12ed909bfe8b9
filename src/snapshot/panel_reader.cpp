// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "snapshot/panel_reader.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <numeric>
#include <span>
#include <string_view>

#include "arrow/arrow_column.hpp"
#include "fractile/error.hpp"
#include "ingest/date_column.hpp"
#include "ingest/ids.hpp"
#include "ingest/number_text.hpp"
#include "ingest/usual_names.hpp"
#include "snapshot/known_columns.hpp"
#include "snapshot/manifest.hpp"
#include "snapshot/panel_returns.hpp"
#include "snapshot/panel_texts.hpp"
#include "types/id_text.hpp"
#include "types/quoted_text.hpp"

namespace fractile {

namespace {

bool contains(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

/// Pairs of our name and the source's, before any is left out. One source column may serve under several of our names.
PanelNames map_names(const std::vector<std::string>& source, const std::map<std::string, std::string>& map) {
  for (const auto& [ours, theirs] : map)
    if (!contains(source, theirs))
      throw Error(ErrorCode::PANEL_MISSING_COLUMN, fmt::format("expected a column \"{}\" for {} (map), found {}. "
                                                               "Correct the map.",
                                                               theirs, ours, join(source)));
  PanelNames names;
  for (const std::string& name : source) {
    bool is_mapped = false;
    for (const auto& [ours, theirs] : map)
      if (theirs == name) {
        names.emplace_back(ours, name);
        is_mapped = true;
      }
    if (!is_mapped) names.emplace_back(name, name);
  }
  return names;
}

/// Leaves out what the options drop or do not list. An option names a column as the source does, else as the map does.
void select_names(PanelNames& names, const ReadOptions& options) {
  const auto drop = [&](const std::string& unwanted) {
    // The source's name first: of a column and one that is mapped to its name, --drop means the former.
    if (std::erase_if(names, [&](const auto& name) { return name.second == unwanted; }) == 0 &&
        std::erase_if(names, [&](const auto& name) { return name.first == unwanted; }) == 0)
      throw Error(ErrorCode::PANEL_MISSING_COLUMN,
                  fmt::format("expected a column \"{}\" to drop, found none. Correct --drop.", unwanted));
  };
  std::for_each(options.drop.begin(), options.drop.end(), drop);
  if (options.columns.empty()) return;
  for (const std::string& wanted : options.columns)
    if (std::none_of(names.begin(), names.end(), [&](const auto& name) { return name.first == wanted || name.second == wanted; }))
      throw Error(ErrorCode::PANEL_MISSING_COLUMN,
                  fmt::format("expected a column \"{}\", found none. Correct --columns.", wanted));
  std::erase_if(names, [&](const auto& name) {
    const bool is_required = name.first == "security_id" || name.first == "date" || name.first == "ret";
    return !is_required && !contains(options.columns, name.first) && !contains(options.columns, name.second);
  });
}

/// A sentence about the other columns that may hold ids; "" if there are none. A file often has ids of several kinds.
std::string name_other_ids(const std::vector<std::string>& missing, const std::vector<std::string>& unused) {
  if (missing.front() != "security_id") return "";
  const std::vector<std::string> found = find_usual_names("security_id", unused);
  if (found.size() < 2) return "";
  return fmt::format(" The ids must be those of the signal: security_id can also be {}.", join({found.begin() + 1, found.end()}));
}

void require_names(const PanelNames& names, const std::vector<std::string>& source, bool needs_ret) {
  std::vector<std::string> missing, unused;
  for (const char* needed : {"security_id", "date", "ret"})
    if ((needs_ret || std::string_view(needed) != "ret") &&
        std::none_of(names.begin(), names.end(), [&](const auto& entry) { return entry.first == needed; }))
      missing.emplace_back(needed);
  if (missing.empty()) return;
  for (const auto& [ours, theirs] : names)
    if (ours == theirs && ours != "security_id" && ours != "date" && ours != "ret") unused.push_back(theirs);
  // No run uses delisting returns under another name, so the first answer names their column too.
  const bool has_delistings =
      std::any_of(names.begin(), names.end(), [](const auto& entry) { return entry.first == "delist_ret"; });
  std::vector<std::string> wanted = missing;
  if (!has_delistings) wanted.emplace_back("delist_ret");
  const std::string proposed = propose_map(missing, unused).empty() ? "" : propose_map(wanted, unused);
  std::string remedy = proposed.empty() ? fmt::format("Add it, or name the column that holds it: --map {}=Name.", missing.front())
                                        : fmt::format("Name the columns: {}.{}", proposed, name_other_ids(missing, unused));
  if (const std::string delimiter = propose_delimiter(source); !delimiter.empty())
    remedy = fmt::format("Name the delimiter: {}.", delimiter);
  else if (has_header_rows(source))
    remedy =
        "The source has several header rows: read it with pd.read_csv(path, header=[0, 1], index_col=0) and give "
        "fractile.from_wide(frame).";
  else if (std::all_of(source.begin() + (source.empty() ? 0 : 1), source.end(),
                       [](const std::string& name) {
                         return !name.empty() &&
                                std::all_of(name.begin(), name.end(), [](char c) { return c >= '0' && c <= '9'; });
                       }) &&
           source.size() > 2)
    remedy = "Columns that are securities are a wide frame: give fractile.from_wide({\"ret\": frame}).";
  throw Error(ErrorCode::PANEL_MISSING_COLUMN, fmt::format("expected the columns {}, found no \"{}\" among {}. {}",
                                                           needs_ret ? "security_id, date and ret" : "security_id and date",
                                                           missing.front(), join(source), remedy));
}

/// A delisting return under another name would only be stored, and the names that left would look better than they were.
void report_unused_delistings(const PanelNames& names, std::vector<ReportLine>& report) {
  std::vector<std::string> source;
  for (const auto& [ours, theirs] : names) {
    if (ours == "delist_ret") return;
    source.push_back(theirs);
  }
  if (const std::string found = find_usual_name("delist_ret", source); !found.empty())
    report.push_back({"delisting", true, 1, "",
                      fmt::format("Column \"{}\" has a usual name of delisting returns, and no run uses it. If it holds them, "
                                  "make the snapshot with {}.",
                                  found, propose_map({"delist_ret"}, source))});
}

/// The option changes prices by their names, so that a price under another name would keep the signs of CRSP's midpoints.
void report_unused_abs_price(const PanelNames& names, const ReadOptions& options, std::vector<ReportLine>& report) {
  if (!options.abs_price) return;
  bool has_price = false;
  std::vector<std::string> others;
  for (const auto& [ours, theirs] : names) {
    has_price |= is_price(ours);
    if (!is_price(ours)) others.push_back(theirs);
  }
  std::string found, proposed;
  for (const char* ours : {"prc", "close", "close_adj", "mcap"})
    if (found.empty()) {
      found = find_usual_name(ours, others);
      proposed = propose_map({ours}, others);
    }
  if (found.empty() && has_price) return;
  const std::string remedy = found.empty() ? "Name the column of prices: --map prc=Name."
                                           : fmt::format("If \"{}\" holds prices, make the snapshot with {}.", found, proposed);
  report.push_back(
      {"abs_price", true, 1, "",
       fmt::format("abs_price takes the columns close_adj, close, prc and mcap without their sign, and {}. {}",
                   found.empty() ? "the panel has none of them" : fmt::format("leaves \"{}\" as it is", found), remedy)});
}

}  // namespace

PanelNames match_names(const std::vector<std::string>& source, const ReadOptions& options, bool needs_ret,
                       std::vector<ReportLine>& report) {
  PanelNames names = map_names(source, options.map);
  for (auto& [ours, theirs] : names)
    if (ours == theirs) ours = trim(theirs);
  std::vector<std::string> known;
  for (const auto& [ours, theirs] : names) known.insert(known.end(), {ours, theirs});
  require_known_columns(options, known);
  select_names(names, options);
  std::erase_if(names, [&](const auto& name) {
    if (!is_index_column(name.first)) return false;
    report.push_back({"skipped", false, 1, name.second,
                      fmt::format("Column \"{}\" is the index of a DataFrame, which means nothing here: skipped.", name.second)});
    return true;
  });
  require_names(names, source, needs_ret);
  report_unused_delistings(names, report);
  report_unused_abs_price(names, options, report);
  std::vector<std::string> ours;
  for (const auto& [name, theirs] : names) {
    if (name.empty() || name.find('/') != std::string::npos || name.find('\0') != std::string::npos || name.size() > 200)
      throw Error(
          ErrorCode::PANEL_COLUMN_TYPE,
          fmt::format(
              "expected column names of 1 to 200 characters without \"/\", found {}. Name it otherwise (--map name={}), or "
              "leave it out: --drop {}.",
              show_text(name), quote_for_shell(theirs), quote_for_shell(theirs)));
    // Its file would have the name of the exposures' block; a calendar group would hide behind it.
    for (const std::string_view reserved : {std::string_view(kExposuresFile), std::string_view("overall"),
                                            std::string_view("year"), std::string_view("quarter"), std::string_view("month")})
      if (name == reserved)
        throw Error(
            ErrorCode::PANEL_COLUMN_TYPE,
            fmt::format("expected column names other than \"{0}\", which is reserved, found \"{0}\" among {1}. Name it otherwise "
                        "(--map {0}_code={0}), or leave it out: --drop {0}.",
                        name, join(source)));
    if (name != theirs && options.map.contains(name))
      report.push_back({"mapped", false, 1, theirs, fmt::format("\"{}\" is {}.", theirs, name)});
    ours.push_back(name);
  }
  std::sort(ours.begin(), ours.end());
  if (const auto twice = std::adjacent_find(ours.begin(), ours.end()); twice != ours.end())
    throw Error(
        ErrorCode::PANEL_COLUMN_TYPE,
        fmt::format("expected different column names, found \"{0}\" twice{1}. Leave the other one out: --drop {2}.", *twice,
                    options.map.contains(*twice) ? fmt::format(" (once as \"{}\")", options.map.at(*twice)) : std::string(),
                    quote_for_shell(*twice)));
  return names;
}

namespace {

/// Runs `work` and turns the errors of ingest, which name signals, into those of a panel.
template <class Work>
auto as_panel_errors(Work&& work) {
  try {
    return work();
  } catch (const Error& error) {
    const std::string text = error.what();
    const std::string message = text.substr(text.find(": ") + 2);
    if (error.code() == ErrorCode::UNREADABLE_SIGNAL) throw Error(ErrorCode::UNREADABLE_PANEL, message);
    if (error.code() == ErrorCode::COLUMN_TYPE) throw Error(ErrorCode::PANEL_COLUMN_TYPE, message);
    throw;
  }
}

std::unique_ptr<ArrowBatches> read_columns(PanelSource& panel, const std::vector<std::string>& names) {
  ArrowArrayStream stream{};
  panel.open_columns(names, &stream);
  return std::make_unique<ArrowBatches>(&stream);
}

std::string source_name(const PanelNames& names, std::string_view ours) {
  for (const auto& [name, source] : names)
    if (name == ours) return source;
  return "";
}

/// Ids are integers if every one is a whole number in its usual notation. Otherwise they are texts, numbered in security order.
void number_texts(const std::vector<std::string_view>& texts, const std::vector<std::int32_t>& codes,
                  std::optional<IdType> wanted, PanelKeys& keys) {
  std::vector<std::int64_t> id_of(texts.size());
  std::size_t n_whole = 0;
  if (wanted != IdType::text)
    while (n_whole < texts.size() && parse_whole_id(texts[n_whole], id_of[n_whole])) ++n_whole;
  const bool are_integers = wanted != IdType::text && n_whole == texts.size();
  if (!are_integers && wanted == IdType::integer) {
    const auto row = std::find(codes.begin(), codes.end(), static_cast<std::int32_t>(n_whole)) - codes.begin();
    throw Error(ErrorCode::PANEL_COLUMN_TYPE,
                fmt::format("expected integers in column \"security_id\", as the snapshot has, found the text {} at row {}. Give "
                            "the numbers that the snapshot knows, or create a snapshot whose ids are texts.",
                            quote_id(std::string(texts[n_whole])), row));
  }
  if (!are_integers) {
    std::vector<std::size_t> order(texts.size());
    for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
    std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return texts[a] < texts[b]; });
    for (std::size_t rank = 0; rank < order.size(); ++rank) {
      id_of[order[rank]] = static_cast<std::int64_t>(rank);
      keys.texts.emplace_back(texts[order[rank]]);
    }
  }
  keys.security_id.resize(codes.size());
  for (std::size_t i = 0; i < codes.size(); ++i) {
    if (codes[i] >= 0) {
      keys.security_id[i] = id_of[static_cast<std::size_t>(codes[i])];
      continue;
    }
    keys.valid.resize((codes.size() + 7) / 8, 0xff);
    keys.valid[i / 8] = static_cast<std::uint8_t>(keys.valid[i / 8] & ~(1U << (i % 8)));
  }
}

void read_ids(const ArrowBatches& batches, std::optional<IdType> wanted, PanelKeys& keys) {
  IdReader reader(batches.schema(0));
  const auto n_rows = static_cast<std::size_t>(batches.n_rows());
  const auto read_into = [&](auto& entries) {
    entries.resize(n_rows);
    std::size_t at = 0;
    for (const auto& chunk : batches.chunks(0)) {
      reader.read(batches.schema(0), chunk, entries.data() + at);
      at += static_cast<std::size_t>(chunk.length);
    }
  };
  if (reader.is_text()) {
    std::vector<std::int32_t> codes;
    read_into(codes);
    return number_texts(reader.texts(), codes, wanted, keys);
  }
  read_into(keys.security_id);
  if (reader.valid()) keys.valid.assign(reader.valid(), reader.valid() + (n_rows + 7) / 8);
  if (wanted != IdType::text) return;
  for (std::size_t row = 0; row < n_rows; ++row)
    if (keys.has_id(row))
      throw Error(ErrorCode::PANEL_COLUMN_TYPE,
                  fmt::format("expected texts in column \"security_id\", as the snapshot has, found the number {} at row {}. "
                              "Leading zeros may be lost in numbers: give the ids as texts.",
                              keys.security_id[row], row));
}

PanelKeys read_keys(PanelSource& panel, const PanelNames& names, const ReadOptions& options, std::optional<IdType> wanted) {
  const std::string id = source_name(names, "security_id"), date = source_name(names, "date");
  const auto batches = read_columns(panel, {id, date});
  PanelKeys keys;
  read_ids(*batches, wanted, keys);
  keys.date.resize(keys.security_id.size());
  std::size_t at = 0;
  DateColumnReader dates(rules_of(options, "date", date));
  for (const auto& chunk : batches->chunks(1)) {
    dates.read_days(batches->schema(1), chunk, keys.date.data() + at);
    at += static_cast<std::size_t>(chunk.length);
  }
  dates.finish();
  return keys;
}

void check_length(const ArrowBatches& batches, const PanelIndex& index, const std::string& name) {
  if (batches.n_rows() != static_cast<std::int64_t>(index.row_of_source.size()))
    throw Error(ErrorCode::UNREADABLE_PANEL,
                fmt::format("expected {} rows in column \"{}\", found {}. The source changed while it was read: try "
                            "again.",
                            index.row_of_source.size(), name, batches.n_rows()));
}

bool is_number(const ArrowType& type) {
  return type.kind == ArrowKind::integer || type.kind == ArrowKind::real || type.kind == ArrowKind::decimal ||
         type.name == "null";
}

/// Refuses the first whole number of a chunk that float64 cannot hold. `at`: the chunk's first row in the source.
void require_exact(const ArrowBatches& batches, const ArrowBatches::Chunk& chunk, std::span<const double> values, std::size_t at,
                   const ColumnRules& rules) {
  if (std::none_of(values.begin(), values.end(), [](double value) { return std::fabs(value) >= kFirstInexact; })) return;
  const auto found = find_inexact(batches.schema(0), chunk, [&](std::string_view digits) { return rules.is_null_text(digits); });
  if (found)
    throw Error(
        ErrorCode::PANEL_COLUMN_TYPE,
        fmt::format("expected whole numbers that float64 holds (all below 2^53) in column \"{}\", found {} at row {}. Convert "
                    "the column to texts, or leave it out: --drop {}.",
                    rules.column, found->digits, at + static_cast<std::size_t>(found->i), quote_for_shell(rules.column)));
}

std::vector<double> read_number_column(const ArrowBatches& batches, const ColumnRules& rules, const PanelIndex& index) {
  const ArrowKind kind = describe_type(batches.schema(0)).kind;
  std::vector<double> out(static_cast<std::size_t>(index.row_capacity()), kNaN);
  std::vector<double> values;
  std::size_t at = 0;
  for (const auto& chunk : batches.chunks(0)) {
    values.resize(static_cast<std::size_t>(chunk.length));
    read_doubles(batches.schema(0), chunk, values.data());
    if (kind == ArrowKind::integer || kind == ArrowKind::decimal) require_exact(batches, chunk, values, at, rules);
    if (!rules.null_numbers.empty())
      std::replace_if(values.begin(), values.end(), [&](double value) { return rules.is_null_number(value); }, kNaN);
    const RowIndex* const row = index.row_of_source.data() + at;
    for (std::size_t i = 0; i < values.size(); ++i)
      if (row[i] != kNoRow) out[static_cast<std::size_t>(row[i])] = values[i];
    at += values.size();
  }
  return out;
}

/// The first row of the source that holds this place.
std::size_t source_row_of(const PanelIndex& index, std::size_t place) {
  const auto found = std::find(index.row_of_source.begin(), index.row_of_source.end(), static_cast<RowIndex>(place));
  return static_cast<std::size_t>(found - index.row_of_source.begin());
}

/// Refuses the first infinite value. `begin`: the row of the first.
void require_finite(std::span<const double> values, std::size_t begin, const ColumnRules& rules, const PanelIndex& index) {
  std::int64_t infinite = 0;
  for (const double value : values) infinite += std::fabs(value) > std::numeric_limits<double>::max();
  if (infinite == 0) return;
  const auto found = std::find_if(values.begin(), values.end(), [](double value) { return std::isinf(value); });
  const std::size_t row = begin + static_cast<std::size_t>(found - values.begin());
  throw Error(ErrorCode::PANEL_INFINITE_VALUE,
              fmt::format("expected finite values in column \"{}\", found {} at row {}. Make it missing ({}), or correct it.",
                          rules.column, *found, source_row_of(index, row), null_remedy(rules.column, fmt::format("{}", *found))));
}

/// Refuses infinite values, applies scale and magnitude, and gives all missing values one NaN.
void finish_numbers(std::vector<double>& values, const ColumnRules& rules, const PanelIndex& index, const ReadOptions& options,
                    std::vector<ReportLine>& report) {
  const bool takes_magnitude = options.abs_price && is_price(rules.column);
  constexpr std::size_t kBlock = 4096;  // looked at and changed while it is in the cache
  for (std::size_t begin = 0; begin < values.size(); begin += kBlock) {
    const std::span<double> block = std::span(values).subspan(begin, std::min(kBlock, values.size() - begin));
    require_finite(block, begin, rules, index);
    for (double& value : block) {
      value *= rules.scale;
      if (takes_magnitude) value = std::fabs(value);
      // One NaN and one zero for all, so that equal data has equal bytes.
      value = value == value ? value + 0.0 : kNaN;
    }
  }
  if (rules.scale != 1.0)
    report.push_back(
        {"scaled", false, 1, rules.column, fmt::format("Column \"{}\" is multiplied by {}.", rules.column, rules.scale)});
  if (rules.thousands != '\0')
    report.push_back(
        {"thousands", false, 1, rules.column,
         fmt::format("Numbers of column \"{}\" are read with \"{}\" between thousands.", rules.column, rules.thousands)});
}

/// --text names columns of texts: the zeros in front of a number are lost, and returns are numbers.
void require_text(const ColumnRules& rules, const ArrowType& type) {
  if (!rules.is_text) return;
  if (rules.is_known_number && rules.column != "industry_id" && rules.column != "sector_id" && rules.column != "cap")
    throw Error(ErrorCode::INVALID_VALUE,
                fmt::format("expected other columns for text, found \"{}\", which holds numbers. Leave it out.", rules.column));
  if (is_number(type))
    throw Error(
        ErrorCode::PANEL_COLUMN_TYPE,
        fmt::format("expected texts in column \"{}\", which text names, found {}. Convert it to texts, as zeros in front of "
                    "a number are lost, or leave it out of text.",
                    rules.column, type.name));
}

std::optional<PanelColumn> read_checked(PanelSource& panel, const std::string& name, const std::string& source,
                                        const PanelIndex& index, const ReadOptions& options, std::vector<ReportLine>& report,
                                        bool joins_texts = false) {
  const auto batches = read_columns(panel, {source});
  check_length(*batches, index, name);
  ColumnRules rules = rules_of(options, name, source);
  rules.is_known_number = must_be_number(name);
  rules.joins_texts = joins_texts;
  const ArrowType type = describe_type(batches->schema(0));
  require_text(rules, type);
  PanelColumn out;
  if (type.kind == ArrowKind::text) {
    auto texts = read_text_column(*batches, rules, index, report);
    if (texts && texts->is_text && rules.scale != 1.0)
      throw Error(
          ErrorCode::PANEL_COLUMN_TYPE,
          fmt::format("expected numbers in column \"{}\", which scale multiplies, found texts. Leave it out of scale.", name));
    if (!texts || texts->is_text) return texts;
    out = *std::move(texts);
  } else if (type.kind == ArrowKind::boolean && !must_be_number(name)) {
    return read_boolean_column(*batches, index);
  } else if (is_number(type)) {
    out.numbers = read_number_column(*batches, rules, index);
  } else if (must_be_number(name)) {
    throw Error(ErrorCode::PANEL_COLUMN_TYPE,
                fmt::format("expected numbers in column \"{0}\", found {1}. Convert it, or leave it out: --drop {2}.", name,
                            type.name, quote_for_shell(name)));
  } else {
    report.push_back({"skipped", false, 1, name,
                      fmt::format("Column \"{}\" is of type {}, which no option of a run uses: skipped.", name, type.name)});
    return std::nullopt;
  }
  finish_numbers(out.numbers, rules, index, options, report);
  check_returns(out.numbers, rules, index);
  return out;
}

/// Which duplicates equal their first row in every column that is read.
std::vector<bool> compare_rows(PanelSource& panel, const PanelNames& names, const ReadOptions& options, std::size_t n_rows,
                               const std::vector<DuplicateRow>& duplicates) {
  // Every row of the source has the place of its number.
  PanelIndex as_it_came;
  as_it_came.row_of_source.resize(n_rows);
  std::iota(as_it_came.row_of_source.begin(), as_it_came.row_of_source.end(), RowIndex{0});
  as_it_came.security_of_row.resize(n_rows);
  std::vector<bool> is_equal(duplicates.size(), true);
  std::vector<ReportLine> unused;
  for (const auto& [name, source] : names) {
    if (name == "security_id" || name == "date") continue;
    const auto column = read_checked(panel, name, source, as_it_came, options, unused);
    for (std::size_t k = 0; column && k < duplicates.size(); ++k) {
      const auto [row, first] = duplicates[k];
      const bool is_same = column->is_text ? column->codes[row] == column->codes[first]
                                           : column->numbers[row] == column->numbers[first] ||
                                                 (std::isnan(column->numbers[row]) && std::isnan(column->numbers[first]));
      if (!is_same) is_equal[k] = false;
    }
  }
  return is_equal;
}

}  // namespace

PanelIndex read_index(PanelSource& panel, const PanelNames& names, const ReadOptions& options, std::vector<ReportLine>& report,
                      std::optional<IdType> wanted) {
  return as_panel_errors([&] {
    std::vector<std::string> sources;
    for (const auto& [ours, theirs] : names)
      if (!contains(sources, theirs)) sources.push_back(theirs);
    panel.read_only(sources);
    // --text security_id says at create what a snapshot says at append.
    const bool is_text = rules_of(options, "security_id", source_name(names, "security_id")).is_text;
    PanelKeys keys = read_keys(panel, names, options, !wanted && is_text ? std::optional(IdType::text) : wanted);
    const std::size_t n_rows = keys.date.size();
    std::size_t n_duplicates = 0;
    const auto compare = [&](const std::vector<DuplicateRow>& duplicates) {
      n_duplicates = duplicates.size();
      return compare_rows(panel, names, options, n_rows, duplicates);
    };
    PanelIndex index = build_index(std::move(keys), compare, options.drop_duplicates);
    if (n_duplicates > 0)
      report.push_back({"dropped_duplicates", false, static_cast<std::int64_t>(n_duplicates), "",
                        fmt::format("{} rows that equal another one in every column were left out.", n_duplicates)});
    return index;
  });
}

std::optional<PanelColumn> read_column(PanelSource& panel, const std::string& name, const std::string& source,
                                       const PanelIndex& index, const ReadOptions& options, std::vector<ReportLine>& report,
                                       bool joins_texts) {
  return as_panel_errors([&] { return read_checked(panel, name, source, index, options, report, joins_texts); });
}

}  // namespace fractile
