// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "config_file.hpp"

#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <vector>

#include "config/options.hpp"
#include "fractile/error.hpp"

namespace fractile::cli {
namespace {

using Json = nlohmann::json;

constexpr const char* kFile = "api/backtest_config.yaml";
constexpr int kDeepest = 16;  // levels of a value

/// Every key of the file.
const std::map<std::string, std::vector<std::string_view>>& sections() {
  static const std::map<std::string, std::vector<std::string_view>> kSections{
      {"server",
       {"host", "port", "workers", "token_file", "max_body_mb", "max_queue", "request_timeout_s", "signal_dir", "cors_origins"}},
      {"memory", {"use_mmap", "cache_size", "preload", "compact"}},
      {"date_range", {"start", "end"}},
      {"defaults", {}}};
  return kSections;
}

[[noreturn]] void refuse(const std::string& path, const YAML::Mark& mark, const std::string& expected, const std::string& found) {
  throw Error(ErrorCode::INVALID_CONFIG_FILE,
              fmt::format("expected {}, found {} at {}, line {}. Correct the file.", expected, found, path, mark.line + 1));
}

/// One text; refuses lists and maps.
std::string scalar_of(const std::string& path, const YAML::Node& node, const std::string& what) {
  if (!node.IsScalar()) refuse(path, node.Mark(), fmt::format("one text for {}", what), "a list or map");
  return node.Scalar();
}

/// From YAML to JSON. Aliases may name what they stand in, or multiply: depth and size are bounded.
class Converter {
 public:
  explicit Converter(const std::string& path) : path_(path) {}

  /// As text.
  std::string convert(const YAML::Node& node) {
    const Json json = to_json(node, 0);
    try {
      return json.dump();
    } catch (const Json::exception&) {
      refuse(path_, node.Mark(), "text in UTF-8", "other bytes");
    }
  }

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
      for (const auto& entry : node) map[scalar_of(path_, entry.first, "a key")] = to_json(entry.second, depth + 1);
      return map;
    }
    // A quoted scalar is text; a plain one may be a number or a truth value.
    if (node.Tag() != "!") {
      if (bool truth = false; YAML::convert<bool>::decode(node, truth)) {
        if (node.Scalar() != "off" && node.Scalar() != "on") return truth;
      }
      const Json parsed = Json::parse(node.Scalar(), nullptr, false);
      if (parsed.is_number()) return parsed;
    }
    return node.Scalar();
  }

  const std::string& path_;
  int n_values_ = 0;
};

std::string nearest_of(const std::string& key, const std::vector<std::string_view>& known) {
  return fmt::format("\"{}\" (did you mean \"{}\"?)", key, nearest_name(key, known));
}

std::string expected_memory(const std::string& key) {
  return fmt::format("{} for {}", key == "cache_size" ? "a whole number from 0 to 1000000" : "true or false", key);
}

/// One key of the section "memory"; false where the text is not what it has to be.
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
  for (const auto& entry : node) {
    const std::string key = scalar_of(path, entry.first, "a key");
    if (std::find(known.begin(), known.end(), key) == known.end())
      refuse(path, entry.first.Mark(), fmt::format("a key of \"{}\"", section), nearest_of(key, known));
    const YAML::Node& value = entry.second;
    if (section == "defaults")
      out.defaults[key] = converter.convert(value);
    else if (section == "date_range" && !value.IsNull())
      (key == "start" ? out.start_date : out.end_date) = scalar_of(path, value, key);
    else if (section == "memory" && !value.IsNull()) {
      if (!set_memory(key, value.IsScalar() ? value.Scalar() : "", out))
        refuse(path, value.Mark(), expected_memory(key), value.IsScalar() ? fmt::format("\"{}\"", value.Scalar()) : "no scalar");
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
  for (const auto& entry : root) {
    const std::string key = scalar_of(path, entry.first, "a key");
    if (std::find(known.begin(), known.end(), key) == known.end())
      refuse(path, entry.first.Mark(), "a section", nearest_of(key, known));
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
  const char* value = std::getenv(("FRACTILE_" + upper(name)).c_str());
  if (!value || !*value) return std::nullopt;
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
  return is_json ? value : Json(value).dump(-1, ' ', false, Json::error_handler_t::replace);
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

/// Installed by the Python package as <site>/api/, the program as <site>/fractile/_bin/fractile.
std::filesystem::path packaged_file() {
  std::error_code failed;
  const auto program = std::filesystem::read_symlink("/proc/self/exe", failed);
  return failed ? std::filesystem::path{} : program.parent_path().parent_path().parent_path() / kFile;
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

ConfigFile read_config(const std::optional<std::string>& path) {
  ConfigFile out;
  const char* named = std::getenv("FRACTILE_CONFIG");
  if (path)
    read_file(*path, out);
  else if (named && *named)
    read_file(named, out);
  else if (std::filesystem::exists(kFile))
    read_file(kFile, out);
  else if (const auto packaged = packaged_file(); std::filesystem::exists(packaged))
    read_file(packaged.string(), out);
  read_environment(out);
  return out;
}

}  // namespace fractile::cli
