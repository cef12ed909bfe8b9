// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include <fmt/format.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>

#include "commands.hpp"
#include "config_file.hpp"
#include "fractile/error.hpp"
#include "server/health_client.hpp"
#include "server/server.hpp"

namespace fractile::cli {
namespace {

using Json = nlohmann::json;

/// What was typed; the configuration file fills in the rest.
struct ServeArguments {
  std::optional<std::string> config, root, snapshot, start_date, end_date;
  std::optional<bool> compact;
  std::map<std::string, std::string> server;  ///< keys of the section "server" as JSON
};

[[noreturn]] void refuse(const std::string& key, const std::string& expected, const std::string& found) {
  throw Error(ErrorCode::INVALID_VALUE, fmt::format("expected server.{} as {}, found {}. Correct it.", key, expected, found));
}

/// One key of the section "server", read as what it has to be.
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

std::optional<Day> read_day(const std::optional<std::string>& text, const char* name) {
  if (!text || text->empty()) return std::nullopt;
  Day day = 0;
  if (!parse_day(*text, day))
    throw Error(ErrorCode::INVALID_VALUE,
                fmt::format("expected {} as a date such as 2020-01-31, found \"{}\". Correct it.", name, *text));
  return day;
}

server::ServerOptions make_options(const ServeArguments& given) {
  const ConfigFile file = read_config(given.config);
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
  out.root = snapshot_root(given.root ? std::optional<std::filesystem::path>(*given.root) : std::nullopt);
  out.snapshot = given.snapshot ? given.snapshot : file.snapshot;
  out.start = read_day(given.start_date ? given.start_date : file.start_date, "start_date");
  out.end = read_day(given.end_date ? given.end_date : file.end_date, "end_date");
  out.compact = given.compact.value_or(file.compact.value_or(true));
  out.cache_size = file.cache_size.value_or(kDefaultCacheSize);
  out.defaults = file.defaults;
  // Wrong defaults are refused before anything is served.
  Json defaults = Json::object();
  for (const auto& [name, json] : out.defaults) defaults[name] = Json::parse(json);
  parse_config(defaults.dump());
  return out;
}

}  // namespace

void add_serve(CLI::App& app) {
  CLI::App* command = app.add_subcommand("serve", "Answer backtests over HTTP until SIGTERM; SIGHUP opens the newest snapshot");
  auto given = std::make_shared<ServeArguments>();
  const auto text = [&](const char* flag, const char* key, const char* doc) {
    command->add_option_function<std::string>(
        flag, [given, key](const std::string& value) { given->server[key] = Json(value).dump(); }, doc);
  };
  const auto number = [&](const char* flag, const char* key, const char* doc) {
    command->add_option_function<double>(
        flag,
        [given, key](double value) {
          const auto whole = static_cast<std::int64_t>(value);
          given->server[key] = static_cast<double>(whole) == value ? Json(whole).dump() : Json(value).dump();
        },
        doc);
  };
  text("--host", "host", "Address to listen on [127.0.0.1]; 0.0.0.0 for all");
  number("--port", "port", "Port [8000]; 0 for any that is free");
  number("--workers", "workers", "Runs computed at once [2]");
  command->add_option("--snapshot", given->snapshot, "Snapshot id; default: the newest");
  command->add_option("--root", given->root, "Folder of the snapshots; default $FRACTILE_SNAPSHOTS, else ./snapshots");
  command->add_option("--start-date", given->start_date, "First return day, inclusive");
  command->add_option("--end-date", given->end_date, "Last return day, inclusive");
  command->add_flag_function(
      "--compact,!--no-compact", [given](std::int64_t count) { given->compact = count > 0; },
      "Read float32 where it is stored (default); else float64");
  text("--token-file", "token_file", "File whose first line is the bearer token that requests must bring");
  number("--max-body-mb", "max_body_mb", "Largest request body, decoded, in MiB [512]");
  number("--max-queue", "max_queue", "Requests that may wait for a worker [64]");
  number("--request-timeout-s", "request_timeout_s", "Longest time from a whole request to its answer, seconds [120]");
  text("--signal-dir", "signal_dir", "Folder that signal_path may name files of [none]");
  text("--cors-origins", "cors_origins", "Origin of web pages that may ask [none]");
  command->add_option("--config", given->config,
                      "Configuration file; default $FRACTILE_CONFIG, else ./api/backtest_config.yaml, else the packaged one");
  command->callback([given] { server::serve(make_options(*given)); });
}

void add_health(CLI::App& app) {
  CLI::App* command = app.add_subcommand("health", "Exit with 0 when a server is ready");
  auto url = std::make_shared<std::string>("http://127.0.0.1:8000");
  command->add_option("URL", *url, "Where the server is")->capture_default_str();
  command->callback([url] {
    const server::Health health = server::ask_health(*url);
    constexpr int kOk = 200;
    if (health.status == kOk) {
      fmt::print("{}\n", health.text);
      return;
    }
    throw Error(ErrorCode::SERVER_NOT_READY,
                fmt::format("expected a server that is ready at {}, found {}. Is it running? Start one with: fractile serve",
                            *url, health.status == 0 ? health.text : fmt::format("status {}", health.status)));
  });
}

}  // namespace fractile::cli
