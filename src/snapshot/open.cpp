// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "fractile/error.hpp"
#include "fractile/snapshot.hpp"
#include "snapshot/catalog.hpp"
#include "snapshot/durable_files.hpp"
#include "snapshot/layout.hpp"
#include "snapshot/manifest.hpp"
#include "snapshot/mapping.hpp"

namespace fractile {

using layout::FileHeader;
using layout::IndexSection;

struct Snapshot::Impl {
  std::filesystem::path path;
  Manifest manifest;
  Mapping index;
  FileHeader header;
  std::map<std::string, Mapping, std::less<>> files;  ///< by file name without segment: "ret.f32"
  std::vector<MappedFile> mapped;
  RowIndex row_capacity = 0;

  template <class T>
  std::span<const T> section(IndexSection which) const {
    const layout::Section& at = header.sections[which];
    return {reinterpret_cast<const T*>(index.data() + at.offset), at.count};
  }

  void open(Verify verify);
  void open_index();
  void open_segments();
  void check_index() const;
  void check_columns() const;
  [[noreturn]] void refuse(const std::string& expected, const std::string& found) const {
    throw Error(ErrorCode::CORRUPT_SNAPSHOT, fmt::format("expected {}, found {} in snapshot \"{}\". Restore it from a "
                                                         "copy, or create it again.",
                                                         expected, found, path.string()));
  }
};

void Snapshot::Impl::open_index() {
  const SnapshotFile file(path / kIndexFile, layout::FileKind::index, manifest.index_bytes);
  header = file.header();
  index = Mapping(manifest.index_bytes);
  index.map_file(file.fd(), 0, manifest.index_bytes, 0, path / kIndexFile);
  mapped.push_back(file.mapped());
  for (std::size_t s = 0; s < layout::kNIndexSections; ++s) {
    const layout::Section& section = header.sections[s];
    if (section.offset % layout::kPageBytes != 0 || section.offset > manifest.index_bytes ||
        section.count > (manifest.index_bytes - section.offset) / layout::kSectionBytes[s])
      refuse("index sections inside the file", fmt::format("section {} beyond it", s));
  }
}

namespace {

layout::ValueType type_of_file(std::string_view name) {
  if (name.ends_with(".f32")) return layout::ValueType::float32;
  if (name.ends_with(".f64")) return layout::ValueType::float64;
  return name.ends_with(".i32") ? layout::ValueType::int32 : layout::ValueType::none;
}

}  // namespace

void Snapshot::Impl::open_segments() {
  std::int64_t capacity = 0, days = 0;
  for (const SegmentInfo& segment : manifest.segments) {
    if (segment.rows_padded % layout::kRowQuantum != 0 || segment.rows > segment.rows_padded || segment.rows < 0 ||
        segment.rows_padded > layout::kMaxRows || segment.days <= 0 || segment.days > layout::kSegmentDays ||
        segment.first_day != days)
      refuse("segments of whole pages, one after the other", "others");
    capacity += segment.rows_padded;
    days += segment.days;
  }
  if (capacity > layout::kMaxRows || days != static_cast<std::int64_t>(header.sections[layout::kDates].count))
    refuse("segments that cover the calendar", fmt::format("{} days and {} rows", days, capacity));
  row_capacity = static_cast<RowIndex>(capacity);

  const auto& first_files = manifest.segments.front().files;
  for (const auto& [name, unused] : first_files) {
    std::size_t at = 0;
    Mapping* mapping = nullptr;
    for (std::size_t s = 0; s < manifest.segments.size(); ++s) {
      const SegmentInfo& segment = manifest.segments[s];
      const auto found = segment.files.find(name);
      if (found == segment.files.end()) refuse("file \"" + name + "\" in every segment", fmt::format("none in {}", s));
      const SnapshotFile file(path / segment_directory(s) / name, layout::FileKind::column, found->second.bytes);
      const FileHeader& column = file.header();
      // Readers go by the name alone: whatever it stands for must be in the file.
      const layout::ValueType type = type_of_file(name);
      const bool is_block = std::string_view(name).substr(0, name.rfind('.')) == kExposuresFile;
      const std::uint32_t stride = is_block ? kExposureStride : 1;
      if (column.value_type != type || column.stride != stride)
        refuse(fmt::format("type {} and stride {} in \"{}\"", static_cast<int>(type), stride, name),
               fmt::format("{} and {}", static_cast<int>(column.value_type), column.stride));
      const std::size_t row_bytes = stride * layout::value_bytes(type);
      if (column.rows != static_cast<std::uint64_t>(segment.rows) ||
          column.rows_padded != static_cast<std::uint64_t>(segment.rows_padded) ||
          column.data_bytes != column.rows_padded * row_bytes)
        refuse(fmt::format("{} rows in \"{}\"", segment.rows, name), fmt::format("{}", column.rows));
      if (!mapping) mapping = &files.emplace(name, Mapping(static_cast<std::size_t>(capacity) * row_bytes)).first->second;
      if (at + column.data_bytes > mapping->size()) refuse("one type in all segments of \"" + name + "\"", "several");
      mapping->map_file(file.fd(), layout::kPageBytes, column.data_bytes, at, path / segment_directory(s) / name);
      at += column.data_bytes;
      mapped.push_back(file.mapped());
    }
  }
}

/// Everything that costs no more than days and securities: no reader can then be led outside the file
/// by them. What stands in rows is covered by Verify::content.
void Snapshot::Impl::check_index() const {
  const auto dates = section<Day>(layout::kDates);
  const auto ids = section<std::int64_t>(layout::kSecurityIds);
  const auto begin = section<RowIndex>(layout::kRowBegin), end = section<RowIndex>(layout::kRowEnd);
  const auto first = section<DateIndex>(layout::kFirstDay), last = section<DateIndex>(layout::kLastDay);
  const auto row_of_begin = section<std::int32_t>(layout::kRowOfBegin);
  const auto n_days = static_cast<std::int64_t>(dates.size());
  if (dates.empty() || ids.empty()) refuse("at least one day and one security", "none");
  if (begin.size() != dates.size() || end.size() != dates.size() || first.size() != ids.size() || last.size() != ids.size() ||
      row_of_begin.size() != ids.size())
    refuse("index sections of one length", "others");
  if (section<SecurityIndex>(layout::kSecurityOfRow).size() != static_cast<std::size_t>(row_capacity) ||
      section<RowIndex>(layout::kPreviousRow).size() != static_cast<std::size_t>(row_capacity))
    refuse("an index entry a row", "another number");
  if (manifest.info.n_dates != n_days || manifest.info.n_securities != static_cast<std::int64_t>(ids.size()))
    refuse("as many days and securities as the manifest says", "others");
  if (std::int64_t{dates.back()} - dates.front() >= layout::kMaxCalendarDays) refuse("a calendar of at most 400 years", "a longer one");
  std::int64_t rows = 0;
  for (std::size_t n = 0; n < dates.size(); ++n) {
    const bool is_ordered = n == 0 || (dates[n] > dates[n - 1] && begin[n] >= end[n - 1]);
    if (!is_ordered || begin[n] < 0 || end[n] < begin[n] || end[n] > row_capacity) refuse("days in order", "others");
    rows += end[n] - begin[n];
  }
  if (rows != manifest.info.n_rows) refuse(fmt::format("{} rows", manifest.info.n_rows), fmt::format("{}", rows));
  std::int64_t next = 0;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    if (i > 0 && ids[i] <= ids[i - 1]) refuse("security ids in order", "others");
    if (first[i] < 0 || last[i] < first[i] || last[i] >= n_days || row_of_begin[i] != next)
      refuse("lives of securities inside the calendar", "others");
    next += last[i] - first[i] + 1;
  }
  if (next != static_cast<std::int64_t>(section<RowIndex>(layout::kRowOf).size()))
    refuse("an index entry a security and day", "another number");
}

