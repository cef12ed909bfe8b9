// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "snapshot/panel_texts.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "arrow/arrow_visit.hpp"
#include "fractile/error.hpp"
#include "fractile/types.hpp"
#include "ingest/date_text.hpp"
#include "ingest/number_text.hpp"
#include "ingest/text_codes.hpp"
#include "snapshot/known_columns.hpp"
#include "types/quoted_text.hpp"

namespace fractile {
namespace {

constexpr std::size_t kMostTexts = 65535;

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  return out;
}

/// Texts as codes by source row, with the kind of each text.
struct CodedTexts {
  std::vector<std::int32_t> codes;  ///< kMissingCode if missing
  std::vector<std::string> texts;
  std::vector<std::int64_t> count, first_row;
};

/// Rows that are left out of the panel have no text.
CodedTexts code_texts(const ArrowBatches& batches, const ColumnRules& rules, const PanelIndex& index) {
  TextCodes numbering;
  std::vector<std::int32_t> raw(static_cast<std::size_t>(batches.n_rows()), kMissingCode);
  for (const auto& chunk : batches.chunks(0))
    arrow::visit_texts(batches.schema(0), chunk, [&](std::int64_t i, std::string_view text, bool null) {
      const auto row = static_cast<std::size_t>(chunk.first_row + i);
      if (!null && index.row_of_source[row] != kNoRow) raw[row] = numbering.add(text);
      return true;
    });
  // Each different text is checked once.
  std::vector<std::int32_t> code_of(numbering.all().size(), kMissingCode);
  CodedTexts out;
  for (std::size_t k = 0; k < code_of.size(); ++k) {
    const std::string& text = numbering.all()[k];
    double number = 0.0;
    const bool is_missing = text.empty() || rules.is_null_text(text) || rules.is_null_text(trim(text)) ||
                            (!rules.null_numbers.empty() && read_number(text, rules, number) == NumberText::missing &&
                             !is_usual_missing_text(trim(text)));
    if (is_missing) continue;
    code_of[k] = static_cast<std::int32_t>(out.texts.size());
    out.texts.push_back(text);
  }
  out.count.resize(out.texts.size());
  out.first_row.assign(out.texts.size(), -1);
  for (std::size_t i = 0; i < raw.size(); ++i) {
    if (raw[i] != kMissingCode) raw[i] = code_of[static_cast<std::size_t>(raw[i])];
    if (raw[i] == kMissingCode) continue;
    const auto k = static_cast<std::size_t>(raw[i]);
    if (out.count[k]++ == 0) out.first_row[k] = static_cast<std::int64_t>(i);
  }
  out.codes = std::move(raw);
  return out;
}

/// Codes ascend with their texts, so that they do not depend on the order of the source's rows.
PanelColumn to_category(const CodedTexts& coded, const std::vector<std::string>& names, const PanelIndex& index) {
  std::map<std::string, std::int32_t> number;
  for (const std::string& name : names) number.emplace(name, 0);
  PanelColumn out;
  out.is_text = true;
  for (auto& [text, code] : number) {
    code = static_cast<std::int32_t>(out.texts.size());
    out.texts.push_back(text);
  }
  std::vector<std::int32_t> code_of;
  for (const std::string& name : names) code_of.push_back(number.at(name));
  out.codes.assign(static_cast<std::size_t>(index.row_capacity()), kMissingCode);
  for (std::size_t i = 0; i < coded.codes.size(); ++i)
    if (coded.codes[i] != kMissingCode)
      out.codes[static_cast<std::size_t>(index.row_of_source[i])] = code_of[static_cast<std::size_t>(coded.codes[i])];
  return out;
}

/// The numbers of a column whose texts all are numbers; nullopt at the first other text.
std::optional<std::vector<double>> read_as_numbers(const ArrowBatches& batches, const ColumnRules& rules,
                                                   const PanelIndex& index) {
  std::vector<double> out(static_cast<std::size_t>(index.row_capacity()), kNaN);
  bool is_number = true;
  for (const auto& chunk : batches.chunks(0)) {
    arrow::visit_texts(batches.schema(0), chunk, [&](std::int64_t i, std::string_view text, bool null) {
      const RowIndex row = index.row_of_source[static_cast<std::size_t>(chunk.first_row + i)];
      if (null || row == kNoRow) return true;
      double number = kNaN;
      const NumberText kind = read_number(text, rules, number);
      is_number = kind == NumberText::number || kind == NumberText::missing || kind == NumberText::inexact ||
                  (kind == NumberText::zero_padded && rules.is_known_number);
      if (kind == NumberText::inexact)
        throw Error(ErrorCode::PANEL_COLUMN_TYPE, fmt::format("expected whole numbers that float64 holds (all below 2^53) in "
                                                              "column \"{}\", found {} at row {}. Keep the column as "
                                                              "texts (--text {}), or leave it out (--drop {}).",
                                                              rules.column, show_text(text), chunk.first_row + i,
                                                              quote_for_shell(rules.column), quote_for_shell(rules.column)));
      if (kind != NumberText::missing) out[static_cast<std::size_t>(row)] = number;
      return is_number;
    });
    if (!is_number) return std::nullopt;
  }
  return out;
}

/// The number of a column's texts that are numbers, and the first other texts.
struct Profile {
  std::int64_t n_numbers = 0, n_texts = 0;
  std::vector<std::size_t> others;  ///< the different texts other than numbers, by first row
  bool all_booleans = true, all_dates = true;
  std::string usual_missing;  ///< NA, NULL: values here
  std::int64_t n_usual_missing = 0;
};

Profile profile_of(const CodedTexts& coded, const ColumnRules& rules) {
  Profile out;
  for (std::size_t k = 0; k < coded.texts.size(); ++k) {
    const std::string& text = coded.texts[k];
    const std::string_view bare = trim(text);
    if (coded.count[k] == 0) continue;
    double number = 0.0;
    const NumberText kind = read_number(text, rules, number);
    const std::string folded = lower(bare);
    Instant instant;
    bool has_offset = false;
    out.all_booleans &= folded == "true" || folded == "false";
    out.all_dates &= bare.size() >= 10 && parse_iso(bare, instant, has_offset);
    if (is_usual_missing_text(bare)) {
      out.n_usual_missing += coded.count[k];
      if (out.usual_missing.empty()) out.usual_missing = bare;
    } else if (kind == NumberText::text || kind == NumberText::zero_padded) {
      out.n_texts += coded.count[k];
      out.others.push_back(k);
    } else {
      out.n_numbers += coded.count[k];
    }
  }
  std::sort(out.others.begin(), out.others.end(),
            [&](std::size_t a, std::size_t b) { return coded.first_row[a] < coded.first_row[b]; });
  return out;
}

/// `"C" at row 0, "B" at row 375`, and what to type. A column with many different texts shows only its first: it has other
/// trouble than a few codes.
struct OtherTexts {
  std::string found, remedy;
};

OtherTexts other_texts(const CodedTexts& coded, const Profile& profile, const ColumnRules& rules) {
  constexpr std::size_t kMostCodes = 8;
  const std::size_t n_shown = profile.others.size() <= kMostCodes ? profile.others.size() : 1;
  OtherTexts out;
  std::vector<std::string> texts;
  for (std::size_t i = 0; i < n_shown; ++i) {
    const std::size_t k = profile.others[i];
    out.found += fmt::format("{}{} at row {}", i > 0 ? ", " : "", show_text(coded.texts[k]), coded.first_row[k]);
    texts.push_back(coded.texts[k]);
  }
  out.remedy = number_remedy(texts, rules);
  return out;
}

PanelColumn read_cap(const CodedTexts& coded, const ColumnRules& rules, const PanelIndex& index) {
  std::vector<double> number_of;
  for (std::size_t k = 0; k < coded.texts.size(); ++k) {
    double number = cap_of_text(trim(coded.texts[k]));
    const bool is_text = number != 0.0;
    const NumberText kind = is_text ? NumberText::number : read_number(coded.texts[k], rules, number);
    if (kind == NumberText::text)
      throw Error(
          ErrorCode::PANEL_COLUMN_TYPE,
          fmt::format(
              "expected 1, 2, 3 or large, mid, small in column \"{}\", found {} at row {}. Correct it, or make it missing: {}.",
              rules.column, show_text(coded.texts[k]), coded.first_row[k], null_remedy(rules.column, coded.texts[k])));
    number_of.push_back(kind == NumberText::missing ? kNaN : number);
  }
  PanelColumn out;
  out.numbers.assign(static_cast<std::size_t>(index.row_capacity()), kNaN);
  for (std::size_t i = 0; i < coded.codes.size(); ++i)
    if (coded.codes[i] != kMissingCode)
      out.numbers[static_cast<std::size_t>(index.row_of_source[i])] = number_of[static_cast<std::size_t>(coded.codes[i])];
  return out;
}

bool may_be_text(const std::string& name) { return !must_be_number(name) || name == "industry_id" || name == "sector_id"; }

}  // namespace

