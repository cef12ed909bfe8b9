// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "server/sheet_answer.hpp"

#include "server/study_answer.hpp"

namespace fractile::server {

bool accepts(const Request& request, std::string_view type) noexcept { return request.accept.find(type) != std::string::npos; }

bool wants_sheet(const Request& request) noexcept { return accepts(request, kSheetJson) || accepts(request, kHtml); }

namespace {

/// A sentence about the study that counts the run; "" without one, or if its ledger cannot be read.
std::string describe_trials(const StoredResult& stored, const ServerState& state) {
  if (stored.study.empty()) return "";
  try {
    return with_ledger(state, [&](ledger::Ledger& ledger) {
      return ledger::describe(ledger.deflate(stored.study, ledger::make_trial(stored.result)));
    });
  } catch (const Error&) {
    return "";
  }
}

}  // namespace

void write_sheet(const Request& request, const StoredResult& stored, const ServerState& state, Answer& answer) {
  const Result& result = stored.result;
  const std::string title = "Run " + result.run_id.substr(0, 12);
  const SheetEntry entry{title, &result, repeat_run(result, stored.place), describe_trials(stored, state), stored.audit};
  if (accepts(request, kSheetJson)) {
    answer.content_type = kSheetJson;
    answer.body = sheet_data({&entry, 1}, title);
  } else {
    answer.content_type = "text/html; charset=utf-8";
    answer.body = tear_sheet({&entry, 1}, title);
  }
}

}  // namespace fractile::server
