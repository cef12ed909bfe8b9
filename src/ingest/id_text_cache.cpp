// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "ingest/id_text_cache.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <list>
#include <mutex>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "arrow/arrow_visit.hpp"
#include "parallel/workers.hpp"
#include "types/row_blocks.hpp"

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

/// Memory of a column: its codes, their hashes, and what a TextNumbering takes for each text.
std::size_t bytes_of(const CodedIds& ids) {
  constexpr std::size_t kPerText = 112;
  std::size_t bytes = ids.codes->size();
  if (ids.hashes) bytes += ids.hashes->codes.size() * sizeof(Hash128);
  if (ids.reader)
    for (const std::string_view text : ids.reader->texts()) bytes += kPerText + text.size();
  return bytes;
}

/// Hashes of the blocks of several arrays, by all threads: the texts of a run on known keys are read for these hashes alone.
std::vector<Hash128> hash_blocks(std::initializer_list<std::span<const std::byte>> arrays) {
  constexpr std::size_t kBlock = std::size_t{1} << 20;
  std::vector<std::span<const std::byte>> blocks;
  for (const std::span<const std::byte> array : arrays)
    for (std::size_t begin = 0; begin < array.size(); begin += kBlock)
      blocks.push_back(array.subspan(begin, std::min(kBlock, array.size() - begin)));
  std::vector<Hash128> hashes(blocks.size());
  parallel_for(default_threads(), static_cast<int>(blocks.size()), [&](int task, int) {
    const auto block = static_cast<std::size_t>(task);
    hashes[block] = hash_bytes(blocks[block].data(), blocks[block].size());
  });
  return hashes;
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
  const auto n = static_cast<std::size_t>(chunk.length), n_bytes = static_cast<std::size_t>(end - begin);
  std::span<const std::uint8_t> bits;
  if (const auto* valid = arrow::buffer<std::uint8_t>(array, 0); valid && array.null_count != 0)
    bits = {valid + chunk.offset / 8, static_cast<std::size_t>((chunk.offset % 8 + chunk.length + 7) / 8)};
  // The sizes of the arrays are part of the hash, because the blocks do not show where one ends.
  const std::uint64_t first_bit = bits.empty() ? 0 : 1 + static_cast<std::uint64_t>(chunk.offset % 8);
  const std::array<std::uint64_t, 4> shape{n, sizeof(Offset), first_bit, n_bytes};
  const std::vector<Hash128> hashes = hash_blocks(
      {std::as_bytes(bits), std::as_bytes(std::span(offsets, n + 1)), std::as_bytes(std::span(texts + begin, n_bytes))});
  StreamHash whole;
  whole.update(shape.data(), sizeof shape);
  whole.update(hashes.data(), hashes.size() * sizeof hashes[0]);
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

std::shared_ptr<const IdHashes> hash_ids(const IdReader& reader, const ByteBuffer& codes) {
  const auto n_rows = static_cast<std::int64_t>(codes.size() / sizeof(std::int32_t));
  IdHashes out{std::vector<Hash128>(static_cast<std::size_t>(count_blocks(n_rows))), hash_id_texts(reader.texts()),
               reinterpret_cast<const std::int32_t*>(codes.data()), reader.texts().data(), n_rows};
  parallel_for(default_threads(), count_blocks(n_rows), [&](int block, int) {
    out.codes[static_cast<std::size_t>(block)] = hash_block(codes.data(), sizeof(std::int32_t), n_rows, block);
  });
  return std::make_shared<const IdHashes>(std::move(out));
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
