// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include <fmt/format.h>

#include <filesystem>
#include <fstream>
#include <iostream>
#include <memory>

#include "commands.hpp"
#include "fractile/changes.hpp"
#include "fractile/error.hpp"
#include "fractile/panel.hpp"
#include "fractile/snapshot.hpp"
#include "output/output.hpp"
#include "read_flags.hpp"
#include "types/quoted_text.hpp"

namespace fractile::cli {
namespace {

namespace fs = std::filesystem;

struct Arguments {
  std::string id, panel, dtype = "float32", new_id, other, format = "table";
  std::optional<std::string> root;
  ReadFlags reading;
  int periods_per_year = 0;
  bool drop_stray_days = false;
  fs::path folder() const { return snapshot_root(root ? std::optional<fs::path>(*root) : std::nullopt); }
};

/// The common options of create and append.
template <class Options>
Options build_options(const Arguments& arguments) {
  Options options;
  options.read = arguments.reading.options();
  options.periods_per_year = arguments.periods_per_year;
  options.progress = [](std::string_view stage, double fraction) {
    if (is_interrupted()) throw Error(ErrorCode::CANCELLED, "expected to finish, found that the build was interrupted.");
    show_progress(stage, fraction);
  };
  return options;
}

void print_info(const SnapshotInfo& info) {
  fmt::print("{}: {} rows, {} securities, {} dates from {} to {}, {:.1f} MB\n", info.id, info.n_rows, info.n_securities,
             info.n_dates, format_day(info.first_date), format_day(info.last_date), static_cast<double>(info.bytes) / 1e6);
}

/// Findings on stdout, warnings on stderr.
void print_report(const DataReport& report) {
  std::vector<ReportLine> warnings, notes;
  for (const ReportLine& line : report.lines) (line.is_warning ? warnings : notes).push_back(line);
  fmt::print("{}", report_to_text(notes));
  fmt::print(stderr, "{}", report_to_text(warnings));
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
  if (all.empty()) newest_snapshot(arguments.folder());  // throws the error that says what to type
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

void add_format(CLI::App& command, const std::shared_ptr<Arguments>& arguments) {
  command.add_option("--format", arguments->format, "table or json")
      ->check(CLI::IsMember({"table", "json"}))
      ->capture_default_str();
}

void add_periods(CLI::App& command, const std::shared_ptr<Arguments>& arguments) {
  command
      .add_option("--periods-per-year", arguments->periods_per_year,
                  "Periods by which returns are annualised; default: as the calendar says")
      ->check(CLI::Range(1, kMaxPeriodsPerYear));
}

void append_panel(const Arguments& arguments) {
  const auto options = build_options<AppendOptions>(arguments);
  const auto panel = open_panel_file(arguments.panel, options.read);
  const AppendResult result = append_snapshot(arguments.folder(), arguments.id, *panel, arguments.new_id, options);
  if (arguments.format == "json") {
    fmt::print(
        "{{\"id\":\"{}\",\"parent\":\"{}\",\"content_hash\":\"{}\",\"bytes_written\":{},\"bytes_shared\":{},\"changes\":{}}}\n",
        result.info.id, result.info.parent, result.info.content_hash, result.bytes_written, result.bytes_shared,
        changes_to_json(result.changes));
    return;
  }
  print_info(result.info);
  constexpr double kMegabyte = 1e6;
  fmt::print("{:.1f} MB written, {:.1f} MB shared with {}\n", static_cast<double>(result.bytes_written) / kMegabyte,
             static_cast<double>(result.bytes_shared) / kMegabyte, result.info.parent);
  fmt::print("{}", changes_to_text(result.changes));
  print_report(read_data_report(arguments.folder(), result.info.id));
}

void add_create(CLI::App& group) {
  auto made = std::make_shared<Arguments>();
  CLI::App* create = add_command(group, "create", "Make a snapshot from a panel file", made, true);
  create
      ->add_option("--panel", made->panel,
                   "Panel: Parquet, CSV or Arrow file, or a folder; columns as docs/methodology.md section 1")
      ->required();
  create->add_option("--dtype", made->dtype, "float32, float64 or both")
      ->check(CLI::IsMember({"float32", "float64", "both"}))
      ->capture_default_str();
  made->reading.add_to(*create, true);
  add_periods(*create, made);
  create->add_flag("--drop-stray-days", made->drop_stray_days, "Leave out the days that the data report calls stray");
  create->callback([made] {
    auto options = build_options<BuildOptions>(*made);
    options.dtype = made->dtype == "float64" ? StoreAs::float64 : made->dtype == "both" ? StoreAs::both : StoreAs::float32;
    options.drop_stray_days = made->drop_stray_days;
    const auto panel = open_panel_file(made->panel, options.read);
    const SnapshotInfo info = create_snapshot(made->folder(), made->id, *panel, options);
    print_info(info);
    print_report(read_data_report(made->folder(), info.id));
    fmt::print("{}\n", describe_signal_columns(options.read));
    fmt::print("Next: {} run SIGNAL --snapshot {}{}{}\n", command_name(), quote_for_shell(info.id),
               made->root ? " --root " + quote_for_shell(*made->root) : "", flags_for_signals(options.read));
  });
}

void add_append(CLI::App& group) {
  auto appended = std::make_shared<Arguments>();
  CLI::App* append =
      add_command(group, "append", "Make a snapshot from another one and a panel of new or restated rows", appended, true);
  append->add_option("--panel", appended->panel, "Panel of new or restated rows or columns: .parquet, .csv or .arrow")
      ->required();
  append->add_option("--as", appended->new_id, "Id of the new snapshot")->required();
  appended->reading.add_to(*append, true);
  add_periods(*append, appended);
  add_format(*append, appended);
  append->callback([appended] { append_panel(*appended); });
}

void add_diff(CLI::App& group) {
  auto compared = std::make_shared<Arguments>();
  CLI::App* diff = add_command(group, "diff", "Print the changes from one snapshot to another", compared, false);
  diff->add_option("A", compared->id, "The older snapshot")->required();
  diff->add_option("B", compared->other, "The newer one")->required();
  add_format(*diff, compared);
  diff->callback([compared] {
    const auto before = Snapshot::open(compared->folder(), compared->id);
    const SnapshotChanges changes = diff_snapshots(*before, *Snapshot::open(compared->folder(), compared->other));
    fmt::print("{}", compared->format == "json" ? changes_to_json(changes) + "\n" : changes_to_text(changes));
  });
}

void add_report(CLI::App& group) {
  auto reported = std::make_shared<Arguments>();
  CLI::App* report = add_command(group, "report", "Print the data report of a snapshot's panel", reported, true);
  add_format(*report, reported);
  report->callback([reported] {
    const DataReport found = read_data_report(reported->folder(), reported->id);
    fmt::print("{}", reported->format == "json" ? report_to_json(reported->id, found) + "\n" : report_to_text(found.lines));
  });
}

/// Commands that take no more than an id.
void add_plain_commands(CLI::App& group) {
  auto listed = std::make_shared<Arguments>();
  add_command(group, "list", "List snapshots, oldest first", listed, false)->callback([listed] { list_all(*listed); });

  auto shown = std::make_shared<Arguments>();
  add_command(group, "show", "Print a snapshot's manifest", shown, true)->callback([shown] {
    read_snapshot_info(shown->folder(), shown->id);  // refuses a damaged snapshot
    std::cout << std::ifstream(shown->folder() / shown->id / "manifest.json").rdbuf();
  });

  auto verified = std::make_shared<Arguments>();
  add_command(group, "verify", "Recompute every hash", verified, true)->callback([verified] {
    verify_snapshot(verified->folder(), verified->id);
    fmt::print("{}: every hash fits\n", verified->id);
  });

  auto removed = std::make_shared<Arguments>();
  add_command(group, "remove", "Delete a snapshot", removed, true)->callback([removed] {
    remove_snapshot(removed->folder(), removed->id);
    fmt::print("{}: removed\n", removed->id);
  });
}

}  // namespace

void add_snapshot(CLI::App& app) {
  CLI::App& group = *app.add_subcommand("snapshot", "Make and inspect snapshots");
  group.require_subcommand(1);
  add_create(group);
  add_append(group);
  add_diff(group);
  add_report(group);
  add_plain_commands(group);
}

}  // namespace fractile::cli
