// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "fractile/backtest.hpp"
#include "fractile/read_signal.hpp"
#include "output/output.hpp"
#include "server/endpoint.hpp"

/// The requests of endpoints that run a signal, and the form of their answers.
namespace fractile::server {

inline constexpr std::string_view kArrowStream = "application/vnd.apache.arrow.stream";
inline constexpr std::string_view kArrowFile = "application/vnd.apache.arrow.file";
inline constexpr std::string_view kParquet = "application/vnd.apache.parquet";

/// A signal and its options, read from the body and the query.
struct RunRequest {
  Signal signal;
  std::string sigvar;
  std::vector<std::string> columns;         ///< names of signal.values: sigvar, unless the endpoint asks for others
  ReadOptions reading;                      ///< as the configuration says; other signals of the request are read alike
  std::string options;                      ///< JSON object, the server's defaults included
  std::map<std::string, std::string> more;  ///< keys beside signal and config, as JSON text
};

/// Checks query parameters, orient and content type, which are in the head. `more`: the endpoint's keys beside signal and
/// config, which are in a JSON body, else in the query. Throws UNKNOWN_OPTION, INVALID_VALUE, UNSUPPORTED_MEDIA_TYPE,
/// BAD_REQUEST.
void check_run_head(const Request& request, std::span<const std::string_view> more);

/// Reads a request whose head check_run_head() has accepted; takes the body's memory. `check`: called with `more` before
/// the rows are read. `find_columns`: the value columns to read in place of sigvar, or none. Throws Error.
RunRequest read_run_request(Request& request, std::span<const std::string_view> more, const ServerState& state,
                            const LoadedSnapshot& loaded, void (*check)(const RunRequest& run),
                            std::vector<std::string> (*find_columns)(const RunRequest& run) = nullptr);

/// Parses the JSON text of one parameter. Throws BAD_REQUEST on text that is not JSON or has a key twice.
nlohmann::json parse_parameter(const std::string& text, std::string_view name);

/// Runs the cells on one signal, counts them in the metrics and, for a study, in the ledger. Throws the first error.
std::vector<Result> run_cells(const RunRequest& run, std::span<const RunConfig> configs, const LoadedSnapshot& loaded,
                              const ServerState& state, const Interrupt& interrupt);
/// A result as JSON, with what its study and "inference" add.
std::string answer_json(const RunRequest& run, const Result& result, Orient orient, const ServerState& state);

Orient read_orient(const Request& request);
bool wants_arrow(const Request& request) noexcept;
/// The form of a body that is not JSON: "csv", "parquet" or "arrow".
const char* body_format(const Request& request) noexcept;
/// Appends one Arrow stream per table, one after the other: docs/server.md. `cell`: "" for a single run.
void append_arrow(const std::string& cell, const Result& result, std::string& out);

}  // namespace fractile::server
