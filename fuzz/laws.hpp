// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <optional>
#include <string>
#include <utility>

#include "fractile/error.hpp"
#include "fractile/result.hpp"

namespace fractile::fuzz {

/// Prints the broken law and the finding, and ends the process, so that a fuzzer stores the input.
[[noreturn]] void break_law(const std::string& law, const std::string& found);

inline void ensure(bool holds, const char* law, const std::string& found = {}) {
  if (!holds) break_law(law, found);
}

/// Ends the process if the text is not "NAME: expected X, found Y ...".
void check_grammar(const Error& error);

/// Runs `work` and returns the Error that it throws, or nullopt if it succeeds. Other exceptions propagate.
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

/// The whole result without its times, bit by bit, as text.
std::string describe(Result result);
/// The same without the parts that depend on the order of rows: run_id and the examples.
std::string describe_unordered(Result result);

/// The first place where two texts differ, with some text around it.
std::string show_difference(const std::string& a, const std::string& b);

}  // namespace fractile::fuzz
