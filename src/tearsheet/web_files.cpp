// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "tearsheet/web_files.hpp"

// The assembler copies the file: no step of the build turns it into source text, and no compiler parses it.
// FRACTILE_WEB_FOLDER comes from CMakeLists.txt, which also builds this file anew when a file there changes.
#define FRACTILE_EMBED(symbol, file)                                                                                    \
  __asm__(                                                                                                              \
      ".section .rodata\n"                                                                                              \
      ".hidden " #symbol "_begin\n.hidden " #symbol                                                                     \
      "_end\n"                                                                                                          \
      ".global " #symbol "_begin\n.global " #symbol "_end\n" #symbol "_begin:\n.incbin \"" FRACTILE_WEB_FOLDER "/" file \
      "\"\n" #symbol "_end:\n.byte 0\n.previous\n");                                                                    \
  extern "C" __attribute__((visibility("hidden"))) const char symbol##_begin[], symbol##_end[];

FRACTILE_EMBED(fractile_report_page, "report.html")
FRACTILE_EMBED(fractile_dashboard_page, "dashboard.html")
FRACTILE_EMBED(fractile_dashboard_script, "dashboard.js")
FRACTILE_EMBED(fractile_dashboard_style, "dashboard.css")

namespace fractile {

std::string_view report_page() noexcept { return {fractile_report_page_begin, fractile_report_page_end}; }
std::string_view dashboard_page() noexcept { return {fractile_dashboard_page_begin, fractile_dashboard_page_end}; }
std::string_view dashboard_script() noexcept { return {fractile_dashboard_script_begin, fractile_dashboard_script_end}; }
std::string_view dashboard_style() noexcept { return {fractile_dashboard_style_begin, fractile_dashboard_style_end}; }

}  // namespace fractile
