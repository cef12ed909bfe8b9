// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "commands.hpp"
#include "fractile/error.hpp"

namespace fractile::cli {
namespace {

/// Replaces this program by `python -m MODULE`.
[[noreturn]] void become_python(const std::string& module, std::vector<std::string> words) {
  const char* const python = std::getenv(kPythonVariable);
  if (!python || *python == '\0')
    throw Error(
        ErrorCode::INVALID_VALUE,
        fmt::format("expected a fractile that Python's package started, found the executable alone. Install the package and "
                    "run its fractile, or set ${} to its Python.",
                    kPythonVariable));
  words.insert(words.begin(), {python, "-m", module});
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  // Signals that a program ignores stay ignored in the one that takes its place.
  std::signal(SIGPIPE, SIG_DFL);
  ::execvp(python, arguments.data());
  throw Error(ErrorCode::IO_FAILURE,
              fmt::format("expected to start \"{}\", found: {}. Correct ${}.", python, std::strerror(errno), kPythonVariable));
}

/// A command whose flags Python declares and describes.
void add_command(CLI::App& app, const char* name, const char* module, const char* doc) {
  CLI::App* command = app.add_subcommand(name, doc);
  command->set_help_flag();
  command->prefix_command();
  command->callback([command, module] { become_python(module, command->remaining()); });
}

}  // namespace

void add_python_commands(CLI::App& app) {
  add_command(app, "sweep", "fractile.sweep", "Run many signals times many options, into a folder that resumes");
  add_command(app, "mcp", "fractile.mcp", "Serve backtests to research agents, and count what they try");
  add_command(app, "doctor", "fractile.doctor", "Look at the installation, and say what to mend");
}

}  // namespace fractile::cli
