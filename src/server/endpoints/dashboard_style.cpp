// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "server/endpoint.hpp"
#include "server/openapi.hpp"
#include "server/web_answer.hpp"
#include "tearsheet/web_files.hpp"

namespace fractile::server {
namespace {

Answer answer_dashboard_style(Request& request, const ServerState&, const Interrupt&) {
  static const WebFile style(dashboard_style(), "text/css; charset=utf-8");
  return style.answer(request);
}

Json describe_dashboard_style(bool) {
  return describe_get("dashboardStyle", "The style of the dashboard", text_answer("text/css", "A style sheet."), {});
}

}  // namespace

Endpoint dashboard_style_endpoint() {
  return {.path = "/dashboard.css", .is_open = true, .answer = answer_dashboard_style, .describe = describe_dashboard_style};
}

}  // namespace fractile::server
