// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <string>
#include <string_view>

/// The columns of methodology section 1, by name.
namespace fractile {

bool is_exposure(std::string_view name) noexcept;
/// True for a column that is stored as real even if all its values are whole.
bool is_always_real(std::string_view name) noexcept;
/// A column of section 1, which cannot be text.
bool must_be_number(std::string_view name) noexcept;
/// A price, or what is made of one: negative where CRSP marks a bid-ask midpoint.
bool is_price(std::string_view name) noexcept;
/// "" where unknown.
std::string unit_of(std::string_view name);

}  // namespace fractile
