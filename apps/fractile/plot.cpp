// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "plot.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "commands.hpp"
#include "fractile/error.hpp"

extern char** environ;

namespace fractile::cli {
namespace {

[[noreturn]] void fail(const std::string& path, const std::string& found) {
  throw Error(ErrorCode::IO_FAILURE, fmt::format("expected to draw \"{}\" with Python, found: {}. Check the folder, and that "
                                                 "\"{} -c 'import fractile, matplotlib'\" works.",
                                                 path, found, std::getenv(kPythonVariable)));
}

void write_all(int file, const std::string& text, const std::string& path) {
  for (std::size_t at = 0; at < text.size();) {
    const ssize_t n = ::write(file, text.data() + at, text.size() - at);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EPIPE) return;  // Python ended early; its exit status says why
    if (n < 0) fail(path, std::strerror(errno));
    at += static_cast<std::size_t>(n);
  }
}

}  // namespace

void require_plotting(const std::string& path, std::initializer_list<const char*> endings) {
  const char* const python = std::getenv(kPythonVariable);
  if (!python || *python == '\0')
    throw Error(
        ErrorCode::INVALID_VALUE,
        fmt::format("expected --plot of a fractile that Python's package started, found the executable alone. Install the "
                    "package with matplotlib and run its fractile, set ${} to its Python, or call result.plot(\"{}\") there.",
                    kPythonVariable, path));
  for (const char* ending : endings)
    if (path.ends_with(ending)) return;
  throw Error(ErrorCode::INVALID_VALUE,
              fmt::format("expected --plot with a file that ends in {}, found \"{}\". Write \"{}.png\".",
                          fmt::join(endings, ", "), path, path));
}

void draw_plot(const std::string& module, const std::string& json, const std::string& path) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) fail(path, std::strerror(errno));
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, ends[0], STDIN_FILENO);
  std::string words[] = {std::getenv(kPythonVariable), "-m", module, path};
  char* arguments[] = {words[0].data(), words[1].data(), words[2].data(), words[3].data(), nullptr};
  pid_t child = 0;
  const int failed = ::posix_spawnp(&child, arguments[0], &actions, nullptr, arguments, environ);
  posix_spawn_file_actions_destroy(&actions);
  ::close(ends[0]);
  if (failed != 0) {
    ::close(ends[1]);
    fail(path, std::strerror(failed));
  }
  write_all(ends[1], json, path);
  ::close(ends[1]);
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (status != 0) fail(path, "what it wrote above");
  show_written("Plot", path);
}

}  // namespace fractile::cli
