// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "snapshot/append_columns.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "fractile/error.hpp"
#include "snapshot/durable_files.hpp"
#include "snapshot/known_columns.hpp"
#include "types/hash.hpp"

namespace fractile {
namespace {

constexpr const char* kBlockFiles[] = {"exposures.f32", "exposures.f64"};

bool is_all_missing(const PanelColumn& column) {
  return column.texts.empty() && std::all_of(column.numbers.begin(), column.numbers.end(), [](double x) { return x != x; });
}

bool is_stored_alike(const ColumnInfo& a, const ColumnInfo& b) noexcept {
  return a.kind == b.kind && a.float32 == b.float32 && a.float64 == b.float64;
}

}  // namespace

StoreAs stored_as(const SnapshotInfo& info) noexcept {
  for (const ColumnInfo& column : info.columns)
    if (column.name == "ret") return !column.float64 ? StoreAs::float32 : column.float32 ? StoreAs::both : StoreAs::float64;
  return StoreAs::float32;
}

struct ColumnAppender::Exposure {
  std::string name;
  std::size_t place;  ///< among the manifest's columns
  MergedNumbers numbers;
  StreamHash narrow_hash, wide_hash;
};

ColumnAppender::ColumnAppender(const AppendContext& context, SegmentWriter& writer, Manifest& manifest)
    : context_(context),
      writer_(writer),
      manifest_(manifest),
      dtype_(stored_as(Snapshot::Impl::of(context.parent).manifest.info)) {}

ColumnAppender::~ColumnAppender() = default;

void ColumnAppender::append(const std::string& name, std::optional<PanelColumn> panel) {
  const Snapshot& parent = context_.parent;
  const ColumnInfo* before = parent.find_column(name);
  // A column without any value fits both numbers and texts.
  const bool is_free = before && before->missing == parent.n_rows();
  bool is_text = panel ? panel->is_text : before->kind == ColumnKind::text;
  if (panel && before && is_text != (before->kind == ColumnKind::text) && !is_free) {
    if (!is_all_missing(*panel))
      throw Error(ErrorCode::PANEL_COLUMN_TYPE,
                  fmt::format("expected {} in column \"{}\", as snapshot \"{}\" has it, found {}. Convert the column, or drop it "
                              "from the panel.",
                              is_text ? "numbers" : "text", name, parent.id(), is_text ? "text" : "numbers"));
    is_text = !is_text;
    if (!is_text) panel->numbers.assign(panel->codes.size(), std::numeric_limits<double>::quiet_NaN());
  }
  ColumnInfo column;
  column.name = name;
  column.unit = unit_of(name);
  if (is_text) return append_texts(std::move(column), MergedTexts(context_, before, std::move(panel)));
  MergedNumbers numbers(context_, before, std::move(panel));
  choose_storage(numbers.inspect(is_always_real(name)), is_always_real(name), dtype_, column);
  if (!is_exposure(name)) return append_numbers(std::move(column), numbers);
  const std::size_t place = manifest_.info.columns.size();
  exposures_.push_back(std::make_unique<Exposure>(Exposure{name, place, std::move(numbers), {}, {}}));
  manifest_.info.columns.push_back(std::move(column));
}

void ColumnAppender::append_numbers(ColumnInfo column, const MergedNumbers& numbers) {
  const bool is_stored_as_before = numbers.before() && is_stored_alike(*numbers.before(), column);
  numbers.check_parent(!is_stored_as_before);
  ColumnHash hash;
  for (std::size_t s = 0; s < context_.rows.segments.size(); ++s) {
    const SegmentRows& segment = context_.rows.segments[s];
    if (is_stored_as_before && numbers.is_untouched(segment))
      for (const std::string& file : files_of(column)) writer_.share(s, file, hash);
    else
      writer_.write_numbers(s, column, numbers.read(segment), hash);
  }
  column.hash = hash.digest();
  manifest_.info.columns.push_back(std::move(column));
}

void ColumnAppender::append_texts(ColumnInfo column, const MergedTexts& texts) {
  column.kind = ColumnKind::text;
  column.missing = texts.missing();
  texts.check_parent(true);
  const bool is_stored_as_before = texts.before() && texts.before()->kind == ColumnKind::text && texts.keeps_codes();
  ColumnHash hash;
  for (std::size_t s = 0; s < context_.rows.segments.size(); ++s) {
    const SegmentRows& segment = context_.rows.segments[s];
    if (is_stored_as_before && texts.is_untouched(segment))
      writer_.share(s, files_of(column).front(), hash);
    else
      writer_.write_codes(s, column.name, texts.read(segment), hash);
  }
  column.hash = hash.digest();
  manifest_.dictionaries[column.name] = texts.texts();
  manifest_.info.columns.push_back(std::move(column));
}

/// All exposures of a segment are in one file, which is shared if none of them has changed.
bool ColumnAppender::shares_exposures(const SegmentRows& segment) const {
  return std::any_of(std::begin(kBlockFiles), std::end(kBlockFiles),
                     [&](const char* file) { return context_.files.has(0, file); }) &&
         std::all_of(exposures_.begin(), exposures_.end(),
                     [&](const auto& exposure) { return exposure->numbers.is_untouched(segment); });
}

void ColumnAppender::share_exposures(std::size_t s) {
  const SegmentRows& segment = context_.rows.segments[s];
  const Snapshot::Impl& parent = Snapshot::Impl::of(context_.parent);
  // An exposure's hash is over its own values, so shared values must be read too.
  const auto hash_block = [&]<class T>(const T* block, StreamHash Exposure::* hash) {
    constexpr std::size_t kChunk = 4096;
    std::vector<T> values;
    for (std::size_t from = 0; from < segment.size(); from += kChunk) {
      values.resize(std::min(kChunk, segment.size() - from));
      const T* const first = block + (static_cast<std::size_t>(segment.parent_begin) + from) * kExposureStride;
      for (const auto& exposure : exposures_) {
        const std::size_t k = exposure_number(exposure->name);
        for (std::size_t i = 0; i < values.size(); ++i) values[i] = first[i * kExposureStride + k];
        ((*exposure).*hash).update(values.data(), values.size() * sizeof(T));
      }
    }
  };
  for (const char* name : kBlockFiles) {
    if (!context_.files.has(s, name)) continue;
    context_.files.check(s, name);
    const std::byte* const data = parent.files.find(name)->second.data();
    if (layout::value_type_of_file(name) == layout::ValueType::float32)
      hash_block(reinterpret_cast<const float*>(data), &Exposure::narrow_hash);
    else
      hash_block(reinterpret_cast<const double*>(data), &Exposure::wide_hash);
    ColumnHash of_block;
    writer_.share(s, name, of_block);
  }
}

void ColumnAppender::write_exposures(std::size_t s) {
  const SegmentRows& segment = context_.rows.segments[s];
  const auto fill = [&](auto& block, std::size_t k, const auto& values, StreamHash& hash) {
    for (std::size_t i = 0; i < segment.size(); ++i) block[i * kExposureStride + k] = values[i];
    hash.update(values.data(), values.size() * sizeof values[0]);
  };
  std::vector<float> narrow_block;
  std::vector<double> wide_block;
  if (dtype_ != StoreAs::float64) narrow_block.assign(segment.size() * kExposureStride, std::numeric_limits<float>::quiet_NaN());
  if (dtype_ != StoreAs::float32) wide_block.assign(segment.size() * kExposureStride, std::numeric_limits<double>::quiet_NaN());
  for (const auto& exposure : exposures_) {
    const std::size_t k = exposure_number(exposure->name);
    const std::vector<double> values = exposure->numbers.read(segment);
    if (!narrow_block.empty()) fill(narrow_block, k, narrow(exposure->name, values), exposure->narrow_hash);
    if (!wide_block.empty()) fill(wide_block, k, values, exposure->wide_hash);
  }
  if (!narrow_block.empty()) writer_.write_exposures(s, std::span<const float>(narrow_block));
  if (!wide_block.empty()) writer_.write_exposures(s, std::span<const double>(wide_block));
}

void ColumnAppender::finish() {
  if (exposures_.empty()) return;
  const std::size_t n_parent_segments = Snapshot::Impl::of(context_.parent).manifest.segments.size();
  for (std::size_t s = 0; s < n_parent_segments; ++s)
    for (const char* file : kBlockFiles)
      if (!shares_exposures(context_.rows.segments[s]) && context_.files.has(s, file)) context_.files.check(s, file);
  for (std::size_t s = 0; s < context_.rows.segments.size(); ++s) {
    if (shares_exposures(context_.rows.segments[s]))
      share_exposures(s);
    else
      write_exposures(s);
  }
  for (const auto& exposure : exposures_) {
    std::string& hash = manifest_.info.columns[exposure->place].hash;
    if (dtype_ != StoreAs::float64) hash += to_hex(exposure->narrow_hash.digest());
    if (dtype_ != StoreAs::float32) hash += to_hex(exposure->wide_hash.digest());
  }
}

}  // namespace fractile
