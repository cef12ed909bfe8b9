// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "fractile/read_options.hpp"

/// The options of reading: declared once, parsed once, resolved for one column.
namespace fractile {

enum class ReadOptionType : std::uint8_t { nulls, texts, text_map, real_map, text, boolean };

struct ReadOptionInfo {
  std::string_view name;
  ReadOptionType type;
  std::string_view doc;
  bool is_for_panels;  ///< true if the option is only for panels
};

/// Every option of reading, in the order of the documentation.
std::span<const ReadOptionInfo> read_option_table();
const ReadOptionInfo* find_read_option(std::string_view name);

/// Parses a JSON object with only read options. A text in place of a list or a map has the form of the command line:
/// "a,b", "ret=C,B", "ret=RET". Throws UNKNOWN_OPTION, INVALID_VALUE.
ReadOptions parse_read_options(const std::string& json);
/// The options that differ from their defaults, as a JSON object that parse_read_options() reads.
std::string read_options_to_json(const ReadOptions& options);
/// Moves the read options out of a JSON object of options; `config` retains the others.
ReadOptions take_read_options(std::string& config);

/// Every name that `null`, `scale` and `text` have for a column must be one of `names`, of which some are the
/// source's and some ours, because an option without effect is a mistake. Throws UNKNOWN_OPTION.
void require_known_columns(const ReadOptions& options, const std::vector<std::string>& names);

/// "--null 'ret=(0.01)'": what to type so that a text of a column is missing.
std::string null_remedy(std::string_view column, std::string_view text);
std::string null_remedy(std::string_view column, const std::vector<std::string>& texts);

/// The options of one column.
struct ColumnRules {
  std::string column;                   ///< our name, for messages
  std::vector<std::string> null_texts;  ///< missing, beside the usual ones
  std::vector<double> null_numbers;
  char decimal = '.';
  char thousands = '\0';
  double scale = 1.0;
  std::string date_format;
  bool is_text = false;          ///< stays a text
  bool joins_texts = false;      ///< of a panel that is appended: the snapshot has a category
  bool is_known_number = false;  ///< of methodology section 1: zeros in front change nothing

  bool is_null_text(std::string_view text) const noexcept;
  bool is_null_number(double value) const noexcept;
};

/// `ours` and `source`: the two names of the column.
ColumnRules rules_of(const ReadOptions& options, const std::string& ours, const std::string& source);

}  // namespace fractile
