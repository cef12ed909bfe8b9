// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include <fmt/format.h>

#include <algorithm>

#include "fractile/error.hpp"
#include "snapshot/catalog.hpp"
#include "snapshot/snapshot_impl.hpp"
#include "types/hash.hpp"

namespace fractile {

using layout::FileHeader;

void Snapshot::Impl::refuse(const std::string& expected, const std::string& found) const {
  throw Error(ErrorCode::CORRUPT_SNAPSHOT, fmt::format("expected {}, found {} in snapshot \"{}\". Restore it from a "
                                                       "copy, or create it again.",
                                                       expected, found, path.string()));
}

void Snapshot::Impl::bring(const SnapshotFile& file, std::uint64_t offset, std::uint64_t bytes, Mapping& mapping, std::size_t at,
                           Residence how) {
  const std::filesystem::path& from = file.mapped().path;
  if (how == Residence::copied) {
    mapping.read_file(file.fd(), offset, bytes, at, from);
    return;
  }
  mapping.map_file(file.fd(), offset, bytes, at, from);
  if (how == Residence::preloaded) mapping.preload(at, bytes);
  mapped.push_back(file.mapped());
  mapped.back().watch(mapping.data() + at, offset);
}

Residence Snapshot::Impl::residence_of(const std::string& name) const {
  const auto dot = name.rfind('.');
  const std::string stem = name.substr(0, dot), suffix = name.substr(dot);
  const auto& all = manifest.segments.front().files;
  const bool is_other = (storage == Storage::float32 && suffix == ".f64" && all.contains(stem + ".f32")) ||
                        (storage == Storage::float64 && suffix == ".f32" && all.contains(stem + ".f64"));
  return is_other ? Residence::mapped : residence;
}

void Snapshot::Impl::open_index() {
  const SnapshotFile file(path / kIndexFile, layout::FileKind::index, manifest.index_bytes);
  header = file.header();
  index = Mapping(manifest.index_bytes);
  bring(file, 0, manifest.index_bytes, index, 0, residence);
  for (std::size_t s = 0; s < layout::kNIndexSections; ++s) {
    const layout::Section& section = header.sections[s];
    if (section.offset % layout::kPageBytes != 0 || section.offset > manifest.index_bytes ||
        section.count > (manifest.index_bytes - section.offset) / layout::kSectionBytes[s])
      refuse("index sections inside the file", fmt::format("section {} beyond it", s));
  }
  const auto copy = [this]<class T>(layout::IndexSection which, std::vector<T>& to) {
    const auto from = section<T>(which);
    to.assign(from.begin(), from.end());
  };
  copy(layout::kDates, dates);
  copy(layout::kSecurityIds, security_ids);
  copy(layout::kRowBegin, row_begin);
  copy(layout::kRowEnd, row_end);
  copy(layout::kFirstDay, first_day);
  copy(layout::kLastDay, last_day);
  copy(layout::kRowOfBegin, row_of_begin);
}

void Snapshot::Impl::open_texts() {
  if (manifest.info.id_type != IdType::text) return;
  const SnapshotFile file(path / kIdsFile, layout::FileKind::ids, manifest.ids.bytes);
  Mapping content(manifest.ids.bytes);
  content.read_file(file.fd(), 0, manifest.ids.bytes, 0, path / kIdsFile);
  const std::span data(content.data() + layout::kPageBytes, manifest.ids.bytes - layout::kPageBytes);
  // The texts are few, and a text that a bad disk changed would be another security, so their hash is checked.
  if (to_hex(hash_bytes(data.data(), data.size())) != manifest.ids.hash) refuse("texts of ids that fit their hash", "others");
  const std::string wrong = texts.read(data, file.header().rows);
  if (!wrong.empty()) refuse("texts of ids in order", wrong);
  if (texts.all().size() != security_ids.size()) refuse("a text per security", fmt::format("{}", texts.all().size()));
}

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
      // Readers trust the type in the name, so the file must have it.
      const layout::ValueType type = layout::value_type_of_file(name);
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
      bring(file, layout::kPageBytes, column.data_bytes, *mapping, at, residence_of(name));
      at += column.data_bytes;
    }
  }
}

/// Checks all data per day and per security, so that it leads no reader outside the file. Verify::content checks the data
/// per row.
void Snapshot::Impl::check_index() const {
  const auto& ids = security_ids;
  const auto& begin = row_begin;
  const auto& end = row_end;
  const auto& first = first_day;
  const auto& last = last_day;
  const auto n_days = static_cast<std::int64_t>(dates.size());
  if (dates.empty() || ids.empty()) refuse("one day and one security or more", "none");
  if (begin.size() != dates.size() || end.size() != dates.size() || first.size() != ids.size() || last.size() != ids.size() ||
      row_of_begin.size() != ids.size())
    refuse("index sections of one length", "others");
  if (section<SecurityIndex>(layout::kSecurityOfRow).size() != static_cast<std::size_t>(row_capacity) ||
      section<RowIndex>(layout::kPreviousRow).size() != static_cast<std::size_t>(row_capacity))
    refuse("an index entry a row", "another number");
  if (manifest.info.n_dates != n_days || manifest.info.n_securities != static_cast<std::int64_t>(ids.size()))
    refuse("as many days and securities as the manifest says", "others");
  if (std::int64_t{dates.back()} - dates.front() >= layout::kMaxCalendarDays)
    refuse("a calendar of at most 400 years", "a longer one");
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
    if (manifest.info.id_type == IdType::text && ids[i] != static_cast<std::int64_t>(i))
      refuse("numbered security ids", "others");
    if (first[i] < 0 || last[i] < first[i] || last[i] >= n_days || row_of_begin[i] != next)
      refuse("lives of securities inside the calendar", "others");
    next += last[i] - first[i] + 1;
  }
  if (next != static_cast<std::int64_t>(section<RowIndex>(layout::kRowOf).size()))
    refuse("an index entry a security and day", "another number");
}