/// Every column that the manifest lists has the files that its kind is read from.
void Snapshot::Impl::check_columns() const {
  const auto require = [&](const ColumnInfo& column, const std::string& file) {
    if (!files.contains(file)) refuse(fmt::format("file \"{}\" of column \"{}\"", file, column.name), "none");
  };
  bool has_ret = false;
  for (const ColumnInfo& column : manifest.info.columns) {
    if (column.kind != ColumnKind::real) {
      require(column, column.name + ".i32");
      continue;
    }
    const bool is_exposure = std::find(std::begin(kExposures), std::end(kExposures), column.name) != std::end(kExposures);
    const std::string stem = is_exposure ? kExposuresFile : column.name;
    if (!column.float32 && !column.float64) refuse(fmt::format("a type of column \"{}\"", column.name), "none");
    if (column.float32) require(column, stem + ".f32");
    if (column.float64) require(column, stem + ".f64");
    has_ret |= column.name == "ret";
  }
  if (!has_ret) refuse("a column \"ret\"", "none");
}

void Snapshot::Impl::open(Verify verify) {
  manifest = read_manifest(path);
  if (manifest.segments.empty()) refuse("at least one segment", "none");
  open_index();
  open_segments();
  check_columns();
  if (verify >= Verify::layout) check_index();
}

