// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "ingest/read_options.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>

#include "fractile/error.hpp"
#include "ingest/date_format.hpp"
#include "types/nearest.hpp"
#include "types/quoted_text.hpp"

namespace fractile {
namespace {

using Json = nlohmann::json;
using enum ReadOptionType;

constexpr ReadOptionInfo kTable[] = {
    {"null", nulls, "Texts and numbers that are missing: \"NA,-99\" in every column, \"ret=C,B,-99\" in one.", false},
    {"text", texts, "Columns that stay texts, though they look like numbers.", false},
    {"columns", texts, "Columns to read, beside the required ones; default: all.", true},
    {"drop", texts, "Columns to leave out.", false},
    {"map", text_map, "Other column names: ret=RetColumn.", false},
    {"date_format", text, "How dates are written where they are not ISO: %d/%m/%Y, %Y-%m, unix_ms.", false},
    {"delimiter", text, "Delimiter of a CSV; default: recognised among comma, semicolon, tab and bar.", false},
    {"decimal", text, "Decimal mark of numbers in texts: a point (default) or a comma.", false},
    {"encoding", text, "Encoding of a CSV, such as latin-1 or utf-16; default: UTF-8.", false},
    {"thousands", text, "Separator of thousands of numbers in texts; default: none.", false},
    {"scale", real_map, "Factors of number columns: ret=0.01.", false},
    {"abs_price", boolean, "Take prices without their sign (CRSP marks bid-ask midpoints by it).", true},
    {"drop_duplicates", boolean, "Leave out rows of a panel that equal another one in every column.", true},
};

[[noreturn]] void refuse(std::string_view name, std::string_view expected, const std::string& found) {
  std::string flag(name);
  std::replace(flag.begin(), flag.end(), '_', '-');
  throw Error(ErrorCode::INVALID_VALUE,
              fmt::format("expected {} for {}, found {}. Correct {} (--{}).", expected, name, found.substr(0, 80), name, flag));
}

/// The entries between commas; "\\," is a comma inside one.
std::vector<std::string> split(std::string_view list) {
  std::vector<std::string> out{""};
  for (std::size_t i = 0; i < list.size(); ++i) {
    if (list[i] == '\\' && i + 1 < list.size() && list[i + 1] == ',')
      out.back() += list[++i];
    else if (list[i] == ',')
      out.emplace_back();
    else
      out.back() += list[i];
  }
  std::erase(out, "");
  return out;
}

/// Returns a JSON number unchanged in its notation, and a text as it is.
std::string as_text(std::string_view name, const Json& json) {
  if (json.is_string()) return json.get<std::string>();
  if (json.is_number()) return json.dump();
  refuse(name, "a text or a number", json.dump());
}

std::vector<std::string> as_texts(std::string_view name, const Json& json) {
  if (json.is_string()) return split(json.get<std::string>());
  if (!json.is_array()) return {as_text(name, json)};
  std::vector<std::string> out;
  for (const Json& entry : json) out.push_back(as_text(name, entry));
  return out;
}

void add_nulls(const Json& json, ReadOptions& out) {
  const auto add = [](std::vector<std::string>& to, const std::vector<std::string>& more) {
    to.insert(to.end(), more.begin(), more.end());
  };
  if (json.is_string()) {
    const std::string list = json.get<std::string>();
    const auto equals = list.find('=');
    if (equals == std::string::npos) return add(out.null, split(list));
    return add(out.null_of[list.substr(0, equals)], split(std::string_view(list).substr(equals + 1)));
  }
  if (!json.is_object()) return add(out.null, as_texts("null", json));
  for (const auto& [column, texts_of] : json.items())
    add(out.null_of[column], texts_of.is_string() ? std::vector{texts_of.get<std::string>()} : as_texts("null", texts_of));
}

/// "a=b,c=d" or an object, as pairs.
std::vector<std::pair<std::string, Json>> as_pairs(std::string_view name, const Json& json) {
  std::vector<std::pair<std::string, Json>> out;
  if (json.is_object())
    for (const auto& [key, value] : json.items()) out.emplace_back(key, value);
  else if (json.is_string())
    for (const std::string& entry : split(json.get<std::string>())) {
      const auto equals = entry.find('=');
      if (equals == std::string::npos || equals == 0) refuse(name, "name=value", '"' + entry + '"');
      out.emplace_back(entry.substr(0, equals), entry.substr(equals + 1));
    }
  else
    refuse(name, "a map such as {\"ret\": ...}", json.dump());
  return out;
}

double as_factor(std::string_view name, const Json& json) {
  double factor = 0.0;
  if (json.is_number()) {
    factor = json.get<double>();
  } else {
    const std::string text = as_text(name, json);
    const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), factor);
    if (failed != std::errc{} || end != text.data() + text.size()) factor = 0.0;
  }
  if (factor == 0.0 || !std::isfinite(factor)) refuse(name, "a finite number that is not 0", json.dump());
  return factor;
}

