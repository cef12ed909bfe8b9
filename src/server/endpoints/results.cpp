// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
//
// A stored result again, whole or one table of it.
#include <algorithm>

#include "formats/formats.hpp"
#include "output/output.hpp"
#include "server/endpoint.hpp"
#include "server/openapi.hpp"
#include "server/result_store.hpp"
#include "server/run_request.hpp"
#include "server/sheet_answer.hpp"
#include "types/take_rows.hpp"

namespace fractile::server {
namespace {

constexpr std::string_view kCsv = "text/csv";

Day read_date(const Request& request) {
  const std::string& text = request.query.at("date");
  Day day = 0;
  if (!request.query.contains("table") || !parse_day(text, day))
    throw Error(ErrorCode::INVALID_VALUE,
                "expected date as a day such as 2020-01-06, beside a table, found \"" + text.substr(0, 40) + "\". Correct it.");
  return day;
}

void check_results(const Request& request) {
  for (const auto& [name, value] : request.query)
    if (name != "orient" && name != "table" && name != "date")
      throw Error(ErrorCode::UNKNOWN_OPTION,
                  "expected orient, table or date in the query, found \"" + name.substr(0, 40) + "\". Leave it out.");
  read_orient(request);
  if (request.query.contains("date")) read_date(request);
}

const Table& find_table(const Result& result, const std::string& name) {
  const Table* const table = result.tables.find(name);
  if (!table || table->columns.empty())
    throw Error(ErrorCode::NOT_FOUND, "expected a table that the result has, found \"" + name.substr(0, 40) +
                                          "\". docs/tables.md lists them, and the option that asks for each.");
  return *table;
}

/// The rows of one day of a table that has days.
Table rows_of_day(const Table& table, Day day) {
  const Column* const column = table.find("date");
  const auto* const dates = column ? std::get_if<Column::Dates>(&column->values) : nullptr;
  if (!dates) throw Error(ErrorCode::INVALID_VALUE, "expected a table of days beside date, found another. Leave date out.");
  std::vector<std::size_t> places;
  for (std::size_t row = 0; row < dates->days.size(); ++row)
    if (dates->days[row] == day) places.push_back(row);
  return take_rows(table, places);
}

/// A spreadsheet reads a text that begins so as a formula. With a quote before it, it stays text.
Table without_formulas(Table table) {
  for (Column& column : table.columns)
    if (auto* texts = std::get_if<std::vector<std::string>>(&column.values))
      for (std::string& text : *texts)
        if (!text.empty() && std::string_view("=+-@\t\r").find(text.front()) != std::string_view::npos) text.insert(0, "'");
  return table;
}

void append_parquet(const Table& table, std::string& out) {
  ArrowArrayStream stream{};
  table_to_arrow(table, &stream);
  formats::write_parquet(&stream, [&out](std::size_t size) {
    out.resize(size);
    return out.data();
  });
}

Answer answer_results(Request& request, const ServerState& state, const Interrupt&) {
  const auto stored = state.results.find(path_variable(request.path));
  if (!stored)
    throw Error(ErrorCode::NOT_FOUND,
                "expected the id of a stored result, found one that is not stored, or no longer. Run the signal again.");
  const Result& result = stored->result;
  Answer answer;
  answer.run_id = result.run_id;
  answer.headers.emplace_back("Cache-Control", "no-store");
  const auto table = request.query.find("table");
  if (table != request.query.end()) {
    const Table& whole = find_table(result, table->second);
    const Table found = request.query.contains("date") ? rows_of_day(whole, read_date(request)) : whole;
    if (accepts(request, kCsv)) {
      answer.content_type = "text/csv; charset=utf-8";
      answer.body = table_to_csv(without_formulas(found));
    } else if (accepts(request, kParquet)) {
      answer.content_type = kParquet;
      append_parquet(found, answer.body);
    } else {
      answer.body = table_to_json(found, read_orient(request));
    }
  } else if (wants_sheet(request)) {
    write_sheet(request, *stored, state, answer);
  } else if (wants_arrow(request)) {
    answer.content_type = kArrowStream;
    append_arrow("", result, answer.body);
  } else {
    answer.body = result_to_json(result, read_orient(request));
  }
  return answer;
}

Json describe_results(bool asks_token) {
  std::set<int> statuses{404, 422};
  statuses.merge(token_statuses(asks_token));
  Json good = json_answer(reference("Result"), "The result, or with table=NAME one table of it.");
  for (const std::string_view type : {kSheetJson, kHtml, kCsv})
    good["content"][std::string(type)] = {{"schema", {{"type", "string"}}}};
  for (const std::string_view type : {kArrowStream, kParquet})
    good["content"][std::string(type)] = {{"schema", {{"type", "string"}, {"format", "binary"}}}};
  // One table is a list of records, or an object with orient=split.
  good["content"]["application/json"]["schema"] = Json::object();
  Json out = describe_get("result", "A stored result again", good, statuses);
  out["parameters"] = Json{{{"name", "table"},
                            {"in", "query"},
                            {"schema", {{"type", "string"}}},
                            {"description", "One table, as JSON, CSV or Parquet."}},
                           {{"name", "date"},
                            {"in", "query"},
                            {"schema", {{"type", "string"}, {"format", "date"}}},
                            {"description", "The rows of one day of a table that has days."}},
                           {{"name", "orient"},
                            {"in", "query"},
                            {"schema", {{"type", "string"}, {"enum", {"records", "split"}}, {"default", "records"}}}}};
  return out;
}

}  // namespace

Endpoint results_endpoint() {
  return {.path = "/results/{id}", .check = check_results, .answer = answer_results, .describe = describe_results};
}

}  // namespace fractile::server
