// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "fractile/types.hpp"

namespace fractile {

/// The depth of the check before a snapshot is used. header: manifest, magic, version, sizes. layout: header, and that
/// every index points inside the data. content: layout, and every hash.
enum class Verify : std::uint8_t { header, layout, content };

/// The place of the index and the columns of an open snapshot.
enum class Residence : std::uint8_t {
  mapped,     ///< mapped files; a page is read when it is first touched; all processes share the pages
  preloaded,  ///< mapped files; opening reads all pages
  copied,     ///< memory of this process, filled by opening; later changes of the files have no effect
};
/// From the keys memory.use_mmap and memory.preload of the configuration.
constexpr Residence make_residence(bool use_mmap, bool preload) noexcept {
  return !use_mmap ? Residence::copied : preload ? Residence::preloaded : Residence::mapped;
}

enum class ColumnKind : std::uint8_t {
  real,     ///< float32 and/or float64; NaN is missing
  integer,  ///< int32; kMissingCode is missing
  text,     ///< int32 codes into a dictionary; kMissingCode is missing
};

struct ColumnInfo {
  std::string name;
  ColumnKind kind = ColumnKind::real;
  std::string unit;      ///< as docs/methodology.md section 1 says; "" if unknown
  bool float32 = false;  ///< stored as float32 (reals only)
  bool float64 = false;  ///< stored as float64 (reals only)
  bool whole = false;    ///< every value is a whole number (always true for integer)
  std::int64_t missing = 0;
  std::string hash;  ///< of the column's bytes, over all segments; see docs/snapshot_format.md
};

/// A view of a column of reals by row: value(row) = data[row * stride]. Empty if data is null. Valid while its Snapshot lives.
///
/// The seven factor exposures are interleaved (stride 8), so that one row's exposures share a
/// cache line. Every other column has stride 1.
template <class T>
struct RealColumn {
  const T* data = nullptr;
  std::int32_t stride = 1;
  double operator[](RowIndex row) const noexcept {
    return static_cast<double>(data[static_cast<std::size_t>(row) * static_cast<std::size_t>(stride)]);
  }
  explicit operator bool() const noexcept { return data != nullptr; }
};

/// The factor exposures of methodology section 1, in the order of their columns.
inline constexpr std::string_view kExposures[] = {"size", "value", "growth", "leverage", "volatility", "momentum", "yield"};
inline constexpr int kNExposures = 7;
inline constexpr int kExposureStride = 8;

/// One immutable version of a market-data panel, mapped from disk without copy or parse.
///
/// Rows are date-major; within a day securities ascend in security order. Row numbers may skip a few places
/// between segments (padding to whole pages): a day's rows are row_begin(n) <= row < row_end(n).
/// Thread-safe: all members are const. Opening maps all files; a page is read when it is touched. Opening does not check data
/// by row (columns, security_of_row, previous_row, row_of): a reader of this data must check bounds itself.
class Snapshot {
 public:
  /// Opens `root/id`. Cost: O(number of files); if preloaded or copied, O(bytes). If a column is stored in both types, only the
  /// type that `storage` reads is preloaded or copied (nullopt: both). Throws SNAPSHOT_NOT_FOUND, NO_SNAPSHOTS,
  /// CORRUPT_SNAPSHOT, IO_FAILURE.
  static std::shared_ptr<const Snapshot> open(const std::filesystem::path& root, const std::string& id,
                                              Verify verify = Verify::layout, Residence residence = Residence::mapped,
                                              std::optional<Storage> storage = std::nullopt);
  ~Snapshot();
  Snapshot(const Snapshot&) = delete;
  Snapshot& operator=(const Snapshot&) = delete;

  const std::string& id() const noexcept;
  const std::filesystem::path& path() const noexcept;
  /// A hash over calendar, securities and every column: equal content, equal hash.
  const std::string& content_hash() const noexcept;
  std::int64_t n_rows() const noexcept;
  /// One past the largest row number, padding included.
  RowIndex row_capacity() const noexcept;

