// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
//
// A small run of every stage, whose instructions are counted: 60 days of 500 names on one thread.
//   fractile_stages ROOT    (a folder for its snapshot)
#include <fmt/format.h>

#include <filesystem>

#include "config/options.hpp"
#include "fractile/backtest.hpp"
#include "fractile/error.hpp"
#include "fractile/snapshot.hpp"
#include "synthetic/synthetic.hpp"

namespace {

using namespace fractile;

void run(const std::filesystem::path& root) {
  SyntheticOptions options;
  options.start = day_from_civil(2020, 1, 1);
  options.end = day_from_civil(2020, 3, 26);
  options.names_per_day = 500;
  const SyntheticMarket market = make_synthetic_market(options);
  if (!std::filesystem::exists(root / "stages")) create_snapshot(root, "stages", *market.panel, {});
  SignalKeys keys;
  keys.n_rows = static_cast<std::int64_t>(market.signal.size());
  keys.security_id = market.signal_security_id.data();
  keys.date_sig = {market.signal_date.data(), DateUnit::day};
  const Backtester backtester(make_view(Snapshot::open(root, "stages"), {}, {}, true), 0);
  for (const char* config : {R"({"threads":1})", R"({"threads":1,"resid":"all","byvar_list":["overall","year","cap"]})",
                             R"({"threads":1,"weight":"value","tc_model":"power_law","analysis":["ic","fractile"]})",
                             R"({"threads":1,"hold_days":5,"sort_method":"double","double_var":"mcap"})"}) {
    const Result result = backtester.run(keys, market.signal.data(), parse_config(config));
    fmt::print("{} {}\n", result.run_id, result.tables["summary"].columns.size());
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    fmt::print(stderr, "usage: fractile_stages ROOT\n");
    return 2;
  }
  try {
    run(argv[1]);
    return 0;
  } catch (const std::exception& error) {
    fmt::print(stderr, "{}\n", error.what());
    return 1;
  }
}
