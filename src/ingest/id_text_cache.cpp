// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "ingest/id_text_cache.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <list>
#include <mutex>
#include <string_view>
#include <utility>
#include <vector>

#include "arrow/arrow_visit.hpp"
#include "parallel/workers.hpp"

namespace fractile::id_text_cache {
namespace {

struct Entry {
  Hash128 key;
  CodedIds ids;
  std::size_t bytes;
};

/// The entry that was used last is the first.
struct Cache {
  std::mutex mutex;
  std::list<Entry> entries;
  std::size_t bytes = 0;
};

Cache& cache() {
  // Never destroyed: a thread may still read a signal while the process ends.
  static Cache& only = *new Cache;
  return only;
}

/// Memory of a column: its codes, and what a TextNumbering takes for each text.
std::size_t bytes_of(const CodedIds& ids) {
  constexpr std::size_t kPerText = 112;
  std::size_t bytes = ids.codes->size();
  if (ids.reader)
    for (const std::string_view text : ids.reader->texts()) bytes += kPerText + text.size();
  return bytes;
}

/// The hash of bytes in blocks, by all threads: the texts of a run on known keys are read for this hash alone.
Hash128 hash_blocks(const void* data, std::size_t size) {
  constexpr std::size_t kBlock = std::size_t{1} << 20;
  const std::size_t n_blocks = (size + kBlock - 1) / kBlock;
  std::vector<Hash128> hashes(n_blocks);
  parallel_for(default_threads(), static_cast<int>(n_blocks), [&](int block, int) {
    const std::size_t begin = static_cast<std::size_t>(block) * kBlock;
    hashes[static_cast<std::size_t>(block)] = hash_bytes(static_cast<const char*>(data) + begin, std::min(kBlock, size - begin));
  });
  return hash_bytes(hashes.data(), n_blocks * sizeof(Hash128));
}

template <class Offset>
std::optional<Hash128> hash_offsets_and_texts(const ArrowBatches::Chunk& chunk) {
  const ArrowArray& array = *chunk.array;
  const auto* offsets = arrow::buffer<Offset>(array, 1);
  const char* texts = arrow::buffer<char>(array, 2);
  if (!offsets || !texts) return std::nullopt;
  offsets += chunk.offset;
  const Offset begin = offsets[0], end = offsets[chunk.length];
  if (begin < 0 || end < begin) return std::nullopt;
  const auto n = static_cast<std::size_t>(chunk.length);
  const auto* bits = array.null_count == 0 ? nullptr : arrow::buffer<std::uint8_t>(array, 0);
  const std::array<std::uint64_t, 3> shape{n, sizeof(Offset), bits ? 1 + static_cast<std::uint64_t>(chunk.offset % 8) : 0};
  std::array<Hash128, 3> parts{};
  if (bits) parts[0] = hash_bytes(bits + chunk.offset / 8, static_cast<std::size_t>((chunk.offset % 8 + chunk.length + 7) / 8));
  parts[1] = hash_blocks(offsets, (n + 1) * sizeof(Offset));
  parts[2] = hash_blocks(texts + begin, static_cast<std::size_t>(end - begin));
  StreamHash whole;
  whole.update(shape.data(), sizeof shape);
  whole.update(parts.data(), sizeof parts);
  return whole.digest();
}

}  // namespace

std::optional<Hash128> hash_texts(const ArrowSchema& schema, const ArrowBatches::Chunk& chunk) {
  const std::string_view format = schema.format;
  if (schema.dictionary || chunk.length == 0) return std::nullopt;
  if (format == "u") return hash_offsets_and_texts<std::int32_t>(chunk);
  if (format == "U") return hash_offsets_and_texts<std::int64_t>(chunk);
  return std::nullopt;
}

CodedIds find(const Hash128& key) {
  Cache& all = cache();
  const std::unique_lock lock(all.mutex, std::try_to_lock);
  if (!lock) return {};
  const auto found = std::find_if(all.entries.begin(), all.entries.end(), [&](const Entry& entry) { return entry.key == key; });
  if (found == all.entries.end()) return {};
  all.entries.splice(all.entries.begin(), all.entries, found);
  return found->ids;
}

void add(const Hash128& key, CodedIds ids) {
  const std::size_t bytes = bytes_of(ids);
  if (bytes > kMaxBytes) return;
  Cache& all = cache();
  const std::unique_lock lock(all.mutex, std::try_to_lock);
  if (!lock) return;
  for (const Entry& entry : all.entries)
    if (entry.key == key) return;
  all.entries.push_front({key, std::move(ids), bytes});
  all.bytes += bytes;
  while (all.bytes > kMaxBytes) {
    all.bytes -= all.entries.back().bytes;
    all.entries.pop_back();
  }
}

}  // namespace fractile::id_text_cache
