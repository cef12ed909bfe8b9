// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "server/result_store.hpp"

#include <fmt/format.h>

#include <array>
#include <cstdint>
#include <random>

namespace fractile::server {
namespace {

constexpr std::size_t kOverhead = 1024;  // per result: strings, nodes

std::size_t count_bytes(const Column& column) {
  if (const auto* texts = std::get_if<std::vector<std::string>>(&column.values)) {
    std::size_t bytes = 0;
    for (const std::string& text : *texts) bytes += sizeof(std::string) + text.size();
    return bytes;
  }
  if (const auto* dates = std::get_if<Column::Dates>(&column.values)) return dates->days.size() * sizeof(Day);
  if (const auto* whole = std::get_if<std::vector<std::int64_t>>(&column.values)) return whole->size() * sizeof(std::int64_t);
  return std::get<std::vector<double>>(column.values).size() * sizeof(double);
}

std::size_t count_bytes(const Result& result) {
  std::size_t bytes = kOverhead + result.config_json.size();
  for (const TableSet::Entry& entry : result.tables)
    for (const Column& column : entry.table.columns) bytes += count_bytes(column);
  return bytes;
}

std::string make_id() {
  std::random_device device("getentropy");
  std::array<std::uint32_t, 4> words{};
  for (std::uint32_t& word : words) word = device();
  return fmt::format("{:08x}{:08x}{:08x}{:08x}", words[0], words[1], words[2], words[3]);
}

}  // namespace

std::string ResultStore::add(std::shared_ptr<const StoredResult> stored) {
  const std::size_t bytes = count_bytes(stored->result) + stored->place.reading.size();
  if (bytes > max_bytes_) return "";
  std::string id = make_id();
  Entries evicted;  // released after the lock
  const std::lock_guard lock(mutex_);
  while (bytes_ + bytes > max_bytes_) {
    bytes_ -= entries_.back().bytes;
    by_id_.erase(entries_.back().id);
    evicted.splice(evicted.begin(), entries_, std::prev(entries_.end()));
  }
  entries_.push_front({id, std::move(stored), bytes});
  by_id_[id] = entries_.begin();
  bytes_ += bytes;
  return id;
}

std::shared_ptr<const StoredResult> ResultStore::find(const std::string& id) {
  const std::lock_guard lock(mutex_);
  const auto found = by_id_.find(id);
  if (found == by_id_.end()) return nullptr;
  entries_.splice(entries_.begin(), entries_, found->second);
  return found->second->stored;
}

}  // namespace fractile::server
