// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "ingest/id_text_cache.hpp"

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "arrow/arrow_visit.hpp"
#include "parallel/hash_arrays.hpp"
#include "parallel/workers.hpp"
#include "types/byte_cache.hpp"
#include "types/row_blocks.hpp"

namespace fractile::id_text_cache {
namespace {

struct Cache {
  std::mutex mutex;
  ByteCache<CodedIds> columns{kMaxBytes};
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

/// The arrays on which a column's texts depend, and numbers that say how they are read.
struct Layout {
  std::vector<std::uint64_t> numbers;
  std::vector<std::span<const std::byte>> arrays;

  void add(const void* data, std::size_t size) { arrays.emplace_back(static_cast<const std::byte*>(data), size); }
};

/// Adds which rows are missing.
void add_bitmap(const ArrowBatches::Chunk& chunk, Layout& layout) {
  const auto* valid = arrow::buffer<std::uint8_t>(*chunk.array, 0);
  const auto first_bit = static_cast<std::size_t>(chunk.offset % 8), n_rows = static_cast<std::size_t>(chunk.length);
  const bool has_bits = valid && chunk.array->null_count != 0;
  layout.numbers.insert(layout.numbers.end(), {n_rows, has_bits ? 1 + first_bit : 0});
  if (has_bits) layout.add(valid + chunk.offset / 8, (first_bit + n_rows + 7) / 8);
}

template <class Offset>
bool add_texts(const ArrowBatches::Chunk& chunk, Layout& layout) {
  const auto* offsets = arrow::buffer<Offset>(*chunk.array, 1);
  const char* texts = arrow::buffer<char>(*chunk.array, 2);
  if (!offsets || !texts) return false;
  offsets += chunk.offset;
  const Offset begin = offsets[0], end = offsets[chunk.length];
  if (begin < 0 || end < begin) return false;
  layout.add(offsets, (static_cast<std::size_t>(chunk.length) + 1) * sizeof(Offset));
  layout.add(texts + begin, static_cast<std::size_t>(end - begin));
  return true;
}

/// Texts of up to 12 bytes are in the views themselves, longer ones in further buffers. These may be much larger than the texts
/// that a slice has: they are then read anew.
bool add_views(const ArrowBatches::Chunk& chunk, Layout& layout) {
  constexpr std::size_t kView = 16, kManyBytes = 64;  // per row
  const ArrowArray& array = *chunk.array;
  const char* views = arrow::buffer<char>(array, 1);
  const auto* sizes = arrow::buffer<std::int64_t>(array, array.n_buffers - 1);
  const std::int64_t n_further = array.n_buffers - 3;
  const auto n_rows = static_cast<std::size_t>(chunk.length);
  if (!views || n_further < 0 || (n_further > 0 && !sizes)) return false;
  layout.add(views + static_cast<std::size_t>(chunk.offset) * kView, n_rows * kView);
  std::size_t bytes = 0;
  for (std::int64_t i = 0; i < n_further; ++i) {
    if (sizes[i] < 0 || (bytes += static_cast<std::size_t>(sizes[i])) > n_rows * kManyBytes) return false;
    layout.add(arrow::buffer<char>(array, 2 + i), static_cast<std::size_t>(sizes[i]));
  }
  return true;
}

bool add_column(const ArrowSchema& schema, const ArrowBatches::Chunk& chunk, Layout& layout) {
  const std::string_view format = schema.format;
  if (chunk.length == 0 || !chunk.array) return false;
  layout.numbers.push_back(hash64(format.data(), format.size()));
  add_bitmap(chunk, layout);
  if (schema.dictionary) {
    const auto width = static_cast<std::size_t>(arrow::index_type(schema).bits / 8);
    const char* indices = arrow::buffer<char>(*chunk.array, 1);
    if (width == 0 || !indices) return false;
    layout.add(indices + static_cast<std::size_t>(chunk.offset) * width, static_cast<std::size_t>(chunk.length) * width);
    return !schema.dictionary->dictionary && add_column(*schema.dictionary, arrow::dictionary_chunk(chunk), layout);
  }
  if (format == "u") return add_texts<std::int32_t>(chunk, layout);
  if (format == "U") return add_texts<std::int64_t>(chunk, layout);
  return format == "vu" && add_views(chunk, layout);
}

}  // namespace

std::optional<Hash128> hash_texts(const ArrowSchema& schema, const ArrowBatches::Chunk& chunk) {
  Layout layout;
  if (!add_column(schema, chunk, layout)) return std::nullopt;
  layout.arrays.push_back(std::as_bytes(std::span(layout.numbers)));
  return hash_arrays(layout.arrays);
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
  return lock ? all.columns.find(key) : CodedIds{};
}

void offer(const Hash128& key, CodedIds ids) {
  const std::size_t bytes = bytes_of(ids);
  Cache& all = cache();
  const std::unique_lock lock(all.mutex, std::try_to_lock);
  if (lock) all.columns.offer(key, std::move(ids), bytes);
}

}  // namespace fractile::id_text_cache
