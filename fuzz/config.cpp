// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
//
// The target `config`: backtest_config.yaml, as the command line and the server read it, and the options of a run as JSON.
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string>

#include "config/config_file.hpp"
#include "fractile/config.hpp"
#include "laws.hpp"
#include "serve_options.hpp"
#include "targets.hpp"

namespace fractile::fuzz {

void run_config(Input input);

namespace {

void read_options(const std::string& text) {
  const auto refusal = refusal_of([&] {
    std::string sigvar;
    const std::string written = config_to_json(parse_config(text, &sigvar));
    const std::string again = config_to_json(parse_config(written));
    ensure(again == written, "options read back as they were written", show_difference(written, again));
    ensure(!nlohmann::json::parse(written, nullptr, false).is_discarded(), "options are written as JSON", written);
  });
  if (refusal)
    ensure(error_info(refusal->code()).category == ErrorCategory::config, "wrong options are a ConfigError", refusal->what());
}

void read_file(const std::string& text) {
  const auto refusal = refusal_of([&] {
    const ConfigFile file = parse_config_file(text, "backtest_config.yaml");
    for (const auto& [name, json] : file.defaults) read_options("{\"" + name + "\":" + json + "}");
    ConfigFile served = file;
    served.server.erase("token_file");  // names a file to open
    cli::make_serve_options({}, served);
  });
  if (refusal)
    ensure(error_info(refusal->code()).category == ErrorCategory::config, "a wrong file is a ConfigError", refusal->what());
}

}  // namespace

void run_config(Input input) {
  const std::string text(as_text(input));
  read_options(text);
  read_file(text);
}

}  // namespace fractile::fuzz
