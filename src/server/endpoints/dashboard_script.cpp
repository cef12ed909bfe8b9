// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "server/endpoint.hpp"
#include "server/openapi.hpp"
#include "server/web_answer.hpp"
#include "tearsheet/web_files.hpp"

namespace fractile::server {
namespace {

Answer answer_dashboard_script(Request& request, const ServerState&, const Interrupt&) {
  static const WebFile script(dashboard_script(), "text/javascript; charset=utf-8");
  return script.answer(request);
}

Json describe_dashboard_script(bool) {
  return describe_get("dashboardScript", "The script of the dashboard", text_answer("text/javascript", "A script."), {});
}

}  // namespace

Endpoint dashboard_script_endpoint() {
  return {.path = "/dashboard.js", .is_open = true, .answer = answer_dashboard_script, .describe = describe_dashboard_script};
}

}  // namespace fractile::server
