// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
//
// Makes a synthetic market of any size for benchmarks: a snapshot, its signal and, on request, the panel as Parquet.
//   fractile_market ROOT ID START END NAMES [PANEL.parquet]
#include <fmt/format.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>

#include "arrow/arrow_export.hpp"
#include "formats/formats.hpp"
#include "fractile/error.hpp"
#include "fractile/panel.hpp"
#include "synthetic/synthetic.hpp"

namespace {

using namespace fractile;

void make(char** argv, int argc) {
  const auto began = std::chrono::steady_clock::now();
  const auto say = [&](const char* what) {
    fmt::print(stderr, "{:8.1f} s  {}\n", std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count(), what);
  };
  const std::filesystem::path root = argv[1];
  const std::string id = argv[2];
  SyntheticOptions options;
  if (!parse_day(argv[3], options.start) || !parse_day(argv[4], options.end))
    throw Error(ErrorCode::INVALID_VALUE, fmt::format("expected dates, found {} and {}. Write 2012-01-01.", argv[3], argv[4]));
  options.names_per_day = std::atoi(argv[5]);
  SyntheticMarket market = make_synthetic_market(options);
  say("market made");
  std::filesystem::create_directories(root);
  if (argc > 6) {
    ArrowArrayStream panel{};
    market.panel->open_columns(market.panel->column_names(), &panel);
    formats::write_file(argv[6], &panel);
    say("panel written");
  }
  create_snapshot(root, id, *market.panel, {});
  say("snapshot created");
  ArrowArrayStream stream{};
  export_table({{"security_id", "l", {nullptr, market.signal_security_id.data()}},
                {"date_sig", "tdD", {nullptr, market.signal_date.data()}},
                {"signal", "g", {nullptr, market.signal.data()}}},
               static_cast<std::int64_t>(market.signal.size()), nullptr, &stream);
  formats::write_file((root / (id + "-signal.parquet")).string(), &stream);
  say("signal written");
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 6) {
    fmt::print(stderr, "usage: fractile_market ROOT ID START END NAMES [PANEL.parquet]\n");
    return 2;
  }
  try {
    make(argv, argc);
    return 0;
  } catch (const std::exception& error) {
    fmt::print(stderr, "{}\n", error.what());
    return 1;
  }
}
