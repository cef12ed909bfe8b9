// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include <fmt/chrono.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <ctime>
#include <limits>
#include <map>
#include <optional>
#include <random>

#include "fractile/error.hpp"
#include "fractile/panel.hpp"
#include "fractile/version.hpp"
#include "ingest/arrow_column.hpp"
#include "snapshot/build_index.hpp"
#include "snapshot/catalog.hpp"
#include "snapshot/column_writer.hpp"
#include "snapshot/durable_files.hpp"
#include "snapshot/manifest.hpp"

namespace fractile {
namespace {

namespace fs = std::filesystem;

constexpr std::array<std::string_view, 8> kAlwaysReal{"ret",  "resret", "openret", "resopenret",
                                                      "mcap", "adv",    "vol",     "close_adj"};

bool is_exposure(std::string_view name) {
  return std::find(std::begin(kExposures), std::end(kExposures), name) != std::end(kExposures);
}
bool is_always_real(std::string_view name) {
  return std::find(kAlwaysReal.begin(), kAlwaysReal.end(), name) != kAlwaysReal.end() || is_exposure(name);
}
/// Columns of methodology section 1, which must be numbers.
bool must_be_number(std::string_view name) {
  return is_always_real(name) || name == "cap" || name == "industry_id" || name == "sector_id";
}

std::string unit_of(std::string_view name) {
  static const std::map<std::string_view, std::string> kUnits{{"ret", "simple total return, close of n-1 to close of n"},
                                                              {"resret", "residual of ret"},
                                                              {"openret", "simple return, open of n to open of n+1"},
                                                              {"resopenret", "residual of openret"},
                                                              {"mcap", "dollars"},
                                                              {"adv", "dollars a day"},
                                                              {"vol", "dollars a share"},
                                                              {"close_adj", "dollars a share"},
                                                              {"cap", "1 large, 2 medium, 3 small"},
                                                              {"industry_id", "code"},
                                                              {"sector_id", "code"}};
  const auto found = kUnits.find(name);
  return found != kUnits.end() ? found->second : is_exposure(name) ? "exposure" : "";
}

/// A folder beside the snapshots, removed again unless it became one.
class BuildFolder {
 public:
  BuildFolder(const fs::path& root, const std::string& id) {
    std::error_code failed;
    fs::create_directories(root, failed);
    if (failed) {
      errno = failed.value();
      throw_io_failure("create the folder", root);
    }
    remove_stale_builds(root);
    path_ = root / fmt::format(".{}.{}.{:08x}.tmp", id, ::getpid(), std::random_device()());
    if (!fs::create_directories(path_ / "segments", failed) || failed) {
      errno = failed.value();
      throw_io_failure("create the folder", path_);
    }
    lock_ = lock_build(path_);
  }
  ~BuildFolder() {
    std::error_code ignored;
    if (!path_.empty()) fs::remove_all(path_, ignored);
    if (lock_ >= 0) ::close(lock_);
  }
  BuildFolder(const BuildFolder&) = delete;
  BuildFolder& operator=(const BuildFolder&) = delete;
  const fs::path& path() const noexcept { return path_; }
  void publish(const fs::path& root, const std::string& id) {
    for (const auto& entry : fs::recursive_directory_iterator(path_))
      if (entry.is_directory()) sync_directory(entry.path());
    sync_directory(path_);
    if (!rename_if_absent(path_, root / id)) refuse_existing(root, id);
    path_.clear();
    sync_directory(root);
  }
  [[noreturn]] static void refuse_existing(const fs::path& root, const std::string& id) {
    throw Error(ErrorCode::SNAPSHOT_EXISTS,
                fmt::format("expected a new snapshot id, found \"{}\" in \"{}\" already. A snapshot never changes: "
                            "choose another id, or remove it first.",
                            id, root.string()));
  }

