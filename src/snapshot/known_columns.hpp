// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <string>
#include <string_view>

/// What methodology section 1 says of a column by its name.
namespace fractile {

bool is_exposure(std::string_view name) noexcept;
/// A number that is stored as a real even where all values are whole.
bool is_always_real(std::string_view name) noexcept;
/// A column of section 1, which cannot be text.
bool must_be_number(std::string_view name) noexcept;
/// A price, or what is made of one: negative where CRSP marks a bid-ask midpoint.
bool is_price(std::string_view name) noexcept;
/// "" where unknown.
std::string unit_of(std::string_view name);

}  // namespace fractile
