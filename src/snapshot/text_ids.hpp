// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "snapshot/manifest.hpp"

/// ids.bin: the texts of a snapshot whose ids are texts. docs/snapshot_format.md has its bytes.
namespace fractile {

/// Texts by SecurityIndex, in memory of their own.
class TextIds {
 public:
  TextIds() = default;
  TextIds(TextIds&&) = delete;  // the views point into it
  /// Copies what follows the header of a file of `n_texts`. Returns what is wrong with it, "" for nothing: every text is an id
  /// as IdReader makes it, and they ascend.
  std::string read(std::span<const std::byte> data, std::uint64_t n_texts);
  std::span<const std::string_view> all() const noexcept { return texts_; }

 private:
  std::string bytes_;
  std::vector<std::string_view> texts_;
};

/// Writes ascending texts.
SegmentFile write_text_ids(const std::vector<std::string>& texts, const std::filesystem::path& path);

}  // namespace fractile
