// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "server/body_parts.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "fractile/error.hpp"
#include "ingest/return_table.hpp"
#include "ingest/signal_reader.hpp"
#include "server/json_body.hpp"
#include "server/openapi.hpp"

namespace fractile::server {
namespace {

[[noreturn]] void refuse_part(std::string_view key, const std::string& expected, const Json& found, const char* remedy) {
  throw Error(ErrorCode::INVALID_VALUE, "expected " + std::string(key) + " as " + expected + ", found " +
                                            found.dump(-1, ' ', false, Json::error_handler_t::replace).substr(0, 40) + ". " +
                                            remedy);
}

/// Keys stay in the given order.
Json parse_in_order(const std::string& text, std::string_view name) {
  parse_parameter(text, name);  // refuses what is not JSON, and a key that comes twice
  return Json::parse(text);
}

std::size_t read_place(std::string_view key, const Json& json, std::size_t body_size) {
  if (!json.is_number_unsigned() || json.get<std::size_t>() == 0 || json.get<std::size_t>() >= body_size)
    refuse_part(key, "a place inside the body", json,
                "Send the tables one after the other, and the number of bytes before each one.");
  return json.get<std::size_t>();
}

void require_object(std::string_view key, const Json& json) {
  if (!json.is_object()) refuse_part(key, "an object of signals by name", json, "Write {\"name\": rows}, or places in the body.");
  if (json.size() > BodyParts::kMostSignals)
    throw Error(ErrorCode::INVALID_VALUE, "expected up to " + std::to_string(BodyParts::kMostSignals) + " signals in " +
                                              std::string(key) + ", found " + std::to_string(json.size()) + ". Send fewer.");
}

Signal read_json_signal(const Json& rows, const RunRequest& run) {
  const std::string body = "{\"signal\":" + rows.dump() + "}";
  ByteBuffer bytes;
  bytes.append(body.data(), body.size());
  return JsonBody(std::move(bytes), {}).read_signal(run.sigvar, run.reading);
}

/// {"date": [...], "name": [...]} as a table of texts and numbers.
Table read_columns(std::string_view key, const Json& json) {
  constexpr const char* kRemedy = "Write {\"date\": [\"2020-01-02\"], \"mkt\": [0.01]}; null is a missing return.";
  if (!json.is_object()) refuse_part(key, "an object of lists", json, kRemedy);
  Table out;
  for (const auto& [name, values] : json.items()) {
    if (!values.is_array() || values.size() != json.front().size()) refuse_part(key, "lists of equal length", values, kRemedy);
    std::vector<std::string> texts;
    std::vector<double> numbers;
    for (const Json& value : values) {
      const bool is_fine = name == "date" ? value.is_string() : value.is_number() || value.is_null();
      if (!is_fine) refuse_part(key, name == "date" ? "dates as texts" : "returns as numbers", value, kRemedy);
      if (name == "date")
        texts.push_back(value.get<std::string>());
      else
        numbers.push_back(value.is_null() ? std::nan("") : value.get<double>());
    }
    if (name == "date")
      out.columns.push_back({name, std::move(texts)});
    else
      out.columns.push_back({name, std::move(numbers)});
  }
  return out;
}

/// The JSON text of a key of a JSON body; null if the body lacks it or has null.
Json find_json(const RunRequest& run, std::string_view key) {
  const auto text = run.more.find(std::string(key));
  return text == run.more.end() ? Json() : parse_in_order(text->second, key);
}

}  // namespace

BodyParts::BodyParts(Request& request, std::string_view signals, std::string_view returns)
    : signals_(signals), returns_(returns) {
  if (request.content_type == "application/json") return;
  format_ = body_format(request);
  const auto find = [&](const std::string& key) {
    const auto text = request.query.find(key);
    return text == request.query.end() ? Json() : parse_in_order(text->second, key);
  };
  if (const Json places = find(signals_); !places.is_null()) {
    require_object(signals_, places);
    for (const auto& [name, place] : places.items())
      parts_.push_back({name, read_place(signals_, place, request.body.size()), std::make_shared<ByteBuffer>(), true});
  }
  if (const Json place = find(returns_); !place.is_null())
    parts_.push_back({"", read_place(returns_, place, request.body.size()), std::make_shared<ByteBuffer>(), false});
  if (parts_.empty()) return;
  std::vector<std::size_t> ends{request.body.size()};
  for (const Part& part : parts_) ends.push_back(part.begin);
  std::sort(ends.begin(), ends.end());
  if (std::adjacent_find(ends.begin(), ends.end()) != ends.end())
    refuse_part(signals_.empty() ? returns_ : signals_, "different places in the body", Json(ends),
                "Each table begins at its own place.");
  for (Part& part : parts_)
    part.bytes->append(request.body.data() + part.begin, *std::upper_bound(ends.begin(), ends.end(), part.begin) - part.begin);
  ByteBuffer head;
  head.append(request.body.data(), ends.front());
  request.body = std::move(head);
}

std::vector<NamedSignal> BodyParts::read_signals(const RunRequest& run, const ServerState& state) const {
  std::vector<NamedSignal> out;
  for (const Part& part : parts_)
    if (part.is_signal)
      out.push_back({part.name, read_own_bytes(part.bytes, format_, {run.sigvar}, state.options.max_body_bytes, run.reading)});
  if (!format_.empty()) return out;
  const Json json = find_json(run, signals_);
  if (json.is_null()) return out;
  require_object(signals_, json);
  for (const auto& [name, rows] : json.items()) out.push_back({name, read_json_signal(rows, run)});
  return out;
}

std::vector<ReturnSeries> BodyParts::read_factor_returns(const RunRequest& run, const ServerState& state) const {
  for (const Part& part : parts_)
    if (!part.is_signal)
      return read_return_bytes(part.bytes->data(), part.bytes->size(), format_, state.options.max_body_bytes, run.reading);
  if (!format_.empty()) return {};
  const Json json = find_json(run, returns_);
  if (json.is_null()) return {};
  const Table table = read_columns(returns_, json);
  ArrowArrayStream stream{};
  table_to_arrow(table, &stream);
  return fractile::read_returns(&stream, run.reading);
}

nlohmann::ordered_json named_signals_schema(const char* doc) {
  const Json rows{{"anyOf", {reference("Signal"), {{"type", "integer"}}}}};
  return {{"type", {"object", "null"}},
          {"additionalProperties", rows},
          {"maxProperties", BodyParts::kMostSignals},
          {"description", std::string(doc) +
                              " By name, each as signal. With a body that is not JSON: the byte at which each begins behind the "
                              "signal, in the form of the body."}};
}

nlohmann::ordered_json factor_returns_schema(const char* doc) {
  const Json column{{"type", "array"}, {"items", {{"type", {"number", "string", "null"}}}}};
  const Json table{{"type", "object"},
                   {"required", {"date"}},
                   {"properties", {{"date", {{"type", "array"}, {"items", {{"type", "string"}}}}}}},
                   {"additionalProperties", column}};
  return {{"anyOf", {table, {{"type", {"integer", "null"}}}}},
          {"description", std::string(doc) +
                              " Lists of equal length: date, and returns by factor; null is a missing one. With a body that is "
                              "not JSON: the byte at which the table begins behind the signal, in the form of the body."}};
}

}  // namespace fractile::server
