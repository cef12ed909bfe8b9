// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <optional>
#include <string>
#include <utility>

#include "fractile/error.hpp"
#include "fractile/result.hpp"

namespace fractile::fuzz {

/// Says which law is broken and how, and ends the process: a fuzzer keeps the input.
[[noreturn]] void break_law(const std::string& law, const std::string& found);

inline void ensure(bool holds, const char* law, const std::string& found = {}) {
  if (!holds) break_law(law, found);
}

/// Ends the process where the text is not "NAME: expected X, found Y ...".
void check_grammar(const Error& error);

/// Runs `work` and returns the error that refused it; nothing where it was done. Any other exception goes through.
template <class Work>
std::optional<Error> refusal_of(Work&& work) {
  try {
    std::forward<Work>(work)();
    return std::nullopt;
  } catch (const Error& error) {
    check_grammar(error);
    return error;
  }
}

/// Everything of a result but the time it took, bit by bit.
std::string describe(Result result);
/// The same without what the order of rows changes: run_id, and which rows are shown as examples.
std::string describe_unordered(Result result);

/// The first place where two texts differ, with some text around it.
std::string show_difference(const std::string& a, const std::string& b);

}  // namespace fractile::fuzz
