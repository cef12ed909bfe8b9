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

/// The file ids.bin: the texts of a snapshot with text ids. docs/snapshot_format.md describes its bytes.
namespace fractile {

/// The texts by SecurityIndex, in memory that this object owns.
class TextIds {
 public:
  TextIds() = default;
  TextIds(TextIds&&) = delete;  // views point into this object
  /// Copies the bytes behind the header of a file of `n_texts`. Returns the fault, or "" if every text is a valid id of IdReader
  /// and the texts ascend.
  std::string read(std::span<const std::byte> data, std::uint64_t n_texts);
  std::span<const std::string_view> all() const noexcept { return texts_; }

 private:
  std::string bytes_;
  std::vector<std::string_view> texts_;
};

/// Writes ascending texts.
SegmentFile write_text_ids(const std::vector<std::string>& texts, const std::filesystem::path& path);

}  // namespace fractile
