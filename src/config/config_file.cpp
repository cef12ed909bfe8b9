// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "config/config_file.hpp"

#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <set>
#include <vector>

#include "config/options.hpp"
#include "fractile/error.hpp"

namespace fractile {
namespace {

using Json = nlohmann::json;

constexpr const char* kFile = "api/backtest_config.yaml";
constexpr int kDeepest = 16;  // levels of a value

/// Every key of the file.
const std::map<std::string, std::vector<std::string_view>>& sections() {
  static const std::map<std::string, std::vector<std::string_view>> kSections{
      {"server",
       {"host", "port", "workers", "token_file", "max_body_mb", "max_queue", "request_timeout_s", "signal_dir", "cors_origins",
        "result_store_mb"}},
      {"memory", {"use_mmap", "cache_size", "preload", "compact"}},
      {"date_range", {"start", "end"}},
      {"defaults", {}}};
  return kSections;
}

[[noreturn]] void refuse(const std::string& path, const YAML::Mark& mark, const std::string& expected, const std::string& found) {
  throw Error(ErrorCode::INVALID_CONFIG_FILE,
              fmt::format("expected {}, found {} at {}, line {}. Correct the file.", expected, found, path, mark.line + 1));
}

bool is_utf8(const std::string& text) {
  try {
    Json(text).dump();
    return true;
  } catch (const Json::exception&) {
    return false;
  }
}

/// One text; refuses lists and maps.
std::string scalar_of(const std::string& path, const YAML::Node& node, const std::string& what) {
  if (!node.IsScalar()) refuse(path, node.Mark(), fmt::format("one text for {}", what), "a list or map");
  if (!is_utf8(node.Scalar())) refuse(path, node.Mark(), "text in UTF-8", "other bytes");
  return node.Scalar();
}

/// The keys of one map. By YAML's rules the last of equal keys wins; this reader refuses a file with equal keys instead.
class Keys {
 public:
  explicit Keys(const std::string& path) : path_(path) {}

  std::string read(const YAML::Node& node) {
    std::string key = scalar_of(path_, node, "a key");
    if (!seen_.insert(key).second) refuse(path_, node.Mark(), "each key once", fmt::format("\"{}\" twice", key));
    return key;
  }
  /// Refuses a key that is not among `known`, and names the nearest.
  std::string read(const YAML::Node& node, const std::string& expected, const std::vector<std::string_view>& known) {
    std::string key = read(node);
    if (std::find(known.begin(), known.end(), key) == known.end())
      refuse(path_, node.Mark(), expected, fmt::format("\"{}\" (did you mean \"{}\"?)", key, nearest_name(key, known)));
    return key;
  }

 private:
  const std::string& path_;
  std::set<std::string> seen_;
};

/// Converts YAML to JSON. Aliases may contain themselves or multiply values, so depth and size are bounded.
class Converter {
 public:
  explicit Converter(const std::string& path) : path_(path) {}

  /// As text.
  std::string convert(const YAML::Node& node) { return to_json(node, 0).dump(); }

 private:
  Json to_json(const YAML::Node& node, int depth) {
    constexpr int kMost = 10000;
    if (depth > kDeepest) refuse(path_, node.Mark(), fmt::format("values of at most {} levels", kDeepest), "more");
    if (++n_values_ > kMost) refuse(path_, node.Mark(), fmt::format("at most {} values", kMost), "more");
    if (node.IsNull()) return nullptr;
    if (node.IsSequence()) {
      Json list = Json::array();
      for (const auto& entry : node) list.push_back(to_json(entry, depth + 1));
      return list;
    }
    if (node.IsMap()) {
      Json map = Json::object();
      Keys keys(path_);
      for (const auto& entry : node) map[keys.read(entry.first)] = to_json(entry.second, depth + 1);
      return map;
    }
    const std::string text = scalar_of(path_, node, "a value");
    // A quoted scalar is text; a plain one may be a number or a truth value. `resid: off` is the name of a choice.
    if (node.Tag() != "!") {
      if (bool truth = false; text != "off" && text != "on" && YAML::convert<bool>::decode(node, truth)) return truth;
      const Json parsed = Json::parse(text, nullptr, false);
      if (parsed.is_number()) return parsed;
    }
    return text;
  }

