// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "service/run_options.hpp"

#include <nlohmann/json.hpp>

#include "engine/day.hpp"
#include "fractile/error.hpp"

namespace fractile {
namespace {

using Json = nlohmann::json;

std::string to_text(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

Json parse_options(const std::string& text) {
  Json options = Json::parse(text, nullptr, false);
  if (!options.is_object())
    throw Error(ErrorCode::INVALID_VALUE, "expected config as an object of options, found another value. Write {\"lag\": 1}.");
  return options;
}

Json parse_list(const std::string& text, const char* name, const char* example) {
  Json list = Json::parse(text, nullptr, false);
  if (!list.is_array() || list.empty())
    throw Error(ErrorCode::INVALID_VALUE, std::string("expected ") + name + " as a list with an entry or more, found " +
                                              text.substr(0, 40) + ". Write " + example + ".");
  return list;
}

Json drop_absent_groups(const Json& groups, const Snapshot& snapshot) {
  if (!groups.is_array()) return groups;
  Json out = Json::array();
  for (const Json& byvar : groups)
    if (!byvar.is_string() || has_group(snapshot, byvar.get<std::string>())) out.push_back(byvar);
  return out;
}

}  // namespace

bool has_group(const Snapshot& snapshot, std::string_view byvar) {
  return byvar == "overall" || is_calendar_byvar(std::string(byvar)) || snapshot.find_column(byvar);
}

std::string complete_options(const std::string& given, const OptionTexts& defaults, const Snapshot& snapshot) {
  Json options = parse_options(given);
  for (const auto& [name, text] : defaults) {
    if (options.contains(name)) continue;
    const Json value = Json::parse(text);
    options[name] = name == "byvar_list" ? drop_absent_groups(value, snapshot) : value;
  }
  return to_text(options);
}

std::vector<SuiteCell> make_suite_cells(const std::string& text, const std::string& lags_text, const std::string& modes_text) {
  Json options = parse_options(text);
  const Json lags = parse_list(lags_text, "lags", "[0, 1]"), modes = parse_list(modes_text, "resid_modes", "[\"off\", \"all\"]");
  options.erase("resid_style");  // defines resid=true, but a suite names its modes
  std::vector<SuiteCell> cells;
  for (const Json& lag : lags)
    for (const Json& mode : modes) {
      options["lag"] = lag;
      options["resid"] = mode;
      const std::string mode_name = mode.is_string() ? mode.get<std::string>() : to_text(mode);
      cells.push_back({"lag" + to_text(lag) + "_resid" + mode_name, parse_config(to_text(options))});
    }
  return cells;
}

}  // namespace fractile