Snapshot::Snapshot(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Snapshot::~Snapshot() = default;

std::shared_ptr<const Snapshot> Snapshot::open(const std::filesystem::path& root, const std::string& id, Verify verify) {
  auto impl = std::make_unique<Impl>();
  impl->path = find_snapshot(root, id);
  impl->open(verify);
  if (verify == Verify::content) verify_snapshot(root, id);
  return std::shared_ptr<const Snapshot>(new Snapshot(std::move(impl)));
}

const std::string& Snapshot::id() const noexcept { return impl_->manifest.info.id; }
const std::filesystem::path& Snapshot::path() const noexcept { return impl_->path; }
const std::string& Snapshot::content_hash() const noexcept { return impl_->manifest.info.content_hash; }
std::int64_t Snapshot::n_rows() const noexcept { return impl_->manifest.info.n_rows; }
RowIndex Snapshot::row_capacity() const noexcept { return impl_->row_capacity; }
std::span<const Day> Snapshot::dates() const noexcept { return impl_->section<Day>(layout::kDates); }
std::span<const std::int64_t> Snapshot::security_ids() const noexcept {
  return impl_->section<std::int64_t>(layout::kSecurityIds);
}
RowIndex Snapshot::row_begin(DateIndex n) const noexcept {
  return impl_->section<RowIndex>(layout::kRowBegin)[static_cast<std::size_t>(n)];
}
RowIndex Snapshot::row_end(DateIndex n) const noexcept {
  return impl_->section<RowIndex>(layout::kRowEnd)[static_cast<std::size_t>(n)];
}
std::span<const SecurityIndex> Snapshot::security_of_row() const { return impl_->section<SecurityIndex>(layout::kSecurityOfRow); }
std::span<const RowIndex> Snapshot::previous_row() const { return impl_->section<RowIndex>(layout::kPreviousRow); }
std::span<const DateIndex> Snapshot::first_day() const noexcept { return impl_->section<DateIndex>(layout::kFirstDay); }
std::span<const DateIndex> Snapshot::last_day() const noexcept { return impl_->section<DateIndex>(layout::kLastDay); }
std::span<const std::int32_t> Snapshot::row_of_begin() const noexcept {
  return impl_->section<std::int32_t>(layout::kRowOfBegin);
}
std::span<const RowIndex> Snapshot::row_of() const { return impl_->section<RowIndex>(layout::kRowOf); }

const std::vector<ColumnInfo>& Snapshot::columns() const noexcept { return impl_->manifest.info.columns; }

const ColumnInfo* Snapshot::find_column(std::string_view name) const noexcept {
  for (const ColumnInfo& column : columns())
    if (column.name == name) return &column;
  return nullptr;
}

template <class T>
RealColumn<T> Snapshot::real(std::string_view name) const {
  constexpr bool kWide = sizeof(T) == 8;
  const ColumnInfo* column = find_column(name);
  if (!column || column->kind != ColumnKind::real || !(kWide ? column->float64 : column->float32)) return {};
  const char* suffix = kWide ? ".f64" : ".f32";
  const auto* exposure = std::find(std::begin(kExposures), std::end(kExposures), name);
  const bool is_exposure = exposure != std::end(kExposures);
  const auto found = impl_->files.find((is_exposure ? kExposuresFile : std::string(name)) + suffix);
  if (found == impl_->files.end()) return {};
  const T* data = reinterpret_cast<const T*>(found->second.data());
  if (is_exposure) return {data + (exposure - std::begin(kExposures)), kExposureStride};
  return {data, 1};
}
template RealColumn<float> Snapshot::real<float>(std::string_view) const;
template RealColumn<double> Snapshot::real<double>(std::string_view) const;

const std::int32_t* Snapshot::codes(std::string_view name) const {
  const auto found = impl_->files.find(std::string(name) + ".i32");
  return found == impl_->files.end() ? nullptr : reinterpret_cast<const std::int32_t*>(found->second.data());
}

const std::vector<std::string>& Snapshot::dictionary(std::string_view name) const {
  static const std::vector<std::string> kNone;
  const auto found = impl_->manifest.dictionaries.find(std::string(name));
  return found == impl_->manifest.dictionaries.end() ? kNone : found->second;
}

bool Snapshot::is_intact() const noexcept {
  return std::all_of(impl_->mapped.begin(), impl_->mapped.end(), [](const MappedFile& file) { return file.is_intact(); });
}

}  // namespace fractile
