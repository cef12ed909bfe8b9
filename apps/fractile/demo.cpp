// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <memory>
#include <vector>

#include "arrow/arrow_export.hpp"
#include "commands.hpp"
#include "formats/formats.hpp"
#include "fractile/error.hpp"
#include "fractile/panel.hpp"
#include "output/output.hpp"
#include "report_file.hpp"
#include "synthetic/synthetic.hpp"

namespace fractile::cli {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point began) { return std::chrono::duration<double>(Clock::now() - began).count(); }

fs::path signal_path(const fs::path& root) { return root / (std::string(kDemoSnapshotId) + "-signal.parquet"); }

/// Writes the demo signal to a file for users. Dates are timestamps, because pandas reads those as datetime64, but days
/// as Python objects. The file is written under another name and renamed, so that it is never partial.
void write_signal(const SyntheticMarket& market, const fs::path& path) {
  constexpr std::int64_t kNanosecondsOfDay = 86'400'000'000'000;
  std::vector<std::int64_t> dates(market.signal_date.size());
  std::ranges::transform(market.signal_date, dates.begin(), [](std::int32_t day) { return day * kNanosecondsOfDay; });
  ArrowArrayStream stream{};
  export_table({{"security_id", "l", {nullptr, market.signal_security_id.data()}},
                {"date_sig", "tsn:", {nullptr, dates.data()}},
                {"signal", "g", {nullptr, market.signal.data()}}},
               static_cast<std::int64_t>(market.signal.size()), nullptr, &stream);
  const fs::path aside = path.parent_path() / ("." + path.filename().string());
  formats::write_file(aside.string(), &stream);
  fs::rename(aside, path);
}

void make_demo(const fs::path& root) {
  const bool has_snapshot = fs::exists(root / kDemoSnapshotId / "manifest.json");
  if (has_snapshot && fs::exists(signal_path(root))) return;
  fmt::print(stderr, "Making the synthetic market {} in {} ...\n", kDemoSnapshotId, root.string());
  const auto began = Clock::now();
  SyntheticMarket market = make_synthetic_market(demo_options());
  fs::create_directories(root);
  if (!has_snapshot) {
    BuildOptions options;
    options.progress = show_progress;
    create_snapshot(root, kDemoSnapshotId, *market.panel, options);
  }
  write_signal(market, signal_path(root));
  fmt::print(stderr, "Made in {:.1f} s.\n", seconds_since(began));
}

}  // namespace

void add_demo(CLI::App& app) {
  CLI::App* command = app.add_subcommand("demo", "Make the synthetic snapshot 2026-02-10-v1 and backtest its signal");
  auto root = std::make_shared<std::optional<std::string>>();
  command->add_option("--root", *root, "Folder of the snapshots; default $FRACTILE_SNAPSHOTS, else ./snapshots");
  command->callback([root] {
    const fs::path folder = snapshot_root(*root ? std::optional<fs::path>(**root) : std::nullopt);
    make_demo(folder);
    const auto began = Clock::now();
    const Backtester backtester(make_view(Snapshot::open(folder, kDemoSnapshotId), std::nullopt, std::nullopt, true));
    const double load_seconds = seconds_since(began);
    const Signal signal = read_signal_file(signal_path(folder).string(), {"signal"});
    const RunConfig config = parse_config(R"({"byvar_list": ["overall", "year", "cap"]})");
    backtester.run(signal.keys, signal.values[0], config, is_interrupted);  // touches the snapshot's pages once
    const Result result = backtester.run(signal.keys, signal.values[0], config, is_interrupted);
    Table summary;
    for (const char* name : {"byvar", "group", "num_date", "numcos_l", "numcos_s", "ret_ann", "ret_std", "sharpe_ret",
                             "sharpe_ret_net", "maxdd", "turnover", "tc_ann", "t_stat_nw"})
      if (const Column* column = result.tables["summary"].find(name)) summary.columns.push_back(*column);
    fmt::print("Deciles of the demo signal, long the top and short the bottom, equal weights, after naive costs:\n\n{}\n",
               table_to_text(summary));
    const Diagnostics& counts = result.diagnostics;
    fmt::print("{} of {} signal rows used ({} without a value, {} without a return day, {} without a panel row).\n",
               counts["rows_used"], counts["rows_given"], counts["null_signal"], counts["outside_dates"], counts["no_return"]);
    fmt::print("Load {:.1f} ms, run {:.1f} ms (warm, all threads).\n", load_seconds * 1e3, result.elapsed_seconds * 1e3);
    const fs::path sheet = folder / (std::string(kDemoSnapshotId) + "-report.html");
    RunPlace place;
    place.signal = signal_path(folder).string();
    place.root = folder.string();
    write_report(backtester, signal, config, result, place, sheet.string());
    fmt::print("Next: {} run {} --root {} --snapshot {} --resid all\n", command_name(), signal_path(folder).string(),
               folder.string(), kDemoSnapshotId);
    fmt::print("Tear sheet: {}\n", fs::absolute(sheet).lexically_normal().string());
  });
}

}  // namespace fractile::cli
