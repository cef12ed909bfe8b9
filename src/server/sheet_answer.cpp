// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "server/sheet_answer.hpp"

namespace fractile::server {

bool accepts(const Request& request, std::string_view type) noexcept { return request.accept.find(type) != std::string::npos; }

bool wants_sheet(const Request& request) noexcept { return accepts(request, kSheetJson) || accepts(request, kHtml); }

void write_sheet(const Request& request, const Result& result, const RunPlace& place, Answer& answer) {
  const std::string title = "Run " + result.run_id.substr(0, 12);
  const SheetEntry entry{title, &result, repeat_run(result, place), ""};
  if (accepts(request, kSheetJson)) {
    answer.content_type = kSheetJson;
    answer.body = sheet_data({&entry, 1}, title);
  } else {
    answer.content_type = "text/html; charset=utf-8";
    answer.body = tear_sheet({&entry, 1}, title);
  }
}

}  // namespace fractile::server