  std::span<const Day> dates() const noexcept;
  IdType id_type() const noexcept;
  /// Ascending. A snapshot of texts numbers its securities 0, 1, 2, ... in the order of their texts.
  std::span<const std::int64_t> security_ids() const noexcept;
  /// By SecurityIndex, ascending by their UTF-8 bytes. Empty in a snapshot of integers.
  std::span<const std::string_view> security_texts() const noexcept;
  /// The id as the panel gave it.
  SecurityId security_id(SecurityIndex security) const;
  /// -1 if the snapshot has no such text. O(log securities).
  SecurityIndex find_text(std::string_view text) const noexcept;

  RowIndex row_begin(DateIndex n) const noexcept;
  RowIndex row_end(DateIndex n) const noexcept;

  /// Security of each row; -1 in padding.
  std::span<const SecurityIndex> security_of_row() const;
  /// For each row, the previous row of the same security, of any age; kNoRow if there is none, and in padding.
  std::span<const RowIndex> previous_row() const;
  /// First and last trading day of each security with a row.
  std::span<const DateIndex> first_day() const noexcept;
  std::span<const DateIndex> last_day() const noexcept;
  /// row_of()[row_of_begin()[i] + n - first_day()[i]] is security i's row on day n, or kNoRow.
  std::span<const std::int32_t> row_of_begin() const noexcept;
  std::span<const RowIndex> row_of() const;

  const std::vector<ColumnInfo>& columns() const noexcept;
  const ColumnInfo* find_column(std::string_view name) const noexcept;
  /// Null if the snapshot lacks the column or does not store it as T (float, double).
  template <class T>
  RealColumn<T> real(std::string_view name) const;
  /// Values (integer) or codes (text), by row. Null if the column is absent or real.
  const std::int32_t* codes(std::string_view name) const;
  /// Texts of a text column by code.
  const std::vector<std::string>& dictionary(std::string_view name) const;

  /// True while every mapped file has the length of its opening and was not written to. Once false, it stays false. A removed
  /// or replaced file retains its old bytes in the mapping. A column of a file that was cut may read as zeros; results from
  /// it are invalid. Cost: one system call per file.
  bool is_intact() const noexcept;
  /// Throws CORRUPT_SNAPSHOT if is_intact() is false.
  void require_intact() const;
  /// Runs `work`, which reads columns and rows, and calls is_intact() afterwards, even if `work` throws: an error about data
  /// that changed during the work means nothing. The process survives a file that is cut meanwhile. Throws CORRUPT_SNAPSHOT, or
  /// the exception of `work`.
  void read_guarded(const std::function<void()>& work) const;

  struct Impl;  ///< known to src/snapshot/ only

 private:
  explicit Snapshot(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

extern template RealColumn<float> Snapshot::real<float>(std::string_view) const;
extern template RealColumn<double> Snapshot::real<double>(std::string_view) const;

/// The contents of a manifest; reading it maps no file.
struct SnapshotInfo {
  std::string id;
  std::string created;  ///< ISO 8601, UTC
  std::string engine_version;
  std::string source_name;
  std::string source_hash;
  std::string content_hash;
  std::string parent;  ///< id of the snapshot that it was appended to; "" if there is none
  IdType id_type = IdType::integer;
  std::int64_t n_rows = 0;
  std::int64_t n_securities = 0;
  std::int64_t n_dates = 0;
  Day first_date = kMissingDay;
  Day last_date = kMissingDay;
  std::int64_t bytes = 0;
  std::vector<ColumnInfo> columns;
};

/// `root` if given, else $FRACTILE_SNAPSHOTS, else "snapshots".
std::filesystem::path snapshot_root(const std::optional<std::filesystem::path>& root);
/// All snapshots below root, oldest first (by created, then id). Damaged snapshots are left out; their
/// ids go to `damaged` if it is not null.
std::vector<SnapshotInfo> list_snapshots(const std::filesystem::path& root, std::vector<std::string>* damaged = nullptr);
SnapshotInfo read_snapshot_info(const std::filesystem::path& root, const std::string& id);
/// The id of the newest snapshot. Throws NO_SNAPSHOTS.
std::string newest_snapshot(const std::filesystem::path& root);
/// Deletes one snapshot; files that other snapshots share stay. Throws SNAPSHOT_NOT_FOUND.
void remove_snapshot(const std::filesystem::path& root, const std::string& id);
/// Recomputes every hash. Throws CORRUPT_SNAPSHOT naming the file.
void verify_snapshot(const std::filesystem::path& root, const std::string& id);

}  // namespace fractile
