// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "fractile/config.hpp"
#include "tearsheet/tear_sheet.hpp"
#include "types/quoted_text.hpp"

namespace fractile {
namespace {

using Json = nlohmann::json;

/// A word of a POSIX shell.
std::string quote(const std::string& text) {
  const bool is_plain = !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("-_./,:=@%+").find(c) != std::string_view::npos;
  });
  if (is_plain) return text;
  std::string out = "'";
  for (const char c : text) {
    if (c == '\'')
      out += "'\\''";
    else
      out += c;
  }
  return out + "'";
}

/// A list of names or numbers without a comma in any of them, as people type it; else JSON.
std::string list_text(const Json& list) {
  std::string out;
  for (const Json& part : list) {
    const std::string text = part.is_string() ? part.get<std::string>() : part.dump();
    if (text.find(',') != std::string::npos || text.starts_with('[') || text.starts_with(' ')) return list.dump();
    out += (out.empty() ? "" : ",") + text;
  }
  return out.empty() ? "[]" : out;
}

std::string option_text(const std::string& name, const Json& value) {
  std::string flag = name;
  std::replace(flag.begin(), flag.end(), '_', '-');
  if (value.is_boolean()) return value.get<bool>() ? " --" + flag : " --no-" + flag;
  const std::string text = value.is_string() ? value.get<std::string>() : value.is_array() ? list_text(value) : value.dump();
  return " --" + flag + " " + quote(text);
}

/// One entry of a list as the command line takes it.
std::string entry_text(const Json& entry) { return escape_commas(entry.is_string() ? entry.get<std::string>() : entry.dump()); }

std::string entries_text(const Json& list) {
  std::string out;
  for (const Json& entry : list) out += (out.empty() ? "" : ",") + entry_text(entry);
  return out;
}

/// An option of reading: a list is "a,b", a map is a flag for each column.
std::string reading_text(const std::string& name, const Json& value) {
  std::string out;
  if (value.is_object() && value.contains("each"))
    for (const Json& part : value["each"]) out += reading_text(name, part);
  else if (value.is_object())
    for (const auto& [column, entry] : value.items())
      out += option_text(name, column + "=" + (entry.is_array() ? entries_text(entry) : entry_text(entry)));
  else
    out = option_text(name, value.is_array() ? Json(entries_text(value)) : value);
  return out;
}

/// The options of the run that differ from their defaults. A configuration file may have groups of its own, so these are
/// always said.
Json said_options(const Result& result) {
  const Json config = Json::parse(result.config_json), defaults = Json::parse(config_to_json(RunConfig{}));
  Json out = Json::object();
  for (const auto& [name, value] : config.items()) {
    const bool is_said = name == "byvar_list" || !defaults.contains(name) || defaults[name] != value;
    if (is_said && !value.is_null()) out[name] = value;
  }
  return out;
}

std::string arguments_text(const Result& result, const RunPlace& place, const Json& reading, const Json& said) {
  std::string out = quote(place.signal) + " --snapshot " + quote(result.snapshot);
  if (!place.root.empty()) out += " --root " + quote(place.root);
  if (!place.start_date.empty()) out += " --start-date " + quote(place.start_date);
  if (!place.end_date.empty()) out += " --end-date " + quote(place.end_date);
  if (!place.compact) out += " --no-compact";
  if (place.sigvar != "signal") out += " --sigvar " + quote(place.sigvar);
  for (const auto& [name, value] : reading.items()) out += reading_text(name, value);
  for (const auto& [name, value] : said.items()) out += option_text(name, value);
  return out;
}

std::string to_text(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

}  // namespace

Repeat repeat_run(const Result& result, const RunPlace& place) {
  const Json reading = Json::parse(place.reading), said = said_options(result);
  Json service = Json::object(), given = said;
  if (!place.start_date.empty()) service["start_date"] = place.start_date;
  if (!place.end_date.empty()) service["end_date"] = place.end_date;
  if (!place.compact) service["compact"] = false;
  given.update(reading);
  if (place.sigvar != "signal") given["sigvar"] = place.sigvar;
  return {arguments_text(result, place, reading, said), to_text(service), to_text(given)};
}

}  // namespace fractile
