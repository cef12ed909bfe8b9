// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <stdlib.h>

#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <limits>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "arrow_builder.hpp"
#include "fractile/panel.hpp"

/// Small panels as rows, for tests of snapshots.
namespace fractile::testing {

/// A folder that is removed when the test ends.
class ScratchFolder {
 public:
  ScratchFolder() {
    // In memory if possible, because these tests would wait for thousands of small files to reach the disk.
    const bool is_free = !std::getenv("TMPDIR") && std::filesystem::is_directory("/dev/shm");
    const std::filesystem::path folder = is_free ? "/dev/shm" : std::filesystem::temp_directory_path();
    std::string pattern = (folder / "fractile-XXXXXX").string();
    if (!::mkdtemp(pattern.data())) throw std::runtime_error("expected a temporary folder, found none");
    path_ = pattern;
  }
  ~ScratchFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;
  const std::filesystem::path& path() const noexcept { return path_; }
  std::vector<std::string> entries() const {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(path_)) names.push_back(entry.path().filename().string());
    return names;
  }

 private:
  std::filesystem::path path_;
};

struct Row {
  std::int64_t id = 0;
  Day day = 0;
  double ret = 0, mcap = 0, size = 0, momentum = 0, score = 0;  ///< NaN is missing
  std::int32_t cap = kMissingCode;
  std::string country;  ///< "" is missing
};

/// Names that enter, leave and pause, on weekdays from 2020-01-06 on; every column has missing values.
inline std::vector<Row> make_rows(int n_days, int n_names, std::uint64_t seed, std::int64_t id_step = 7) {
  std::mt19937_64 random(seed);
  const auto uniform = [&] { return static_cast<double>(random() >> 11) * 0x1p-53; };
  const auto maybe = [&](double x) { return uniform() < 0.03 ? std::numeric_limits<double>::quiet_NaN() : x; };
  static const std::vector<std::string> kCountries{"US", "CH", "JP", "", "Österreich"};
  constexpr Day kMonday = 18267;
  std::vector<Row> rows;
  for (int i = 0; i < n_names; ++i) {
    const int first = static_cast<int>(uniform() * n_days / 2), last = n_days - static_cast<int>(uniform() * n_days / 3);
    for (int n = i == 0 ? 0 : first; n < (i == 0 ? n_days : last); ++n) {
      if (i != 0 && uniform() < 0.05) continue;
      Row row;
      row.id = 1 + id_step * i;
      row.day = kMonday + n + 2 * (n / 5);
      row.ret = maybe(uniform() - 0.5);
      row.mcap = maybe(std::floor(1e9 * uniform()));
      row.size = maybe(uniform());
      row.momentum = maybe(-uniform());
      row.score = maybe(100 * uniform());
      row.cap = uniform() < 0.1 ? kMissingCode : static_cast<std::int32_t>(1 + random() % 3);
      row.country = kCountries[random() % kCountries.size()];
      rows.push_back(row);
    }
  }
  return rows;
}

template <class Get>
auto column_of(const std::vector<Row>& rows, Get&& get) {
  std::vector<std::decay_t<decltype(get(rows[0]))>> out;
  for (const Row& row : rows) out.push_back(get(row));
  return out;
}

inline std::vector<Array> arrays_of(const std::vector<Row>& rows) {
  return {
      plain("security_id", "l", column_of(rows, [](const Row& r) { return r.id; })),
      plain("date", "tdD", column_of(rows, [](const Row& r) { return r.day; })),
      plain("ret", "g", column_of(rows, [](const Row& r) { return r.ret; })),
      plain("mcap", "g", column_of(rows, [](const Row& r) { return r.mcap; })),
      plain("size", "g", column_of(rows, [](const Row& r) { return r.size; })),
      plain("momentum", "g", column_of(rows, [](const Row& r) { return r.momentum; })),
      plain("score", "g", column_of(rows, [](const Row& r) { return r.score; })),
      plain("cap", "i", column_of(rows, [](const Row& r) { return r.cap; }))
          .valid(column_of(rows, [](const Row& r) { return r.cap != kMissingCode ? 1 : 0; })),
      texts("country", "u", column_of(rows, [](const Row& r) { return r.country; }))
          .valid(column_of(rows, [](const Row& r) { return r.country.empty() ? 0 : 1; })),
  };
}

inline std::unique_ptr<PanelSource> panel_of(std::vector<Array> columns) {
  ArrowArrayStream stream = stream_of({batch(std::move(columns))});
  return collect_panel(&stream, "rows");
}

/// Makes a source of the rows with several batches, like a large source.
inline std::unique_ptr<PanelSource> panel_of(const std::vector<Row>& rows) {
  const std::size_t part = rows.size() / 3 + 1;
  std::vector<Array> batches;
  for (std::size_t at = 0; at < rows.size(); at += part) {
    const auto begin = rows.begin() + static_cast<std::ptrdiff_t>(at);
    batches.push_back(batch(arrays_of({begin, rows.begin() + static_cast<std::ptrdiff_t>(std::min(at + part, rows.size()))})));
  }
  ArrowArrayStream stream = stream_of(std::move(batches));
  return collect_panel(&stream, "rows");
}

}  // namespace fractile::testing
