// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

/// The byte layout of a snapshot's files; docs/snapshot_format.md describes it.
namespace fractile::layout {

/// Versions of the manifest. A snapshot of text ids has the second version, which older builds refuse.
inline constexpr std::uint32_t kFormatVersion = 1, kTextIdsVersion = 2;
inline constexpr std::array<char, 8> kMagic{'F', 'R', 'A', 'C', 'T', 'I', 'L', 'E'};
/// Data begins on a page of its own, so that segments can be mapped one behind the other.
inline constexpr std::size_t kPageBytes = 4096;
/// A segment's rows are padded to whole pages of the narrowest type (4 bytes).
inline constexpr std::int64_t kRowQuantum = 1024;
inline constexpr std::int64_t kSegmentDays = 256;
/// Maximum number of calendar days from the first trading day to the last, so that tables by calendar day stay small.
inline constexpr std::int64_t kMaxCalendarDays = 366 * 400;
/// Row numbers are 32 bits wide.
inline constexpr std::int64_t kMaxRows = std::int64_t{2000} << 20;

enum class FileKind : std::uint32_t { index = 1, column = 2, ids = 3 };
enum class ValueType : std::uint32_t { none = 0, float32 = 1, float64 = 2, int32 = 3 };
/// The type in a column file's name, such as "ret.f32".
inline ValueType value_type_of_file(std::string_view name) noexcept {
  if (name.ends_with(".f32")) return ValueType::float32;
  if (name.ends_with(".f64")) return ValueType::float64;
  return name.ends_with(".i32") ? ValueType::int32 : ValueType::none;
}
inline constexpr std::size_t value_bytes(ValueType type) noexcept { return type == ValueType::float64 ? 8 : 4; }

struct Section {
  std::uint64_t offset;  ///< in the file, a multiple of kPageBytes
  std::uint64_t count;   ///< elements
};

/// Sections of index.bin, in this order.
enum IndexSection : std::size_t {
  kDates,          ///< int32, days since 1970-01-01, ascending
  kSecurityIds,    ///< int64, ascending; 0, 1, 2, ... if ids are texts
  kRowBegin,       ///< int32 per day
  kRowEnd,         ///< int32 per day
  kFirstDay,       ///< int32 per security
  kLastDay,        ///< int32 per security
  kRowOfBegin,     ///< int32 per security
  kSecurityOfRow,  ///< int32 per row, -1 in padding
  kPreviousRow,    ///< int32 per row, -1 if there is none
  kRowOf,          ///< int32 per (security, day from its first to its last), -1 if there is none
  kNIndexSections
};
inline constexpr std::array<std::uint64_t, kNIndexSections> kSectionBytes{4, 8, 4, 4, 4, 4, 4, 4, 4, 4};

struct FileHeader {
  std::array<char, 8> magic;
  std::uint32_t version;
  FileKind kind;
  ValueType value_type;
  std::uint32_t stride;  ///< values per row
  std::uint64_t rows;    ///< rows of the segment, without padding
  std::uint64_t rows_padded;
  std::uint64_t data_bytes;                       ///< bytes behind the header
  std::array<Section, kNIndexSections> sections;  ///< of an index, else zero
  std::uint64_t header_hash;                      ///< XXH3, 64 bits, of the header with this field zero
  std::array<std::uint8_t, kPageBytes - 56 - 16 * kNIndexSections> padding;
};
static_assert(sizeof(FileHeader) == kPageBytes);
static_assert(offsetof(FileHeader, sections) == 48);

inline FileHeader make_header(FileKind kind) noexcept {
  FileHeader header;
  std::memset(&header, 0, sizeof header);
  header.magic = kMagic;
  header.version = kFormatVersion;
  header.kind = kind;
  return header;
}

}  // namespace fractile::layout
