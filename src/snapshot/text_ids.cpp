// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "snapshot/text_ids.hpp"

#include <fmt/format.h>

#include <array>
#include <cstring>

#include "snapshot/durable_files.hpp"
#include "snapshot/layout.hpp"
#include "snapshot/mapping.hpp"
#include "types/hash.hpp"
#include "types/id_text.hpp"

namespace fractile {

std::string TextIds::read(std::span<const std::byte> data, std::uint64_t n_texts) {
  constexpr std::uint64_t kOffsetBytes = sizeof(std::uint64_t);
  // A division instead of a product, so that no number of texts overflows.
  if (data.size() < kOffsetBytes || n_texts > data.size() / kOffsetBytes - 1) return fmt::format("{} of them beyond it", n_texts);
  const auto offset = [&](std::uint64_t i) {
    std::uint64_t out = 0;
    std::memcpy(&out, data.data() + i * kOffsetBytes, sizeof out);
    return out;
  };
  const std::span texts = data.subspan((n_texts + 1) * kOffsetBytes);
  bytes_.assign(reinterpret_cast<const char*>(texts.data()), texts.size());
  texts_.clear();
  texts_.reserve(n_texts);
  for (std::uint64_t i = 0; i < n_texts; ++i) {
    const std::uint64_t begin = offset(i), end = offset(i + 1);
    if (begin > end || end > bytes_.size() || (i == 0 && begin != 0)) return fmt::format("text {} outside its bytes", i);
    const std::string_view text(bytes_.data() + begin, end - begin);
    if (text.empty() || text.size() > kMaxIdBytes || trim_id(text) != text || !is_utf8(text))
      return fmt::format("text {}, which is not an id", i);
    if (i > 0 && text <= texts_.back()) return fmt::format("text {} out of order", i);
    texts_.push_back(text);
  }
  return "";
}

SegmentFile write_text_ids(const std::vector<std::string>& texts, const std::filesystem::path& path) {
  std::vector<std::uint64_t> offsets{0};
  std::string bytes;
  for (const std::string& text : texts) {
    bytes += text;
    offsets.push_back(bytes.size());
  }
  layout::FileHeader header = layout::make_header(layout::FileKind::ids);
  header.rows = texts.size();
  header.data_bytes = offsets.size() * sizeof offsets[0] + bytes.size();
  seal_header(header);
  const std::array parts{std::as_bytes(std::span(&header, 1)), std::as_bytes(std::span(offsets)),
                         std::as_bytes(std::span(bytes))};
  write_durably(path, parts);
  return {layout::kPageBytes + header.data_bytes, hash_parts(std::span(parts).subspan(1))};
}

}  // namespace fractile
