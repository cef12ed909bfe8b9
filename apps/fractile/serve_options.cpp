// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "serve_options.hpp"

#include <fmt/format.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <vector>

#include "fractile/backtest.hpp"
#include "fractile/error.hpp"

namespace fractile::cli {
namespace {

using Json = nlohmann::json;

[[noreturn]] void refuse(const std::string& key, const std::string& expected, const std::string& found) {
  throw Error(ErrorCode::INVALID_VALUE, fmt::format("expected server.{} as {}, found {}. Correct it.", key, expected, found));
}

/// The reader of the section "server": each key by its type.
class Section {
 public:
  explicit Section(std::map<std::string, std::string> values) : values_(std::move(values)) {}

  double number(const char* key, double least, double most, double otherwise) const {
    const Json* json = find(key);
    if (!json) return otherwise;
    if (!json->is_number() || *json < least || *json > most)
      refuse(key, fmt::format("a number from {:g} to {:g}", least, most), json->dump());
    return json->get<double>();
  }
  int whole(const char* key, int least, int most, int otherwise) const {
    const Json* json = find(key);
    if (!json) return otherwise;
    if (!json->is_number_integer() || *json < least || *json > most)
      refuse(key, fmt::format("a whole number from {} to {}", least, most), json->dump());
    return json->get<int>();
  }
  std::string text(const char* key, const std::string& otherwise) const {
    const Json* json = find(key);
    if (!json) return otherwise;
    if (!json->is_string()) refuse(key, "text", json->dump());
    return json->get<std::string>();
  }
  std::vector<std::string> texts(const char* key) const {
    std::vector<std::string> out;
    const Json* json = find(key);
    if (!json) return out;
    for (const Json& one : json->is_array() ? *json : Json::array({*json})) {
      if (!one.is_string()) refuse(key, "a list of texts", json->dump());
      out.push_back(one.get<std::string>());
    }
    return out;
  }

 private:
  const Json* find(const char* key) const {
    const auto found = values_.find(key);
    if (found == values_.end()) return nullptr;
    const Json& json = parsed_[key] = Json::parse(found->second);
    return json.is_null() ? nullptr : &json;
  }
  std::map<std::string, std::string> values_;
  mutable std::map<std::string, Json> parsed_;
};

std::string read_token(const std::string& path) {
  if (path.empty()) return "";
  std::ifstream file(path);
  std::string token;
  std::getline(file, token);
  while (!token.empty() && (token.back() == '\r' || token.back() == ' ')) token.pop_back();
  if (token.empty())
    throw Error(
        ErrorCode::INVALID_VALUE,
        fmt::format("expected a token on the first line of \"{}\" (server.token_file), found none. Write one there.", path));
  return token;
}

}  // namespace

server::ServerOptions make_serve_options(const ServeArguments& given, const ConfigFile& file) {
  std::map<std::string, std::string> values = file.server;
  for (const auto& [key, json] : given.server) values[key] = json;
  const Section section(values);
  server::ServerOptions out;
  constexpr int kMaxPort = 65535, kMaxWorkers = 256, kMaxQueue = 100000;
  constexpr double kMaxMegabytes = 65536.0, kDay = 86400.0;
  out.host = section.text("host", out.host);
  out.port = section.whole("port", 0, kMaxPort, out.port);
  out.workers = section.whole("workers", 1, kMaxWorkers, out.workers);
  out.max_queue = section.whole("max_queue", 1, kMaxQueue, out.max_queue);
  out.max_body_bytes = static_cast<std::size_t>(section.number("max_body_mb", 0.001, kMaxMegabytes, 512.0) * (1 << 20));
  out.request_timeout_s = section.number("request_timeout_s", 0.01, kDay, out.request_timeout_s);
  out.token = read_token(section.text("token_file", ""));
  out.signal_dir = section.text("signal_dir", "");
  if (!out.signal_dir.empty() && !std::filesystem::is_directory(out.signal_dir)) refuse("signal_dir", "a folder", out.signal_dir);
  out.cors_origins = section.texts("cors_origins");
  out.result_store_bytes = static_cast<std::size_t>(section.number("result_store_mb", 0.0, kMaxMegabytes, 256.0) * (1 << 20));
  out.root = snapshot_root(given.root ? std::optional<std::filesystem::path>(*given.root) : std::nullopt);
  out.snapshot = given.snapshot ? given.snapshot : file.snapshot;
  out.start = read_date(given.start_date ? given.start_date : file.start_date, "start_date");
  out.end = read_date(given.end_date ? given.end_date : file.end_date, "end_date");
  out.compact = given.compact.value_or(file.compact.value_or(true));
  out.cache_size = file.cache_size.value_or(kDefaultCacheSize);
  out.residence = file.residence();
  out.defaults = file.defaults;
  // Wrong defaults are refused before the server starts.
  std::string defaults = "{";
  for (const auto& [name, json] : out.defaults)
    defaults += fmt::format("{}\"{}\":{}", defaults.size() > 1 ? "," : "", name, json);
  parse_config(defaults + "}");
  return out;
}

}  // namespace fractile::cli
