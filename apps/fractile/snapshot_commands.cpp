// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include <fmt/format.h>

#include <filesystem>
#include <fstream>
#include <iostream>
#include <memory>

#include "commands.hpp"
#include "fractile/error.hpp"
#include "fractile/panel.hpp"
#include "fractile/snapshot.hpp"
#include "output/output.hpp"

namespace fractile::cli {
namespace {

namespace fs = std::filesystem;

struct Arguments {
  std::string id, panel, dtype = "float32";
  std::optional<std::string> root;
  std::vector<std::string> map;
  fs::path folder() const { return snapshot_root(root ? std::optional<fs::path>(*root) : std::nullopt); }
};

BuildOptions build_options(const Arguments& arguments) {
  BuildOptions options;
  options.dtype = arguments.dtype == "float64" ? StoreAs::float64 : arguments.dtype == "both" ? StoreAs::both : StoreAs::float32;
  for (const std::string& entry : arguments.map) {
    const auto equals = entry.find('=');
    if (equals == std::string::npos)
      throw Error(ErrorCode::INVALID_VALUE, fmt::format("expected --map name=Column, found \"{}\". Write ret=RetColumn.", entry));
    options.map[entry.substr(0, equals)] = entry.substr(equals + 1);
  }
  options.progress = [](std::string_view stage, double fraction) {
    if (is_interrupted()) throw Error(ErrorCode::CANCELLED, "expected to finish, found that the build was interrupted.");
    show_progress(stage, fraction);
  };
  return options;
}

void print_info(const SnapshotInfo& info) {
  fmt::print("{}: {} rows, {} securities, {} days from {} to {}, {:.1f} MB\n", info.id, info.n_rows, info.n_securities,
             info.n_dates, format_day(info.first_date), format_day(info.last_date), static_cast<double>(info.bytes) / 1e6);
}

CLI::App* add_command(CLI::App& parent, const char* name, const char* doc, const std::shared_ptr<Arguments>& arguments,
                      bool with_id) {
  CLI::App* command = parent.add_subcommand(name, doc);
  if (with_id) command->add_option("ID", arguments->id, "Snapshot id")->required();
  command->add_option("--root", arguments->root, "Folder of the snapshots; default $FRACTILE_SNAPSHOTS, else ./snapshots");
  return command;
}

void list_all(const Arguments& arguments) {
  std::vector<std::string> damaged;
  const std::vector<SnapshotInfo> all = list_snapshots(arguments.folder(), &damaged);
  for (const std::string& id : damaged) fmt::print(stderr, "damaged: {}\n", id);
  if (all.empty()) newest_snapshot(arguments.folder());  // says that there are none and what to type
  std::vector<std::string> id, created;
  std::vector<std::int64_t> rows, securities, days;
  Column::Dates first, last;
  for (const SnapshotInfo& info : all) {
    id.push_back(info.id);
    created.push_back(info.created);
    rows.push_back(info.n_rows);
    securities.push_back(info.n_securities);
    days.push_back(info.n_dates);
    first.days.push_back(info.first_date);
    last.days.push_back(info.last_date);
  }
  fmt::print("{}", table_to_text({{{"id", id},
                                   {"created", created},
                                   {"rows", rows},
                                   {"securities", securities},
                                   {"days", days},
                                   {"first", first},
                                   {"last", last}}}));
}

}  // namespace

void add_snapshot(CLI::App& app) {
  CLI::App* group = app.add_subcommand("snapshot", "Make and inspect snapshots");
  group->require_subcommand(1);

  auto made = std::make_shared<Arguments>();
  CLI::App* create = add_command(*group, "create", "Make a snapshot from a panel file", made, true);
  create->add_option("--panel", made->panel, "Panel: .parquet, .csv or .arrow; columns as docs/methodology.md section 1")
      ->required();
  create->add_option("--dtype", made->dtype, "float32, float64 or both")
      ->check(CLI::IsMember({"float32", "float64", "both"}))
      ->capture_default_str();
  create->add_option("--map", made->map, "Other column names: ret=RetColumn ...");
  create->callback([made] {
    const BuildOptions options = build_options(*made);
    const auto panel = open_panel_file(made->panel);
    print_info(create_snapshot(made->folder(), made->id, *panel, options));
  });

  auto listed = std::make_shared<Arguments>();
  add_command(*group, "list", "List snapshots, oldest first", listed, false)->callback([listed] { list_all(*listed); });

  auto shown = std::make_shared<Arguments>();
  add_command(*group, "show", "Print a snapshot's manifest", shown, true)->callback([shown] {
    read_snapshot_info(shown->folder(), shown->id);  // refuses a damaged one
    std::cout << std::ifstream(shown->folder() / shown->id / "manifest.json").rdbuf();
  });

  auto verified = std::make_shared<Arguments>();
  add_command(*group, "verify", "Recompute every hash", verified, true)->callback([verified] {
    verify_snapshot(verified->folder(), verified->id);
    fmt::print("{}: every hash fits\n", verified->id);
  });

  auto removed = std::make_shared<Arguments>();
  add_command(*group, "remove", "Delete a snapshot", removed, true)->callback([removed] {
    remove_snapshot(removed->folder(), removed->id);
    fmt::print("{}: removed\n", removed->id);
  });
}

}  // namespace fractile::cli
