// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "snapshot/manifest.hpp"

#include <fmt/format.h>

#include <cctype>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "fractile/error.hpp"
#include "snapshot/durable_files.hpp"
#include "snapshot/layout.hpp"
#include "types/hash.hpp"

namespace fractile {
namespace {

using Json = nlohmann::ordered_json;
constexpr std::string_view kHashKey = "manifest_hash";

const char* kind_name(ColumnKind kind) {
  switch (kind) {
    case ColumnKind::real: return "real";
    case ColumnKind::integer: return "integer";
    case ColumnKind::text: return "text";
  }
  return "real";
}

ColumnKind kind_of(const std::string& name) {
  if (name == "integer") return ColumnKind::integer;
  return name == "text" ? ColumnKind::text : ColumnKind::real;
}

Json column_to_json(const ColumnInfo& column) {
  Json types = Json::array();
  if (column.float32) types.push_back("float32");
  if (column.float64) types.push_back("float64");
  if (column.kind != ColumnKind::real) types.push_back("int32");
  return {{"name", column.name},   {"kind", kind_name(column.kind)}, {"unit", column.unit}, {"types", types},
          {"whole", column.whole}, {"missing", column.missing},      {"hash", column.hash}};
}

/// Reads a whole number. A float is refused, because its conversion can be undefined.
std::int64_t whole(const Json& json) {
  if (!json.is_number_integer()) throw std::runtime_error("a number that is not whole");
  return json.get<std::int64_t>();
}

ColumnInfo column_from_json(const Json& json) {
  ColumnInfo column;
  column.name = json.at("name");
  column.kind = kind_of(json.at("kind"));
  column.unit = json.at("unit");
  for (const std::string type : json.at("types")) {
    column.float32 |= type == "float32";
    column.float64 |= type == "float64";
  }
  column.whole = json.at("whole");
  column.missing = whole(json.at("missing"));
  column.hash = json.at("hash");
  return column;
}

Day day_from_json(const Json& json) {
  Day day = kMissingDay;
  if (!parse_day(json.get<std::string>(), day)) throw std::runtime_error("a date that is none");
  return day;
}

Periodicity periodicity_from_json(const Json& json) {
  Periodicity periodicity;
  const std::int64_t periods = whole(json.at("periods_per_year"));
  if (!parse_frequency(json.at("frequency").get<std::string>(), periodicity.frequency))
    throw std::runtime_error("an unknown frequency");
  if (periods < 1 || periods > kMaxPeriodsPerYear) throw std::runtime_error("an impossible number of periods per year");
  periodicity.periods_per_year = static_cast<int>(periods);
  return periodicity;
}

Json line_to_json(const ReportLine& line) {
  return {{"check", line.check},
          {"level", line.is_warning ? "warning" : "info"},
          {"count", line.count},
          {"first", line.first},
          {"text", line.text}};
}

ReportLine line_from_json(const Json& json) {
  return {json.at("check"), json.at("level") == "warning", whole(json.at("count")), json.at("first"), json.at("text")};
}

Manifest manifest_from_json(const Json& json) {
  Manifest manifest;
  SnapshotInfo& info = manifest.info;
  info.id = json.at("id");
  info.created = json.at("created");
  info.engine_version = json.at("engine_version");
  info.source_name = json.at("source").at("name");
  info.source_hash = json.at("source").at("hash");
  info.parent = json.at("parent");
  info.n_rows = whole(json.at("rows"));
  info.n_securities = whole(json.at("securities"));
  info.n_dates = whole(json.at("dates").at("count"));
  info.first_date = day_from_json(json.at("dates").at("first"));
  info.last_date = day_from_json(json.at("dates").at("last"));
  manifest.has_report = json.contains("frequency");
  if (manifest.has_report) {
    manifest.report.periodicity = periodicity_from_json(json);
    for (const Json& line : json.at("report")) manifest.report.lines.push_back(line_from_json(line));
  }
  info.content_hash = json.at("content_hash");
  for (const Json& column : json.at("columns")) info.columns.push_back(column_from_json(column));
  manifest.index_bytes = static_cast<std::uint64_t>(whole(json.at("index").at("bytes")));
  manifest.index_hash = json.at("index").at("hash");
  if (whole(json.at("format_version")) == layout::kTextIdsVersion) {
    if (json.at("id_type") != id_type_name(IdType::text)) throw std::runtime_error("an unknown id_type");
    info.id_type = IdType::text;
    manifest.ids = {static_cast<std::uint64_t>(whole(json.at("ids").at("bytes"))), json.at("ids").at("hash")};
  }
  std::uint64_t bytes = manifest.index_bytes + manifest.ids.bytes;
  for (const Json& part : json.at("segments")) {
    SegmentInfo segment;
    segment.first_day = whole(part.at("first_day"));
    segment.days = whole(part.at("days"));
    segment.rows = whole(part.at("rows"));
    segment.rows_padded = whole(part.at("rows_padded"));
    for (const auto& [name, file] : part.at("files").items()) {
      segment.files[name] = {static_cast<std::uint64_t>(whole(file.at("bytes"))), file.at("hash")};
      bytes += segment.files[name].bytes;
    }
    manifest.segments.push_back(std::move(segment));
  }
  info.bytes = static_cast<std::int64_t>(bytes);
  for (const auto& [name, texts] : json.at("dictionaries").items())
    manifest.dictionaries[name] = texts.get<std::vector<std::string>>();
  return manifest;
}

}  // namespace

std::string segment_directory(std::size_t number) { return fmt::format("segments/{:04}", number); }

std::string manifest_to_json(const Manifest& manifest) {
  const SnapshotInfo& info = manifest.info;
  Json json;
  const bool has_texts = info.id_type == IdType::text;
  json["format_version"] = has_texts ? layout::kTextIdsVersion : layout::kFormatVersion;
  json["id"] = info.id;
  json["created"] = info.created;
  json["engine_version"] = info.engine_version;
  json["source"] = {{"name", info.source_name}, {"hash", info.source_hash}};
  json["parent"] = info.parent;
  if (has_texts) json["id_type"] = id_type_name(info.id_type);
  json["rows"] = info.n_rows;
  json["securities"] = info.n_securities;
  json["dates"] = {{"first", format_day(info.first_date)}, {"last", format_day(info.last_date)}, {"count", info.n_dates}};
  if (manifest.has_report) {
    json["frequency"] = to_text(manifest.report.periodicity.frequency);
    json["periods_per_year"] = manifest.report.periodicity.periods_per_year;
  }
  json["content_hash"] = info.content_hash;
  json["columns"] = Json::array();
  for (const ColumnInfo& column : info.columns) json["columns"].push_back(column_to_json(column));
  if (manifest.has_report) {
    json["report"] = Json::array();
    for (const ReportLine& line : manifest.report.lines) json["report"].push_back(line_to_json(line));
  }
  json["index"] = {{"bytes", manifest.index_bytes}, {"hash", manifest.index_hash}};
  if (has_texts) json["ids"] = {{"bytes", manifest.ids.bytes}, {"hash", manifest.ids.hash}};
  json["segments"] = Json::array();
  for (const SegmentInfo& segment : manifest.segments) {
    Json files = Json::object();
    for (const auto& [name, file] : segment.files) files[name] = {{"bytes", file.bytes}, {"hash", file.hash}};
    json["segments"].push_back({{"first_day", segment.first_day},
                                {"days", segment.days},
                                {"rows", segment.rows},
                                {"rows_padded", segment.rows_padded},
                                {"files", files}});
  }
  json["dictionaries"] = Json::object();
  for (const auto& [name, texts] : manifest.dictionaries) json["dictionaries"][name] = texts;
  json[std::string(kHashKey)] = hash_text(json.dump());
  return json.dump(2) + "\n";
}

Manifest read_manifest(const std::filesystem::path& directory) {
  const std::filesystem::path path = directory / kManifestFile;
  const auto refuse = [&](const std::string& found) {
    return Error(ErrorCode::CORRUPT_SNAPSHOT, "expected a whole manifest at \"" + path.string() + "\", found " + found +
                                                  ". Restore the snapshot from a copy, or create it again.");
  };
  std::ifstream file(path, std::ios::binary);
  if (!file) throw refuse("no readable file");
  std::ostringstream text;
  text << file.rdbuf();
  Json json;
  try {
    // The function that writes the JSON again recurses once per level.
    constexpr int kDeepest = 16;
    json = Json::parse(text.str(), [](int depth, Json::parse_event_t, const Json&) {
      if (depth > kDeepest) throw std::runtime_error("too many levels");
      return true;
    });
    const std::int64_t version = whole(json.at("format_version"));
    if (version != layout::kFormatVersion && version != layout::kTextIdsVersion)
      throw refuse(fmt::format("format version {}, but this build reads {} and {}", version, layout::kFormatVersion,
                               layout::kTextIdsVersion));
    const std::string hash = json.at(std::string(kHashKey));
    json.erase(std::string(kHashKey));
    if (hash_text(json.dump()) != hash) throw refuse("content that does not fit its manifest_hash");
    Manifest manifest = manifest_from_json(json);
    // The text between tokens is compared too, so that a change of any byte is found.
    if (manifest_to_json(manifest) != text.str()) throw refuse("text that differs from what was written");
    // A copied or renamed folder would have one name on disk and another in lists.
    if (const std::string folder = directory.filename().string(); manifest.info.id != folder)
      throw Error(ErrorCode::CORRUPT_SNAPSHOT,
                  fmt::format("expected the id of its folder, \"{}\", found \"{}\" at \"{}\". Give the folder its id as name.",
                              folder, manifest.info.id, path.string()));
    return manifest;
  } catch (const Error&) {
    throw;
  } catch (const std::exception& error) {
    throw refuse(std::string("what is no manifest (") + error.what() + ")");
  }
}

std::string compute_content_hash(const Manifest& manifest) {
  std::string text = manifest.index_hash + "\n";
  if (manifest.info.id_type == IdType::text) text += "ids " + manifest.ids.hash + "\n";
  std::map<std::string, const ColumnInfo*> by_name;
  for (const ColumnInfo& column : manifest.info.columns) by_name[column.name] = &column;
  for (const auto& [name, column] : by_name) {
    text += fmt::format("{} {} {} {} {}\n", name, static_cast<int>(column->kind), column->float32, column->float64, column->hash);
    const auto dictionary = manifest.dictionaries.find(name);
    if (dictionary == manifest.dictionaries.end()) continue;
    for (const std::string& entry : dictionary->second) text += fmt::format("{} {}\n", entry.size(), entry);
  }
  return hash_text(text);
}

bool is_snapshot_id(std::string_view id) noexcept {
  constexpr std::size_t kMaxLength = 100;
  bool is_fine = !id.empty() && id.size() <= kMaxLength && std::isalnum(static_cast<unsigned char>(id[0]));
  for (const char c : id) is_fine &= std::isalnum(static_cast<unsigned char>(c)) || c == '.' || c == '_' || c == '-';
  return is_fine;
}

void check_snapshot_id(const std::string& id) {
  if (!is_snapshot_id(id))
    throw Error(ErrorCode::INVALID_SNAPSHOT_ID,
                "expected a snapshot id of letters, digits, \".\", \"_\" and \"-\", beginning with a letter or digit, "
                "up to 100 long, found \"" +
                    id.substr(0, 200) + "\". Choose another, for example 2026-02-10-v1.");
}

}  // namespace fractile