bool as_boolean(std::string_view name, const Json& json) {
  if (json.is_boolean()) return json.get<bool>();
  if (json == "true" || json == "false") return json == "true";
  refuse(name, "true or false", json.dump());
}

/// One character, or its name if a shell cannot pass it easily.
std::string as_mark(std::string_view name, const Json& json) {
  const std::string mark = as_text(name, json);
  if (mark == "tab" || mark == "\\t") return "\t";
  if (mark.size() != 1) refuse(name, "one character", '"' + mark + '"');
  return mark;
}

void read_one(std::string_view name, const Json& json, ReadOptions& out) {
  if (json.is_null()) return;
  const auto append = [&](std::vector<std::string>& to) {
    for (std::string& entry : as_texts(name, json)) to.push_back(std::move(entry));
  };
  if (name == "null") return add_nulls(json, out);
  if (name == "text") return append(out.text);
  if (name == "columns") return append(out.columns);
  if (name == "drop") return append(out.drop);
  if (name == "map")
    for (const auto& [ours, theirs] : as_pairs(name, json)) out.map[ours] = as_text(name, theirs);
  if (name == "scale")
    for (const auto& [column, factor] : as_pairs(name, json)) out.scale[column] = as_factor(name, factor);
  if (name == "date_format") check_date_format(out.date_format = as_text(name, json));
  if (name == "delimiter") out.delimiter = as_mark(name, json);
  if (name == "decimal") {
    out.decimal = as_mark(name, json);
    if (out.decimal != "." && out.decimal != ",") refuse(name, "\".\" or \",\"", '"' + out.decimal + '"');
  }
  if (name == "thousands") out.thousands = as_mark(name, json);
  if (name == "encoding") out.encoding = as_text(name, json);
  if (name == "abs_price") out.abs_price = as_boolean(name, json);
  if (name == "drop_duplicates") out.drop_duplicates = as_boolean(name, json);
}

void check(const ReadOptions& options) {
  if (!options.thousands.empty() && options.thousands == options.decimal)
    throw Error(ErrorCode::REFUSED_COMBINATION,
                fmt::format("expected different marks for thousands and decimal, found \"{}\" for both. Name the other one too: "
                            "--thousands , goes with --decimal .",
                            options.decimal));
}

}  // namespace

std::span<const ReadOptionInfo> read_option_table() { return kTable; }

const ReadOptionInfo* find_read_option(std::string_view name) {
  const auto* found = std::find_if(std::begin(kTable), std::end(kTable), [&](const auto& info) { return info.name == name; });
  return found == std::end(kTable) ? nullptr : found;
}

ReadOptions parse_read_options(const std::string& json) {
  const Json given = Json::parse(json, nullptr, false);
  if (!given.is_object()) refuse("the options of reading", "an object", json);
  ReadOptions out;
  for (const auto& [name, value] : given.items()) {
    if (!find_read_option(name)) {
      std::vector<std::string_view> names;
      for (const ReadOptionInfo& info : kTable) names.push_back(info.name);
      throw Error(ErrorCode::UNKNOWN_OPTION, fmt::format("expected an option of reading, found \"{}\". Did you mean \"{}\"?",
                                                         name.substr(0, 40), nearest_name(name.substr(0, 40), names)));
    }
    // On the command line an option may come several times.
    if (value.is_object() && value.contains("each"))
      for (const Json& entry : value["each"]) read_one(name, entry, out);
    else
      read_one(name, value, out);
  }
  check(out);
  return out;
}

