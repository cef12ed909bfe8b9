// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <string>

#include "fractile/error.hpp"
#include "ledger/ledger.hpp"
#include "server/endpoint.hpp"
#include "server/log.hpp"
#include "server/openapi.hpp"

/// Access of endpoints to the server's ledger.
namespace fractile::server {

/// Calls work(ledger). If the ledger cannot be used, the error contains no path; the log has the full error.
template <class Work>
auto with_ledger(const ServerState& state, Work&& work) {
  try {
    return work(ledger::Ledger::at(ledger::ledger_file(state.options.root)));
  } catch (const Error& error) {
    if (error.code() != ErrorCode::LEDGER_NOT_WRITABLE && error.code() != ErrorCode::LEDGER_UNREADABLE) throw;
    log_event("error", "ledger failed", {{"message", error.what()}});
    throw Error(error.code(),
                "expected a ledger that the server can write, found that it cannot; its log says why. Set $FRACTILE_LEDGER "
                "of the server to a file that it can write, or leave study out.");
  }
}

/// A trial among the trials of a study, as a JSON object. Throws STUDY_NOT_FOUND.
std::string deflation_to_json(const std::string& study, const ServerState& state, const ledger::Trial& own);
/// Its OpenAPI schema.
Json deflation_schema();
/// The keys study and inference of a request (run_extras.hpp).
Json extras_schema();

}  // namespace fractile::server
