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

/// Set by the package's entry point: the Python that it is installed in.
constexpr const char* kPythonVariable = "FRACTILE_PYTHON";

/// Replaces this program by `python -m fractile.sweep`: the schedulers of a sweep are Python's.
[[noreturn]] void become_python(std::vector<std::string> words) {
  const char* const python = std::getenv(kPythonVariable);
  if (!python || *python == '\0')
    throw Error(ErrorCode::INVALID_VALUE,
                fmt::format("expected a sweep of a fractile that Python's package started, found the executable alone. Install "
                            "the package and run its fractile, or set ${} to its Python.",
                            kPythonVariable));
  words.insert(words.begin(), {python, "-m", "fractile.sweep"});
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  // Signals that a program ignores stay ignored in the one that takes its place.
  std::signal(SIGPIPE, SIG_DFL);
  ::execvp(python, arguments.data());
  throw Error(ErrorCode::IO_FAILURE,
              fmt::format("expected to start \"{}\", found: {}. Correct ${}.", python, std::strerror(errno), kPythonVariable));
}

}  // namespace

void add_sweep(CLI::App& app) {
  CLI::App* command = app.add_subcommand("sweep", "Run many signals times many options, into a folder that resumes");
  command->set_help_flag();  // Python has the flags, and describes them
  command->prefix_command();
  command->callback([command] { become_python(command->remaining()); });
}

}  // namespace fractile::cli