std::string read_options_to_json(const ReadOptions& options) {
  const ReadOptions none;
  Json out = Json::object();
  const auto add = [&](const char* name, const auto& value, const auto& otherwise) {
    if (value != otherwise) out[name] = value;
  };
  // An object has texts by column and none for every column; a list is the reverse.
  if (!options.null.empty() && !options.null_of.empty())
    out["null"]["each"] = {options.null, options.null_of};
  else if (!options.null_of.empty())
    out["null"] = options.null_of;
  else
    add("null", options.null, none.null);
  add("text", options.text, none.text);
  add("columns", options.columns, none.columns);
  add("drop", options.drop, none.drop);
  add("map", options.map, none.map);
  add("date_format", options.date_format, none.date_format);
  add("delimiter", options.delimiter, none.delimiter);
  add("decimal", options.decimal, none.decimal);
  add("thousands", options.thousands, none.thousands);
  add("encoding", options.encoding, none.encoding);
  add("scale", options.scale, none.scale);
  add("abs_price", options.abs_price, none.abs_price);
  add("drop_duplicates", options.drop_duplicates, none.drop_duplicates);
  return out.dump(-1, ' ', false, Json::error_handler_t::replace);
}

ReadOptions take_read_options(std::string& config) {
  Json given = Json::parse(config, nullptr, false);
  if (!given.is_object()) return {};
  Json ours = Json::object();
  for (const ReadOptionInfo& info : kTable)
    if (const auto found = given.find(info.name); found != given.end()) {
      ours[std::string(info.name)] = *found;
      given.erase(found);
    }
  if (ours.empty()) return {};
  config = given.dump(-1, ' ', false, Json::error_handler_t::replace);
  return parse_read_options(ours.dump(-1, ' ', false, Json::error_handler_t::replace));
}

void require_known_columns(const ReadOptions& options, const std::vector<std::string>& names) {
  const auto require = [&](std::string_view option, const std::string& column) {
    if (column == "security_id" && option != "text")
      throw Error(
          ErrorCode::INVALID_VALUE,
          fmt::format("expected columns of values for {}, found security_id. An id is missing only if it is empty, and is "
                      "taken as it is.",
                      option));
    if (std::find(names.begin(), names.end(), column) != names.end()) return;
    const std::vector<std::string_view> all(names.begin(), names.end());
    throw Error(ErrorCode::UNKNOWN_OPTION, fmt::format("expected the name of a column for {}, found \"{}\". Did you mean \"{}\"?",
                                                       option, column.substr(0, 80), nearest_name(column.substr(0, 80), all)));
  };
  for (const auto& [column, texts_of] : options.null_of) require("null", column);
  for (const auto& [column, factor] : options.scale) require("scale", column);
  for (const std::string& column : options.text) require("text", column);
}

std::string null_remedy(std::string_view column, std::string_view text) {
  return null_remedy(column, std::vector<std::string>{std::string(text)});
}

std::string null_remedy(std::string_view column, const std::vector<std::string>& texts) {
  std::string list;
  for (const std::string& text : texts) list += (list.empty() ? "" : ",") + escape_commas(text);
  return "--null " + quote_for_shell(fmt::format("{}={}", column, list));
}

bool ColumnRules::is_null_text(std::string_view text) const noexcept {
  return std::find(null_texts.begin(), null_texts.end(), text) != null_texts.end();
}

bool ColumnRules::is_null_number(double value) const noexcept {
  return std::find(null_numbers.begin(), null_numbers.end(), value) != null_numbers.end();
}

ColumnRules rules_of(const ReadOptions& options, const std::string& ours, const std::string& source) {
  ColumnRules rules;
  rules.column = ours;
  const auto add_null = [&](const std::string& text) {
    rules.null_texts.push_back(text);
    double number = 0.0;
    const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (failed == std::errc{} && end == text.data() + text.size()) rules.null_numbers.push_back(number);
  };
  for (const std::string& text : options.null) add_null(text);
  const auto names_it = [&](const std::string& name) { return name == ours || name == source; };
  for (const auto& [column, missing] : options.null_of)
    if (names_it(column)) std::for_each(missing.begin(), missing.end(), add_null);
  for (const auto& [column, factor] : options.scale)
    if (names_it(column)) rules.scale = factor;
  rules.is_text = std::any_of(options.text.begin(), options.text.end(), names_it);
  rules.decimal = options.decimal[0];
  rules.thousands = options.thousands.empty() ? '\0' : options.thousands[0];
  rules.date_format = options.date_format;
  return rules;
}

}  // namespace fractile