/// Checks that every column in the manifest has the files of its kind.
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
  open_texts();
  open_segments();
  check_columns();
  if (verify >= Verify::layout) check_index();
}

Snapshot::Snapshot(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Snapshot::~Snapshot() = default;

std::shared_ptr<const Snapshot> Snapshot::open(const std::filesystem::path& root, const std::string& id, Verify verify,
                                               Residence residence, std::optional<Storage> storage) {
  auto impl = std::make_unique<Impl>();
  impl->residence = residence;
  impl->storage = storage;
  impl->path = find_snapshot(root, id);
  impl->open(verify);
  if (verify == Verify::content) verify_snapshot(root, id);
  return std::shared_ptr<const Snapshot>(new Snapshot(std::move(impl)));
}

const DataReport& data_report(const Snapshot& snapshot) noexcept { return Snapshot::Impl::of(snapshot).manifest.report; }

const std::string& Snapshot::id() const noexcept { return impl_->manifest.info.id; }
const std::filesystem::path& Snapshot::path() const noexcept { return impl_->path; }
const std::string& Snapshot::content_hash() const noexcept { return impl_->manifest.info.content_hash; }
std::int64_t Snapshot::n_rows() const noexcept { return impl_->manifest.info.n_rows; }
RowIndex Snapshot::row_capacity() const noexcept { return impl_->row_capacity; }
std::span<const Day> Snapshot::dates() const noexcept { return impl_->dates; }
std::span<const std::int64_t> Snapshot::security_ids() const noexcept { return impl_->security_ids; }
IdType Snapshot::id_type() const noexcept { return impl_->manifest.info.id_type; }
std::span<const std::string_view> Snapshot::security_texts() const noexcept { return impl_->texts.all(); }

SecurityId Snapshot::security_id(SecurityIndex security) const {
  const auto at = static_cast<std::size_t>(security);
  if (id_type() == IdType::text) return std::string(impl_->texts.all()[at]);
  return impl_->security_ids[at];
}

SecurityIndex Snapshot::find_text(std::string_view text) const noexcept {
  const auto texts = security_texts();
  const auto at = std::lower_bound(texts.begin(), texts.end(), text);
  return at != texts.end() && *at == text ? static_cast<SecurityIndex>(at - texts.begin()) : -1;
}

RowIndex Snapshot::row_begin(DateIndex n) const noexcept { return impl_->row_begin[static_cast<std::size_t>(n)]; }
RowIndex Snapshot::row_end(DateIndex n) const noexcept { return impl_->row_end[static_cast<std::size_t>(n)]; }
std::span<const SecurityIndex> Snapshot::security_of_row() const { return impl_->section<SecurityIndex>(layout::kSecurityOfRow); }
std::span<const RowIndex> Snapshot::previous_row() const { return impl_->section<RowIndex>(layout::kPreviousRow); }
std::span<const DateIndex> Snapshot::first_day() const noexcept { return impl_->first_day; }
std::span<const DateIndex> Snapshot::last_day() const noexcept { return impl_->last_day; }
std::span<const std::int32_t> Snapshot::row_of_begin() const noexcept { return impl_->row_of_begin; }
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
  if (impl_->is_changed) return false;
  const bool is_as_opened =
      std::all_of(impl_->mapped.begin(), impl_->mapped.end(), [](const MappedFile& file) { return file.is_intact(); }) &&
      !impl_->index.is_damaged() &&
      std::all_of(impl_->files.begin(), impl_->files.end(), [](const auto& file) { return !file.second.is_damaged(); });
  if (!is_as_opened) impl_->is_changed = true;
  return is_as_opened;
}

void Snapshot::require_intact() const {
  if (is_intact()) return;
  throw Error(ErrorCode::CORRUPT_SNAPSHOT,
              fmt::format("expected the files of snapshot \"{}\" as they were when it was opened, found one cut or written to "
                          "since. Restore the snapshot and open it again (force_reload=True; a server: SIGHUP).",
                          id()));
}

void Snapshot::read_guarded(const std::function<void()>& work) const {
  install_mapping_guard();
  try {
    work();
  } catch (const Error& error) {
    if (error.code() != ErrorCode::CANCELLED) require_intact();
    throw;
  } catch (...) {
    require_intact();
    throw;
  }
  require_intact();
}

}  // namespace fractile
