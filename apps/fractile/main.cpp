// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <string>
#include <string_view>
#include <vector>

#include "commands.hpp"
#include "config/options.hpp"
#include "engine/kernels/kernels.hpp"
#include "fractile/error.hpp"
#include "fractile/version.hpp"

namespace fractile::cli {
namespace {

std::atomic<bool> interrupted{false};

/// The first Ctrl-C lets the run end with an error; the second ends the process.
void on_interrupt(int) {
  interrupted = true;
  std::signal(SIGINT, SIG_DFL);
}

constexpr int kDone = 0, kFailed = 1, kWrongUsage = 2, kInterrupted = 130;

/// Refuses an unknown command by name. The parser itself would only say that a command is missing.
void refuse_unknown_command(const CLI::App& app, int argc, char** argv) {
  if (argc < 2 || argv[1][0] == '-') return;
  std::vector<std::string_view> names;
  const auto commands = app.get_subcommands([](const CLI::App*) { return true; });
  for (const CLI::App* command : commands) names.push_back(command->get_name());
  if (std::find(names.begin(), names.end(), argv[1]) == names.end())
    throw Error(ErrorCode::UNKNOWN_OPTION,
                fmt::format("expected a command, found \"{}\". Did you mean \"{}\"?", argv[1], nearest_name(argv[1], names)));
}

/// Refuses the first unknown flag of the command that was typed, and names the nearest of its flags.
void refuse_unknown_flag(const CLI::App& app) {
  const CLI::App* command = &app;
  while (!command->get_subcommands().empty()) command = command->get_subcommands().back();
  std::vector<std::string> flags;
  for (const CLI::Option* option : command->get_options())
    for (const std::string& name : option->get_lnames()) flags.push_back("--" + name);
  for (const std::string& rest : app.remaining(true)) {
    if (!rest.starts_with('-')) continue;
    const std::string flag = rest.substr(0, rest.find('='));
    throw Error(ErrorCode::UNKNOWN_OPTION,
                fmt::format("expected a flag of {}, found \"{}\". Did you mean \"{}\"?", command->get_name(), flag,
                            nearest_name(flag, {flags.begin(), flags.end()})));
  }
}

void parse(CLI::App& app, int argc, char** argv) {
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() != 0) refuse_unknown_flag(app);  // an unknown flag is often why an argument is missing
    throw;
  }
}

int run(int argc, char** argv) {
  CLI::App app{"fractile: cross-sectional equity signal backtests at the speed of memory", command_name()};
  app.set_version_flag("--version", fmt::format("fractile {} ({}, running {})", kVersion, kBuild, kernel_target()));
  app.require_subcommand(1);
  app.get_formatter()->column_width(44);
  add_demo(app);
  add_snapshot(app);
  add_run(app);
  add_suite(app);
  add_batch(app);
  add_multiple_testing(app);
  add_study(app);
  add_audit(app);
  add_fama_macbeth(app);
  add_attribution(app);
  add_spanning(app);
  add_similar(app);
  add_python_commands(app);
  add_serve(app);
  add_ui(app);
  add_health(app);
  try {
    refuse_unknown_command(app, argc, argv);
    parse(app, argc, argv);
    return kDone;
  } catch (const CLI::RuntimeError& verdict) {
    return verdict.get_exit_code();
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? kDone : kWrongUsage;
  } catch (const Error& error) {
    fmt::print(stderr, "{}\n", error.what());
    if (error.code() == ErrorCode::CANCELLED) return kInterrupted;
    return error_info(error.code()).category == ErrorCategory::config ? kWrongUsage : kFailed;
  } catch (const std::exception& error) {
    fmt::print(stderr, "INTERNAL: {}\n", error.what());
    return kFailed;
  }
}

}  // namespace

bool is_interrupted() noexcept { return interrupted; }

std::string command_name() {
  const char* const typed = std::getenv("FRACTILE_COMMAND");
  return typed && *typed ? typed : "fractile";
}

std::filesystem::path packaged_config() {
  std::error_code failed;
  const auto program = std::filesystem::read_symlink("/proc/self/exe", failed);
  return failed ? std::filesystem::path{} : program.parent_path().parent_path().parent_path() / "api/backtest_config.yaml";
}

void show_progress(std::string_view stage, double fraction) {
  if (::isatty(STDERR_FILENO) == 0) return;
  constexpr int kWidth = 30;
  const int done = static_cast<int>(kWidth * fraction);
  fmt::print(stderr, "\r[{:#<{}}{:.<{}}] {:<24.24}{}", "", done, "", kWidth - done, stage, fraction >= 1.0 ? "\n" : "");
  std::fflush(stderr);
}

void show_written(std::string_view what, std::string_view path) { fmt::print(stderr, "{} written to {}\n", what, path); }

}  // namespace fractile::cli

// run() catches all exceptions except a failure to allocate before a command is known.
// NOLINTNEXTLINE(bugprone-exception-escape)
int main(int argc, char** argv) {
  std::signal(SIGINT, fractile::cli::on_interrupt);
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);  // a write beyond `ulimit -f` must fail instead of killing the process during a build
  return fractile::cli::run(argc, argv);
}
