// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
//
// The dashboard: a page whose script asks the other endpoints.
#include "server/endpoint.hpp"
#include "server/openapi.hpp"
#include "server/web_answer.hpp"
#include "tearsheet/web_files.hpp"

namespace fractile::server {
namespace {

Answer answer_dashboard(Request& request, const ServerState&, const Interrupt&) {
  static const WebFile page(dashboard_page(), "text/html; charset=utf-8");
  return page.answer(request);
}

Json describe_dashboard(bool) { return describe_get("dashboard", "The dashboard", text_answer("text/html", "A page."), {}); }

}  // namespace

Endpoint dashboard_endpoint() {
  return {.path = "/", .is_open = true, .answer = answer_dashboard, .describe = describe_dashboard};
}

}  // namespace fractile::server