int cap_of_text(std::string_view text) {
  const std::string folded = lower(text);
  for (const auto& [word, cap] :
       {std::pair{"large", 1}, {"big", 1}, {"mega", 1}, {"mid", 2}, {"medium", 2}, {"median", 2}, {"small", 3}, {"micro", 3}})
    if (folded == word) return cap;
  return 0;
}

std::optional<PanelColumn> read_text_column(const ArrowBatches& batches, const ColumnRules& rules, const PanelIndex& index,
                                            std::vector<ReportLine>& report) {
  const std::string& name = rules.column;
  const bool stays_text = rules.is_text || rules.joins_texts;
  if (!stays_text)
    if (auto numbers = read_as_numbers(batches, rules, index)) {
      PanelColumn out;
      out.numbers = *std::move(numbers);
      return out;
    }
  const CodedTexts coded = code_texts(batches, rules, index);
  if (name == "cap") return read_cap(coded, rules, index);
  const Profile profile = profile_of(coded, rules);
  if (!may_be_text(name)) {
    const OtherTexts others = other_texts(coded, profile, rules);
    throw Error(ErrorCode::PANEL_COLUMN_TYPE,
                fmt::format("expected numbers in column \"{}\", found {}. {}.", name, others.found, others.remedy));
  }
  if (profile.all_booleans && !coded.texts.empty() && !rules.joins_texts) {
    std::vector<std::string> names;
    for (const std::string& text : coded.texts) names.push_back(lower(trim(text)));
    return to_category(coded, names, index);
  }
  if (profile.all_dates && !coded.texts.empty() && !stays_text) {
    report.push_back(
        {"skipped", false, 1, name, fmt::format("Column \"{}\" holds dates, which no option of a run uses: skipped.", name)});
    return std::nullopt;
  }
  const std::int64_t n_values = profile.n_numbers + profile.n_texts;
  const double share = n_values > 0 ? static_cast<double>(profile.n_numbers) / static_cast<double>(n_values) : 0.0;
  if (share > 0.9 && !stays_text) {
    const OtherTexts others = other_texts(coded, profile, rules);
    throw Error(ErrorCode::PANEL_COLUMN_TYPE,
                fmt::format("expected numbers or texts in column \"{}\", found {} among numbers ({:.1f} % of its values). {}, or "
                            "keep the column as texts: --text {}.",
                            name, others.found, 100.0 * share, others.remedy, quote_for_shell(name)));
  }
  if (coded.texts.size() > kMostTexts) {
    report.push_back({"skipped", true, static_cast<std::int64_t>(coded.texts.size()), name,
                      fmt::format("Column \"{}\" has {} different texts, more than the {} of a category: skipped.", name,
                                  coded.texts.size(), kMostTexts)});
    return std::nullopt;
  }
  if (!rules.is_text && profile.n_texts > 0)
    report.push_back(
        {"text", profile.n_numbers > 0, profile.n_texts, name,
         fmt::format("Column \"{}\" is a category: {:.1f} % of its values are numbers, the first that is none is {} at row {}.",
                     name, 100.0 * share, show_text(coded.texts[profile.others.front()]),
                     coded.first_row[profile.others.front()])});
  if (profile.n_usual_missing > 0)
    report.push_back({"text_missing", true, profile.n_usual_missing, name,
                      fmt::format("Column \"{}\" has the text {} as a value: if it means missing, {}.", name,
                                  show_text(profile.usual_missing), null_remedy(name, profile.usual_missing))});
  return to_category(coded, coded.texts, index);
}

PanelColumn read_boolean_column(const ArrowBatches& batches, const PanelIndex& index) {
  CodedTexts coded;
  coded.codes.assign(static_cast<std::size_t>(batches.n_rows()), kMissingCode);
  bool seen[2] = {};
  std::vector<double> values;
  for (const auto& chunk : batches.chunks(0)) {
    values.resize(static_cast<std::size_t>(chunk.length));
    read_doubles(batches.schema(0), chunk, values.data());
    for (std::size_t i = 0; i < values.size(); ++i)
      if (values[i] == values[i] && index.row_of_source[static_cast<std::size_t>(chunk.first_row) + i] != kNoRow) {
        const std::int32_t code = values[i] != 0.0 ? 1 : 0;
        seen[code] = true;
        coded.codes[static_cast<std::size_t>(chunk.first_row) + i] = code;
      }
  }
  // As in a column of texts, the category has only values that a row has.
  std::vector<std::string> names{seen[0] ? "false" : "true", seen[1] ? "true" : "false"};
  return to_category(coded, names, index);
}

}  // namespace fractile