  const std::string& path_;
  int n_values_ = 0;
};

std::string expected_memory(const std::string& key) {
  return fmt::format("{} for {}", key == "cache_size" ? "a whole number from 0 to 1000000" : "true or false", key);
}

/// One key of the section "memory"; false if the text is not such a value.
bool set_memory(const std::string& key, const std::string& text, ConfigFile& out) {
  constexpr int kMostKept = 1000000;
  const YAML::Node value(text);
  if (key == "cache_size") {
    int size = 0;
    if (!YAML::convert<int>::decode(value, size) || size < 0 || size > kMostKept) return false;
    out.cache_size = size;
    return true;
  }
  bool is_set = false;
  if (!YAML::convert<bool>::decode(value, is_set)) return false;
  (key == "compact" ? out.compact : key == "preload" ? out.preload : out.use_mmap) = is_set;
  return true;
}

void read_section(const std::string& path, const std::string& section, const YAML::Node& node, ConfigFile& out) {
  if (node.IsNull()) return;
  if (!node.IsMap()) refuse(path, node.Mark(), fmt::format("keys below \"{}\"", section), "none");
  std::vector<std::string_view> known = sections().at(section);
  if (section == "defaults")
    for (const OptionInfo& option : run_options()) known.push_back(option.name);
  Converter converter(path);
  Keys keys(path);
  for (const auto& entry : node) {
    const std::string key = keys.read(entry.first, fmt::format("a key of \"{}\"", section), known);
    const YAML::Node& value = entry.second;
    if (section == "defaults")
      out.defaults[key] = converter.convert(value);
    else if (section == "date_range" && !value.IsNull())
      (key == "start" ? out.start_date : out.end_date) = scalar_of(path, value, key);
    else if (section == "memory" && !value.IsNull()) {
      const bool is_scalar = value.IsScalar();
      if (!set_memory(key, is_scalar ? value.Scalar() : "", out))
        refuse(path, value.Mark(), expected_memory(key), is_scalar ? fmt::format("\"{}\"", value.Scalar()) : "no scalar");
    } else if (section == "server") {
      out.server[key] = converter.convert(value);
    }
  }
}

void read_text(const std::string& text, const std::string& path, ConfigFile& out) {
  YAML::Node root;
  try {
    root = YAML::Load(text);
  } catch (const YAML::Exception& error) {
    refuse(path, error.mark, "YAML", error.msg);
  }
  if (root.IsNull()) return;
  if (!root.IsMap()) refuse(path, root.Mark(), "sections", "none");
  std::vector<std::string_view> known{"snapshot"};
  for (const auto& [name, unused] : sections()) known.push_back(name);
  Keys keys(path);
  for (const auto& entry : root) {
    const std::string key = keys.read(entry.first, "a section", known);
    if (key != "snapshot")
      read_section(path, key, entry.second, out);
    else if (!entry.second.IsNull())
      out.snapshot = scalar_of(path, entry.second, key);
  }
}

void read_file(const std::string& path, ConfigFile& out) {
  std::ifstream file(path, std::ios::binary);
  std::error_code ignored;
  if (!file || std::filesystem::is_directory(path, ignored))
    throw Error(ErrorCode::INVALID_CONFIG_FILE,
                fmt::format("expected a readable configuration file, found none at \"{}\". Check the path.", path));
  read_text({std::istreambuf_iterator<char>(file), {}}, path, out);
}

std::string upper(std::string name) {
  std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  return name;
}

std::optional<std::string> environment(const std::string& name) {
  const std::string variable = "FRACTILE_" + upper(name);
  const char* value = std::getenv(variable.c_str());
  if (!value || !*value) return std::nullopt;
  if (!is_utf8(value))
    throw Error(ErrorCode::INVALID_CONFIG_FILE,
                fmt::format("expected text in UTF-8, found other bytes in {}. Correct it.", variable));
  return value;
}

/// A variable is JSON, else text.
std::string as_json(const std::string& value) {
  bool is_deep = false;
  const auto watch = [&](int depth, Json::parse_event_t, const Json&) {
    is_deep |= depth > kDeepest;
    return true;
  };
  const bool is_json = !Json::parse(value, watch, false).is_discarded() && !is_deep;
  return is_json ? value : Json(value).dump();
}

void read_environment(ConfigFile& out) {
  if (auto value = environment("snapshot")) out.snapshot = value;
  if (auto value = environment("date_range_start")) out.start_date = value;
  if (auto value = environment("date_range_end")) out.end_date = value;
  for (const std::string_view name : sections().at("memory")) {
    const std::string key(name);
    const auto value = environment("memory_" + key);
    if (!value) continue;
    const std::string text = key == "cache_size" ? *value : *value == "1" ? "true" : *value == "0" ? "false" : *value;
    if (!set_memory(key, text, out))
      throw Error(ErrorCode::INVALID_CONFIG_FILE, fmt::format("expected {}, found \"{}\" in FRACTILE_{}. Correct it.",
                                                              expected_memory(key), *value, upper("memory_" + key)));
  }
  for (const std::string_view key : sections().at("server"))
    if (auto value = environment("server_" + std::string(key))) out.server[std::string(key)] = as_json(*value);
  for (const OptionInfo& option : run_options())
    if (auto value = environment("defaults_" + std::string(option.name)))
      out.defaults[std::string(option.name)] = as_json(*value);
}

}  // namespace

ConfigFile parse_config_file(const std::string& text, const std::string& path) {
  ConfigFile out;
  read_text(text, path, out);
  return out;
}

std::optional<Day> read_date(const std::optional<std::string>& text, const char* name) {
  if (!text || text->empty()) return std::nullopt;
  Day day = 0;
  if (!parse_day(*text, day))
    throw Error(ErrorCode::INVALID_VALUE,
                fmt::format("expected {} as a date such as 2020-01-31, found \"{}\". Correct it.", name, *text));
  return day;
}

ConfigFile read_config_file(const std::optional<std::string>& path, const std::filesystem::path& packaged) {
  ConfigFile out;
  std::error_code ignored;
  const char* named = std::getenv("FRACTILE_CONFIG");
  if (path)
    read_file(*path, out);
  else if (named && *named)
    read_file(named, out);
  else if (std::filesystem::exists(kFile, ignored))
    read_file(kFile, out);
  else if (std::filesystem::exists(packaged, ignored))
    read_file(packaged.string(), out);
  read_environment(out);
  return out;
}

}  // namespace fractile
