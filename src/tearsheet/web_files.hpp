// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <string_view>

/// The built files of web/, which the program carries. `make web` builds them from web/src.
namespace fractile {

/// The page of a tear sheet, with %TITLE% and %DATA% where these belong.
std::string_view report_page() noexcept;

/// The dashboard, which the server answers in three files.
std::string_view dashboard_page() noexcept;
std::string_view dashboard_script() noexcept;
std::string_view dashboard_style() noexcept;

}  // namespace fractile
