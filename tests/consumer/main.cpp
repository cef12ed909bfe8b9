// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include <fractile/backtest.hpp>
#include <fractile/error.hpp>
#include <fractile/version.hpp>

#include <cstdio>
#include <cstdlib>

/// consumer ROOT SNAPSHOT SIGNAL: prints version and Sharpe ratio.
int main(int argc, char** argv) try {
  if (argc != 4) return 2;
  ::setenv("FRACTILE_FORMATS", FORMATS_MODULE, 0);
  const fractile::Backtester backtester{fractile::make_view(fractile::Snapshot::open(argv[1], argv[2]), {}, {}, true)};
  const fractile::Signal signal = fractile::read_signal_file(argv[3], {"signal"});
  const fractile::Result result = backtester.run(signal.keys, signal.values[0], fractile::RunConfig{});
  const fractile::Column* sharpe = result.tables["summary"].find("sharpe_ret");
  std::printf("%s %.17g\n", fractile::kVersion, std::get<std::vector<double>>(sharpe->values)[0]);
} catch (const fractile::Error& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return 1;
}
