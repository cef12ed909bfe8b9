// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "snapshot/panel_reader.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <string_view>

#include "arrow/arrow_column.hpp"
#include "fractile/error.hpp"
#include "ingest/ids.hpp"
#include "snapshot/known_columns.hpp"
#include "snapshot/manifest.hpp"
#include "types/id_text.hpp"

namespace fractile {

PanelNames match_names(const std::vector<std::string>& source, const std::map<std::string, std::string>& map, bool needs_ret) {
  std::string all;
  for (const std::string& name : source) all += (all.empty() ? "" : ", ") + name;
  const auto has = [&](const std::string& name) { return std::find(source.begin(), source.end(), name) != source.end(); };
  for (const auto& [ours, theirs] : map)
    if (!has(theirs))
      throw Error(ErrorCode::PANEL_MISSING_COLUMN, fmt::format("expected a column \"{}\" for {} (map), found {}. "
                                                               "Correct the map.",
                                                               theirs, ours, all));
  PanelNames names;
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
    if ((needs_ret || std::string_view(needed) != "ret") &&
        std::none_of(names.begin(), names.end(), [&](const auto& entry) { return entry.first == needed; }))
      throw Error(ErrorCode::PANEL_MISSING_COLUMN,
                  fmt::format("expected the columns {2}, found no \"{0}\" among {1}. Add it, or name the column that holds it: "
                              "--map {0}=Name.",
                              needed, all, needs_ret ? "security_id, date and ret" : "security_id and date"));
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

namespace {

/// Runs `work` and turns the errors of ingest, which name signals, into those of a panel.
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

std::string source_name(const PanelNames& names, std::string_view ours) {
  for (const auto& [name, source] : names)
    if (name == ours) return source;
  return "";
}

/// Ids are integers if every one is a whole number in its usual notation. Otherwise they are texts, numbered in security order.
void number_texts(const std::vector<std::string_view>& texts, const std::vector<std::int32_t>& codes,
                  std::optional<IdType> wanted, PanelKeys& keys) {
  std::vector<std::int64_t> id_of(texts.size());
  std::size_t n_whole = 0;
  if (wanted != IdType::text)
    while (n_whole < texts.size() && parse_whole_id(texts[n_whole], id_of[n_whole])) ++n_whole;
  const bool are_integers = wanted != IdType::text && n_whole == texts.size();
  if (!are_integers && wanted == IdType::integer) {
    const auto row = std::find(codes.begin(), codes.end(), static_cast<std::int32_t>(n_whole)) - codes.begin();
    throw Error(ErrorCode::PANEL_COLUMN_TYPE,
                fmt::format("expected integers in column \"security_id\", as the snapshot has, found the text {} at row {}. Give "
                            "the numbers that the snapshot knows, or create a snapshot whose ids are texts.",
                            quote_id(std::string(texts[n_whole])), row));
  }
  if (!are_integers) {
    std::vector<std::size_t> order(texts.size());
    for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
    std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return texts[a] < texts[b]; });
    for (std::size_t rank = 0; rank < order.size(); ++rank) {
      id_of[order[rank]] = static_cast<std::int64_t>(rank);
      keys.texts.emplace_back(texts[order[rank]]);
    }
  }
  keys.security_id.resize(codes.size());
  for (std::size_t i = 0; i < codes.size(); ++i) {
    if (codes[i] >= 0) {
      keys.security_id[i] = id_of[static_cast<std::size_t>(codes[i])];
      continue;
    }
    keys.valid.resize((codes.size() + 7) / 8, 0xff);
    keys.valid[i / 8] = static_cast<std::uint8_t>(keys.valid[i / 8] & ~(1U << (i % 8)));
  }
}

void read_ids(const ArrowBatches& batches, std::optional<IdType> wanted, PanelKeys& keys) {
  IdReader reader(batches.schema(0));
  const auto n_rows = static_cast<std::size_t>(batches.n_rows());
  const auto read_into = [&](auto& entries) {
    entries.resize(n_rows);
    std::size_t at = 0;
    for (const auto& chunk : batches.chunks(0)) {
      reader.read(batches.schema(0), chunk, entries.data() + at);
      at += static_cast<std::size_t>(chunk.length);
    }
  };
  if (reader.is_text()) {
    std::vector<std::int32_t> codes;
    read_into(codes);
    return number_texts(reader.texts(), codes, wanted, keys);
  }
  read_into(keys.security_id);
  if (reader.valid()) keys.valid.assign(reader.valid(), reader.valid() + (n_rows + 7) / 8);
  if (wanted != IdType::text) return;
  for (std::size_t row = 0; row < n_rows; ++row)
    if (keys.has_id(row))
      throw Error(ErrorCode::PANEL_COLUMN_TYPE,
                  fmt::format("expected texts in column \"security_id\", as the snapshot has, found the number {} at row {}. "
                              "Leading zeros may be lost in numbers: give the ids as texts.",
                              keys.security_id[row], row));
}

PanelKeys read_keys(PanelSource& panel, const PanelNames& names, std::optional<IdType> wanted) {
  const auto batches = read_columns(panel, {source_name(names, "security_id"), source_name(names, "date")});
  PanelKeys keys;
  read_ids(*batches, wanted, keys);
  keys.date.resize(keys.security_id.size());
  std::size_t at = 0;
  for (const auto& chunk : batches->chunks(1)) {
    read_days(batches->schema(1), chunk, keys.date.data() + at);
    at += static_cast<std::size_t>(chunk.length);
  }
  return keys;
}

void check_length(const ArrowBatches& batches, const PanelIndex& index, const std::string& name) {
  if (batches.n_rows() != static_cast<std::int64_t>(index.row_of_source.size()))
    throw Error(ErrorCode::UNREADABLE_PANEL,
                fmt::format("expected {} rows in column \"{}\", found {}. The source changed while it was read: try "
                            "again.",
                            index.row_of_source.size(), name, batches.n_rows()));
}

void read_texts_of(const ArrowBatches& batches, const PanelIndex& index, PanelColumn& out) {
  out.is_text = true;
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
    if (by_source[i] != kMissingCode && index.row_of_source[i] != kNoRow)
      out.codes[static_cast<std::size_t>(index.row_of_source[i])] = code[static_cast<std::size_t>(by_source[i])];
}

PanelColumn read_checked(PanelSource& panel, const std::string& name, const std::string& source, const PanelIndex& index) {
  const auto batches = read_columns(panel, {source});
  check_length(*batches, index, name);
  const ArrowType type = describe_type(batches->schema(0));
  PanelColumn out;
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
      if (value == value && row != kNoRow) out.numbers[static_cast<std::size_t>(row)] = value + 0.0;
    }
  }
  return out;
}

}  // namespace

PanelIndex read_index(PanelSource& panel, const PanelNames& names, std::optional<IdType> wanted) {
  return as_panel_errors([&] { return build_index(read_keys(panel, names, wanted)); });
}

PanelColumn read_column(PanelSource& panel, const std::string& name, const std::string& source, const PanelIndex& index) {
  return as_panel_errors([&] { return read_checked(panel, name, source, index); });
}

}  // namespace fractile
