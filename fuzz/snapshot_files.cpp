// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "snapshot_files.hpp"

#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <vector>

#include "bytes.hpp"
#include "fractile/backtest.hpp"
#include "laws.hpp"
#include "markets.hpp"
#include "snapshot/durable_files.hpp"
#include "snapshot/manifest.hpp"
#include "types/hash.hpp"

namespace fractile::fuzz {
namespace {

namespace fs = std::filesystem;

void write_file(const fs::path& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary | std::ios::trunc).write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

}  // namespace

SnapshotFiles::SnapshotFiles() : root_(fs::path(market_folder()) / "damaged") {
  create_snapshot(root_, kId, *market_panel(0), {});
  for (const auto& entry : fs::recursive_directory_iterator(root_ / kId)) {
    if (!entry.is_regular_file()) continue;
    std::ifstream file(entry.path(), std::ios::binary);
    whole_[fs::relative(entry.path(), root_ / kId).string()] = {std::istreambuf_iterator<char>(file), {}};
  }
  now_ = whole_;
}

void SnapshotFiles::write(const std::string& path, const std::string& bytes) {
  if (now_[path] == bytes && fs::exists(this->path(path))) return;
  write_file(this->path(path), bytes);
  now_[path] = bytes;
}

void SnapshotFiles::remove(const std::string& path) {
  fs::remove(this->path(path));
  now_[path].clear();
}

void SnapshotFiles::restore() {
  for (const auto& [path, bytes] : whole_) write(path, bytes);
}

std::string seal_manifest(const std::string& text) {
  auto json = nlohmann::ordered_json::parse(text, nullptr, false);
  if (!json.is_object()) return "";
  json.erase("manifest_hash");
  if (json.contains("id")) json["id"] = SnapshotFiles::kId;
  json["manifest_hash"] = hash_text(json.dump());
  return json.dump(2) + "\n";
}

void check_snapshot(const fs::path& root, const std::string& id) {
  const auto snapshot = Snapshot::open(root, id, Verify::layout);
  std::int64_t rows = 0;
  for (DateIndex n = 0; n < static_cast<DateIndex>(snapshot->dates().size()); ++n) {
    const RowIndex begin = snapshot->row_begin(n), end = snapshot->row_end(n);
    ensure(begin >= 0 && begin <= end && end <= snapshot->row_capacity(), "a day's rows lie inside");
    ensure(n == 0 || snapshot->dates()[static_cast<std::size_t>(n)] > snapshot->dates()[static_cast<std::size_t>(n) - 1],
           "days ascend");
    rows += end - begin;
  }
  ensure(rows == snapshot->n_rows(), "rows are those of the days");
  const auto texts = snapshot->security_texts();
  ensure(texts.size() == (snapshot->id_type() == IdType::text ? snapshot->security_ids().size() : 0), "a text per security");
  for (std::size_t i = 0; i < texts.size(); ++i)
    ensure(snapshot->find_text(texts[i]) == static_cast<SecurityIndex>(i), "every text finds its security");
  const auto n_places = static_cast<std::int64_t>(snapshot->row_of().size());
  for (std::size_t i = 0; i < snapshot->security_ids().size(); ++i) {
    const std::int64_t begin = snapshot->row_of_begin()[i];
    ensure(begin >= 0 && begin + snapshot->last_day()[i] - snapshot->first_day()[i] < n_places, "a security's places lie inside");
  }
  // Reads both ends of every column, which must be mapped.
  volatile double touched = 0.0;
  for (const ColumnInfo& column : snapshot->columns())
    for (const RowIndex row : {0, snapshot->row_capacity() - 1}) {
      if (const auto values = snapshot->real<float>(column.name)) touched = touched + values[row];
      if (const auto values = snapshot->real<double>(column.name)) touched = touched + values[row];
      if (const auto* codes = snapshot->codes(column.name)) touched = touched + codes[row];
    }
}

std::string run_on(const fs::path& root, const std::string& id) {
  const auto snapshot = Snapshot::open(root, id, Verify::layout);
  const Backtester backtester(make_view(snapshot, std::nullopt, std::nullopt, true));
  std::vector<std::int64_t> ids;
  std::vector<Day> days;
  std::vector<double> values;
  for (const Day day : snapshot->dates())
    for (const std::int64_t security : snapshot->security_ids()) {
      ids.push_back(security);
      days.push_back(day);
      values.push_back(static_cast<double>(scatter(ids.size()) % 1000));
    }
  SignalKeys keys;
  keys.n_rows = static_cast<std::int64_t>(ids.size());
  keys.security_id = ids.data();
  keys.date_sig = {days.data(), DateUnit::day};
  std::string out;
  // Options that read every kind of column.
  for (const char* options :
       {R"({"mincos":2,"byvar_list":["cap","country","industry_id"],"resid":"all","weight":"value","universe":{"cap":[1,2,3]}})",
        R"({"mincos":2,"from_open":true,"tc_model":"power_law","sort_method":"double","double_var":"cap"})"}) {
    const auto refusal = refusal_of([&] { out += describe(backtester.run(keys, values.data(), parse_config(options))); });
    if (refusal) out += refusal->what();
  }
  return out;
}

}  // namespace fractile::fuzz
