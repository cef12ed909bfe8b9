// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "laws.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "output/output.hpp"

namespace fractile::fuzz {

void break_law(const std::string& law, const std::string& found) {
  std::fprintf(stderr, "LAW BROKEN: %s\n%s\n", law.c_str(), found.c_str());
  std::abort();
}

void check_grammar(const Error& error) {
  const std::string_view text = error.what();
  const ErrorInfo info = error_info(error.code());
  // This message alone begins with other words, which users expect.
  if (error.code() == ErrorCode::NO_SNAPSHOTS) return;
  const std::string begin = std::string(info.name) + ": expected ";
  ensure(text.starts_with(begin) && text.find(", found") != std::string_view::npos, "errors keep to the grammar",
         std::string(text));
}

std::string describe(Result result) {
  result.elapsed_seconds = 0.0;
  result.timings.clear();
  return result_to_json(result);
}

std::string describe_unordered(Result result) {
  result.run_id.clear();
  result.diagnostics.warnings.clear();
  for (Diagnostics::Count& count : result.diagnostics.counts) count.examples.clear();
  return describe(std::move(result));
}

std::string show_difference(const std::string& a, const std::string& b) {
  const std::size_t at = static_cast<std::size_t>(std::mismatch(a.begin(), a.end(), b.begin(), b.end()).first - a.begin());
  const std::size_t from = at < 200 ? 0 : at - 200;
  return "one:   ..." + a.substr(from, 400) + "\nother: ..." + b.substr(std::min(from, b.size()), 400);
}

}  // namespace fractile::fuzz
