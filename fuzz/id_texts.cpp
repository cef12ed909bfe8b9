// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
//
// The target for text ids: the lines of the input as ids of a panel and of a signal, and the input as the bytes of ids.bin.
#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "fractile/backtest.hpp"
#include "fractile/panel.hpp"
#include "laws.hpp"
#include "markets.hpp"
#include "snapshot/text_ids.hpp"
#include "snapshot_rows.hpp"
#include "targets.hpp"
#include "types/id_text.hpp"

namespace fractile::fuzz {

void run_id_texts(Input input);

namespace {

constexpr std::size_t kMostTexts = 200;

std::vector<std::string> split_lines(std::string_view text) {
  std::vector<std::string> out;
  while (out.size() < kMostTexts) {
    const auto end = text.find('\n');
    out.emplace_back(text.substr(0, end));
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + 1);
  }
  return out;
}

/// A second opinion on UTF-8, by nlohmann's JSON writer.
bool is_json_text(std::string_view text) {
  try {
    return !nlohmann::json(text).dump().empty();
  } catch (const nlohmann::json::type_error&) {
    return false;
  }
}

void check_text(std::string_view given) {
  const std::string_view text = trim_id(given);
  ensure(trim_id(text) == text, "a trimmed text has nothing to trim");
  ensure(is_utf8(text) == is_json_text(text), "UTF-8 is what others take for it");
  std::int64_t number = 0;
  if (!parse_whole_id(text, number)) return;
  const std::string digits = std::to_string(number);
  ensure(text.starts_with(digits), "a whole number is written as usual", std::string(text));
  ensure(text.substr(digits.size()).find_first_not_of(".0") == std::string_view::npos, "no digit is lost", std::string(text));
}

/// One day of a panel with these ids, and a signal of the same texts on it.
void use_as_ids(const std::vector<std::string>& lines) {
  std::set<std::string> ids;
  for (const std::string& line : lines)
    if (const auto text = trim_id(line); !text.empty()) ids.emplace(text);
  const std::vector<std::string> texts(ids.begin(), ids.end());
  const std::string& root = market_folder();
  const auto refusal = refusal_of([&] {
    std::vector<testing::Array> columns{testing::texts("security_id", "u", texts),
                                        testing::plain("date", "tdD", std::vector<std::int32_t>(texts.size(), 18000)),
                                        testing::plain("ret", "g", std::vector<double>(texts.size(), 0.5))};
    create_snapshot(root, "texts", *testing::panel_of(std::move(columns)), {});
  });
  const bool is_fine = std::all_of(texts.begin(), texts.end(),
                                   [](const std::string& text) { return text.size() <= kMaxIdBytes && is_utf8(text); });
  if (refusal) {
    const bool is_twice = refusal->code() == ErrorCode::PANEL_DUPLICATE_ROW;  // 1 and 1.0
    ensure(!is_fine || texts.empty() || is_twice, "ids that are fine are taken", refusal->what());
    return;
  }
  const auto snapshot = Snapshot::open(root, "texts", Verify::content);
  ensure(snapshot->security_ids().size() == texts.size(), "a security per text");
  if (snapshot->id_type() == IdType::text)
    for (const std::string& text : texts) {
      const SecurityIndex security = snapshot->find_text(text);
      ensure(security >= 0 && std::get<std::string>(snapshot->security_id(security)) == text, "every text is found", text);
    }
  // Both kinds of signals on it: an answer or a refusal.
  const Backtester backtester(make_view(snapshot, std::nullopt, std::nullopt, true));
  const std::vector<std::string_view> views(lines.begin(), lines.end());
  std::vector<std::int32_t> codes(views.size());
  for (std::size_t i = 0; i < codes.size(); ++i) codes[i] = static_cast<std::int32_t>(i);
  const std::vector<Day> days(views.size(), 17999);
  const std::vector<double> values(views.size(), 1.0);
  SignalKeys keys;
  keys.n_rows = static_cast<std::int64_t>(views.size());
  keys.security_id.codes = codes.data();
  keys.security_id.texts = views;
  keys.date_sig = {days.data(), DateUnit::day};
  const auto refused = refusal_of([&] { backtester.run(keys, values.data(), {}); });
  ensure(!refused || refused->code() == ErrorCode::NO_USABLE_ROWS, "texts of the panel are ids of a signal",
         refused ? refused->what() : "");
  remove_snapshot(root, "texts");
}

}  // namespace

void run_id_texts(Input input) {
  const std::string_view text(reinterpret_cast<const char*>(input.data()), input.size());
  const std::vector<std::string> lines = split_lines(text);
  for (const std::string& line : lines) check_text(line);
  use_as_ids(lines);
  TextIds read;
  const std::string wrong = read.read(std::as_bytes(std::span(input.data(), input.size())), input.size() % 64);
  for (std::size_t i = 1; wrong.empty() && i < read.all().size(); ++i) ensure(read.all()[i - 1] < read.all()[i], "texts ascend");
}

}  // namespace fractile::fuzz
