// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include <fcntl.h>
#include <fmt/format.h>
#include <spawn.h>
#include <unistd.h>

#include <cmath>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>

#include "commands.hpp"
#include "fractile/error.hpp"
#include "serve_options.hpp"
#include "server/health_client.hpp"

extern char** environ;

namespace fractile::cli {

using Json = nlohmann::json;

namespace {

/// The options of serve and ui, whose ports differ if none is given.
std::shared_ptr<ServeArguments> add_options(CLI::App* command, const char* port_doc) {
  auto given = std::make_shared<ServeArguments>();
  const auto text = [&](const char* flag, const char* key, const char* doc) {
    command->add_option_function<std::string>(
        flag, [given, key](const std::string& value) { given->server[key] = Json(value).dump(); }, doc);
  };
  const auto number = [&](const char* flag, const char* key, const char* doc) {
    command->add_option_function<double>(
        flag,
        [given, key](double value) {
          constexpr double kMost = 1e15;
          if (!std::isfinite(value))
            given->server[key] = Json(fmt::format("{}", value)).dump();  // as text, which the check of the key refuses
          else if (std::fabs(value) < kMost && value == std::floor(value))
            given->server[key] = Json(static_cast<std::int64_t>(value)).dump();
          else
            given->server[key] = Json(value).dump();
        },
        doc);
  };
  text("--host", "host", "Address to listen on [127.0.0.1]; 0.0.0.0 for all");
  number("--port", "port", port_doc);
  number("--workers", "workers", "Runs computed at once [2]");
  command->add_option("--snapshot", given->snapshot, "Snapshot id; default: the newest");
  command->add_option("--root", given->root, "Folder of the snapshots; default $FRACTILE_SNAPSHOTS, else ./snapshots");
  command->add_option("--start-date", given->start_date, "First return day, inclusive");
  command->add_option("--end-date", given->end_date, "Last return day, inclusive");
  command->add_flag_function(
      "--compact,!--no-compact", [given](std::int64_t count) { given->compact = count > 0; },
      "Read float32 if it is stored (default); else float64");
  text("--token-file", "token_file", "File whose first line is the bearer token that requests must have");
  number("--max-body-mb", "max_body_mb", "Largest request body, decoded, in MiB [512]");
  number("--max-queue", "max_queue", "Requests that may wait for a worker [64]");
  number("--request-timeout-s", "request_timeout_s", "Longest time from a whole request to its answer, seconds [120]");
  text("--signal-dir", "signal_dir", "Folder whose files signal_path may name [none]");
  text("--cors-origins", "cors_origins", "Origin of web pages that may send requests [none]");
  command->add_option("--config", given->config,
                      "Configuration file; default $FRACTILE_CONFIG, else ./api/backtest_config.yaml, else the packaged one");
  number("--result-store-mb", "result_store_mb", "Memory for results that pages may ask for again, MiB [256]");
  return given;
}

server::ServerOptions read_options(const ServeArguments& given) {
  return make_serve_options(given, read_config_file(given.config, packaged_config()));
}

/// Starts the desktop's browser and does not wait for it. A machine without one shows the address alone.
void open_browser(const std::string& address) {
  std::string words[] = {"xdg-open", address};
  char* arguments[] = {words[0].data(), words[1].data(), nullptr};
  pid_t child = 0;
  posix_spawn_file_actions_t quiet;
  posix_spawn_file_actions_init(&quiet);
  posix_spawn_file_actions_addopen(&quiet, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
  posix_spawn_file_actions_addopen(&quiet, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
  static_cast<void>(::posix_spawnp(&child, arguments[0], &quiet, nullptr, arguments, environ));
  posix_spawn_file_actions_destroy(&quiet);
}

}  // namespace

void add_serve(CLI::App& app) {
  CLI::App* command = app.add_subcommand("serve", "Answer backtests over HTTP until SIGTERM; SIGHUP opens the newest snapshot");
  const auto given = add_options(command, "Port [8000]; 0 for any free port");
  command->callback([given] { server::serve(read_options(*given)); });
}

void add_ui(CLI::App& app) {
  CLI::App* command = app.add_subcommand("ui", "Start a server on a free port and open its dashboard in the browser");
  const auto given = add_options(command, "Port [0: any free port], whatever the configuration file says");
  auto is_quiet = std::make_shared<bool>(false);
  command->add_flag("--no-browser", *is_quiet, "Print the address and open no browser");
  command->callback([given, is_quiet] {
    if (!given->server.contains("port")) given->server["port"] = "0";
    server::serve(read_options(*given), [is_quiet](int port) {
      const std::string address = fmt::format("http://127.0.0.1:{}/", port);
      fmt::print("Dashboard: {} (Ctrl-C ends it)\n", address);
      std::fflush(stdout);
      if (!*is_quiet) open_browser(address);
    });
  });
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
