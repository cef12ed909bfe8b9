// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include "fractile/backtest.hpp"
#include "server/http_message.hpp"
#include "server/loaded_snapshot.hpp"
#include "server/metrics.hpp"
#include "server/server.hpp"

namespace fractile::server {

/// POST /run and POST /suite: from a whole request to its answer.
class Runs {
 public:
  Runs(const ServerOptions& options, Metrics& metrics) : options_(options), metrics_(metrics) {}
  /// Throws BAD_REQUEST, UNSUPPORTED_MEDIA_TYPE or UNKNOWN_OPTION where the head alone tells.
  static void check_head(const Request& request);
  /// Throws Error.
  Answer answer(Request& request, const LoadedSnapshot& loaded, const Interrupt& interrupt) const;

 private:
  struct Task;
  Task read_task(Request& request, const LoadedSnapshot& loaded) const;
  std::string with_defaults(const std::string& config, const LoadedSnapshot& loaded) const;
  Signal read_path(const std::string& path, const std::string& sigvar) const;
  std::vector<Result> run(const Task& task, const std::vector<RunConfig>& configs, const LoadedSnapshot& loaded,
                          const Interrupt& interrupt) const;

  const ServerOptions& options_;
  Metrics& metrics_;
};

inline constexpr std::string_view kArrowStream = "application/vnd.apache.arrow.stream";
inline constexpr std::string_view kArrowFile = "application/vnd.apache.arrow.file";
inline constexpr std::size_t kMaxCells = 1024;

}  // namespace fractile::server
