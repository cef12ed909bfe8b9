// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <string>
#include <string_view>
#include <vector>

/// The usual names of our columns in other sources.
namespace fractile {

/// The name among `names` that differs only in case or in the marks between words, or that is usual for our column; "" if there
/// is none.
std::string find_usual_name(std::string_view ours, const std::vector<std::string>& names);
/// All names that a source usually has for ours, the likeliest first.
std::vector<std::string> find_usual_names(std::string_view ours, const std::vector<std::string>& names);
/// The name among `names` that is usual for the values of a signal; "" if there is none.
std::string find_usual_value(const std::vector<std::string>& names);
/// "--map security_id=PERMNO --map date=MthCalDt" for the `missing` columns with a usual name; "" if none has one.
std::string propose_map(const std::vector<std::string>& missing, const std::vector<std::string>& names);
/// "--delimiter ^" for a header that was read as one column and has a usual delimiter in it; else "".
std::string propose_delimiter(const std::vector<std::string>& names);
/// True for a column without a meaning: the index that pandas writes.
bool is_index_column(std::string_view name) noexcept;
/// True if `names` look like the first of several header rows, as to_csv() of a frame with two column levels writes.
bool has_header_rows(const std::vector<std::string>& names);
/// For messages: a wide frame has thousands of names, so the first 40 are listed.
std::string join(const std::vector<std::string>& names);

}  // namespace fractile
