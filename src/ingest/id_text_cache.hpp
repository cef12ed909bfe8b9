// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <memory>
#include <optional>

#include "arrow/arrow_column.hpp"
#include "ingest/ids.hpp"
#include "types/byte_buffer.hpp"
#include "types/hash.hpp"
#include "types/id_hashes.hpp"

/// The cache of the columns of text ids that were read twice. Runs on one signal give the same texts again and again, and a hash
/// of their bytes takes a fifth of the time that it takes to number them.
namespace fractile {

/// A column of text ids, read. Shared by all signals that have these texts.
struct CodedIds {
  std::shared_ptr<const IdReader> reader;   ///< the owner of the texts
  std::shared_ptr<const ByteBuffer> codes;  ///< int32 per row, as IdReader::read writes them
  std::shared_ptr<const IdHashes> hashes;
};

namespace id_text_cache {

/// Bytes of all cached columns together; a larger column (33 million rows) is not cached.
inline constexpr std::size_t kMaxBytes = std::size_t{128} << 20;

/// The hash of a chunk's texts (with offsets, as views, or a dictionary of one of them) and of which are missing. Equal bytes
/// have equal hashes; equal texts in another Arrow type have not. Nullopt for another type, and for a column without rows or
/// buffers.
std::optional<Hash128> hash_texts(const ArrowSchema& schema, const ArrowBatches::Chunk& chunk);

/// The hashes of a column that was read.
std::shared_ptr<const IdHashes> hash_ids(const IdReader& reader, const ByteBuffer& codes);

/// Returns null pointers for a column that is not cached. Thread-safe; never waits, so that a fork cannot leave it locked.
CodedIds find(const Hash128& key);
/// Caches a column that was offered before, and evicts those that were used longest ago. Thread-safe; does nothing if another
/// thread is at it.
void offer(const Hash128& key, CodedIds ids);

}  // namespace id_text_cache
}  // namespace fractile