 private:
  fs::path path_;
  int lock_ = -1;
};

/// Our column names and the source's.
using Names = std::vector<std::pair<std::string, std::string>>;

Names match_names(const std::vector<std::string>& source, const std::map<std::string, std::string>& map) {
  std::string all;
  for (const std::string& name : source) all += (all.empty() ? "" : ", ") + name;
  const auto has = [&](const std::string& name) { return std::find(source.begin(), source.end(), name) != source.end(); };
  for (const auto& [ours, theirs] : map)
    if (!has(theirs))
      throw Error(ErrorCode::PANEL_MISSING_COLUMN, fmt::format("expected a column \"{}\" for {} (map), found {}. "
                                                               "Correct the map.",
                                                               theirs, ours, all));
  Names names;
  for (const std::string& name : source) {
    bool is_mapped = false;
    // One source column may serve under several of our names.
    for (const auto& [ours, theirs] : map)
      if (theirs == name) {
        names.emplace_back(ours, name);
        is_mapped = true;
      }
    if (!is_mapped && !map.contains(name)) names.emplace_back(name, name);
  }
  for (const char* needed : {"security_id", "date", "ret"})
    if (std::none_of(names.begin(), names.end(), [&](const auto& entry) { return entry.first == needed; }))
      throw Error(ErrorCode::PANEL_MISSING_COLUMN,
                  fmt::format("expected the columns security_id, date and ret, found no \"{0}\" among {1}. Add it, or "
                              "name the column that holds it: --map {0}=Name.",
                              needed, all));
  std::vector<std::string> ours;
  for (const auto& [name, unused] : names) {
    if (name.empty() || name.find('/') != std::string::npos || name.find('\0') != std::string::npos || name.size() > 200)
      throw Error(ErrorCode::PANEL_COLUMN_TYPE,
                  fmt::format("expected column names of 1 to 200 characters without \"/\", found \"{}\". Rename it.",
                              name.substr(0, 200)));
    // Its file would have the name of the exposures' block.
    if (name == kExposuresFile)
      throw Error(ErrorCode::PANEL_COLUMN_TYPE,
                  fmt::format("expected column names other than \"{0}\", which snapshots reserve, found \"{0}\" among {1}. "
                              "Rename or drop it.",
                              kExposuresFile, all));
    ours.push_back(name);
  }
  std::sort(ours.begin(), ours.end());
  if (const auto twice = std::adjacent_find(ours.begin(), ours.end()); twice != ours.end())
    throw Error(ErrorCode::PANEL_COLUMN_TYPE,
                fmt::format("expected different column names, found \"{}\" twice. Rename or drop one.", *twice));
  return names;
}

/// Ingest speaks of signals; here the same failure is the panel's.
template <class Work>
auto as_panel_errors(Work&& work) {
  try {
    return work();
  } catch (const Error& error) {
    const std::string text = error.what();
    const std::string message = text.substr(text.find(": ") + 2);
    if (error.code() == ErrorCode::UNREADABLE_SIGNAL) throw Error(ErrorCode::UNREADABLE_PANEL, message);
    if (error.code() == ErrorCode::COLUMN_TYPE) throw Error(ErrorCode::PANEL_COLUMN_TYPE, message);
    throw;
  }
}

std::unique_ptr<ArrowBatches> read_columns(PanelSource& panel, const std::vector<std::string>& names) {
  ArrowArrayStream stream{};
  panel.open_columns(names, &stream);
  return std::make_unique<ArrowBatches>(&stream);
}

std::string source_name(const Names& names, std::string_view ours) {
  for (const auto& [name, source] : names)
    if (name == ours) return source;
  return "";
}

PanelKeys read_keys(PanelSource& panel, const Names& names) {
  const auto batches = read_columns(panel, {source_name(names, "security_id"), source_name(names, "date")});
  PanelKeys keys;
  keys.security_id.resize(static_cast<std::size_t>(batches->n_rows()));
  keys.date.resize(keys.security_id.size());
  std::size_t at = 0;
  for (const auto& chunk : batches->chunks(0)) {
    read_integers(batches->schema(0), chunk, kMissingId, keys.security_id.data() + at);
    at += static_cast<std::size_t>(chunk.length);
  }
  at = 0;
  for (const auto& chunk : batches->chunks(1)) {
    read_days(batches->schema(1), chunk, keys.date.data() + at);
    at += static_cast<std::size_t>(chunk.length);
  }
  return keys;
}

/// One column of the source in snapshot rows: numbers, or codes with their texts.
struct SourceColumn {
  std::vector<double> numbers;
  std::vector<std::int32_t> codes;
  std::vector<std::string> texts;
};

void check_length(const ArrowBatches& batches, const PanelIndex& index, const std::string& name) {
  if (batches.n_rows() != static_cast<std::int64_t>(index.row_of_source.size()))
    throw Error(ErrorCode::UNREADABLE_PANEL,
                fmt::format("expected {} rows in column \"{}\", found {}. The source changed while it was read: try "
                            "again.",
                            index.row_of_source.size(), name, batches.n_rows()));
}

void read_texts_of(const ArrowBatches& batches, const PanelIndex& index, SourceColumn& out) {
  std::map<std::string, std::int32_t, std::less<>> numbers;
  std::vector<std::int32_t> by_source(index.row_of_source.size(), kMissingCode);
  std::size_t at = 0;
  for (const auto& chunk : batches.chunks(0)) {
    read_texts(batches.schema(0), chunk, [&](std::int64_t i, std::string_view text, bool null) {
      if (null) return;
      auto found = numbers.find(text);
      if (found == numbers.end()) found = numbers.emplace(text, static_cast<std::int32_t>(numbers.size())).first;
      by_source[at + static_cast<std::size_t>(i)] = found->second;
    });
    at += static_cast<std::size_t>(chunk.length);
  }
  // Codes ascend with their texts, so that the order of rows in the source changes nothing.
  std::vector<std::int32_t> code(numbers.size());
  for (const auto& [text, number] : numbers) {
    code[static_cast<std::size_t>(number)] = static_cast<std::int32_t>(out.texts.size());
    out.texts.push_back(text);
  }
  out.codes.assign(static_cast<std::size_t>(index.row_capacity()), kMissingCode);
  for (std::size_t i = 0; i < by_source.size(); ++i)
    if (by_source[i] != kMissingCode)
      out.codes[static_cast<std::size_t>(index.row_of_source[i])] = code[static_cast<std::size_t>(by_source[i])];
}

SourceColumn read_column(PanelSource& panel, const std::string& name, const std::string& source, const PanelIndex& index) {
  const auto batches = read_columns(panel, {source});
  check_length(*batches, index, name);
  const ArrowType type = describe_type(batches->schema(0));
  SourceColumn out;
  if (type.kind == ArrowKind::text && !must_be_number(name)) {
    read_texts_of(*batches, index, out);
    return out;
  }
  const bool is_number =
      type.kind == ArrowKind::integer || type.kind == ArrowKind::real || type.kind == ArrowKind::boolean || type.name == "null";
  if (!is_number)
    throw Error(ErrorCode::PANEL_COLUMN_TYPE,
                fmt::format("expected numbers{} in column \"{}\", found {}. Convert or drop the column.",
                            must_be_number(name) ? "" : " or text", name, type.name));
  out.numbers.assign(static_cast<std::size_t>(index.row_capacity()), std::numeric_limits<double>::quiet_NaN());
  // Integers from here on are no longer told apart once they are doubles.
  const double limit = type.kind == ArrowKind::integer ? 9007199254740992.0 : std::numeric_limits<double>::infinity();
  std::vector<double> values;
  std::size_t at = 0;
  for (const auto& chunk : batches->chunks(0)) {
    values.resize(static_cast<std::size_t>(chunk.length));
    read_doubles(batches->schema(0), chunk, values.data());
    for (const double value : values) {
      const RowIndex row = index.row_of_source[at++];
      if (std::isinf(value))
        throw Error(ErrorCode::PANEL_INFINITE_VALUE,
                    fmt::format("expected finite values in column \"{}\", found {} at row {}. Make it missing, or "
                                "correct it.",
                                name, value, at - 1));
      if (std::fabs(value) >= limit)
        throw Error(ErrorCode::PANEL_COLUMN_TYPE,
                    fmt::format("expected whole numbers below 2^53 in column \"{}\", found about {:.0f} at row {}. Store "
                                "them as text, number them anew, or drop the column.",
                                name, value, at - 1));
      // One NaN for all, so that equal data has equal bytes.
      if (value == value) out.numbers[static_cast<std::size_t>(row)] = value + 0.0;
    }
  }
  return out;
}

std::string now_utc() {
  const std::time_t now = std::time(nullptr);
  return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(now));
}

SnapshotInfo create_checked(const fs::path& root, const std::string& id, PanelSource& panel, const BuildOptions& options) {
  if (fs::exists(root / id)) BuildFolder::refuse_existing(root, id);
  const auto progress = [&](const std::string& stage, double fraction) {
    if (options.progress) options.progress(stage, fraction);
  };
  progress("reading keys", 0.0);
  const Names names = match_names(panel.column_names(), options.map);
  PanelIndex index = as_panel_errors([&] { return build_index(read_keys(panel, names)); });
  BuildFolder folder(root, id);

  Manifest manifest;
  SnapshotInfo& info = manifest.info;
  info.id = id;
  info.created = now_utc();
  info.engine_version = kVersion;
  info.source_name = panel.source_name();
  info.source_hash = panel.source_hash();
  info.n_rows = static_cast<std::int64_t>(index.row_of_source.size());
  info.n_securities = static_cast<std::int64_t>(index.security_ids.size());
  info.n_dates = static_cast<std::int64_t>(index.dates.size());
  info.first_date = index.dates.front();
  info.last_date = index.dates.back();
  manifest.segments = index.segments;
  write_index(index, folder.path() / kIndexFile, manifest);
  // Only where the rows go is needed from here on.
  for (auto* done : {&index.previous_row, &index.row_of}) *done = {};

  ColumnWriter writer(folder.path(), options.dtype, manifest);
  std::size_t n_done = 0;
  for (const auto& [name, source] : names) {
    if (name == "security_id" || name == "date") continue;
    progress(name, static_cast<double>(n_done++) / static_cast<double>(names.size() - 2));
    SourceColumn column = as_panel_errors([&] { return read_column(panel, name, source, index); });
    ColumnInfo described;
    described.name = name;
    described.unit = unit_of(name);
    if (!column.codes.empty())
      writer.write_texts(std::move(described), column.codes, std::move(column.texts), index.security_of_row);
    else
      writer.write_numbers(std::move(described), std::move(column.numbers), is_always_real(name), is_exposure(name),
                           index.security_of_row);
  }
  writer.finish();
  info.content_hash = compute_content_hash(manifest);
  std::string text;
  try {
    text = manifest_to_json(manifest);
  } catch (const std::exception& error) {
    throw Error(ErrorCode::PANEL_COLUMN_TYPE, std::string("expected column names and texts in UTF-8, found other bytes (") +
                                                  error.what() + "). Re-encode the source.");
  }
  write_text_durably(folder.path() / kManifestFile, text);
  progress("publishing", 1.0);
  folder.publish(root, id);
  return read_snapshot_info(root, id);
}

}  // namespace

SnapshotInfo create_snapshot(const fs::path& root, const std::string& id, PanelSource& panel, const BuildOptions& options) {
  check_snapshot_id(id);
  try {
    return create_checked(root, id, panel, options);
  } catch (const fs::filesystem_error& failed) {
    errno = failed.code().value();
    throw_io_failure("use", failed.path1().empty() ? root : failed.path1());
  }
}

}  // namespace fractile
