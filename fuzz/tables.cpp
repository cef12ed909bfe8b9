// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
//
// The targets for tables: Arrow IPC and CSV, as a signal and as a panel. libarrow, which is not instrumented, decodes them; our
// own code reads its output.
#include <memory>
#include <optional>
#include <string>

#include "formats/formats.hpp"
#include "fractile/panel.hpp"
#include "ingest/signal_reader.hpp"
#include "laws.hpp"
#include "markets.hpp"
#include "targets.hpp"

namespace fractile::fuzz {

void run_arrow_ipc(Input input);
void run_csv(Input input);

namespace {

constexpr std::size_t kMostDecoded = std::size_t{1} << 22;

/// The result of a run on the signal as text, or its refusal.
std::string run(const Signal& signal) {
  std::optional<Result> result;
  const auto refusal = refusal_of([&] { result = market(0).fresh->run(signal.keys, signal.values[0], {}); });
  if (!refusal) return describe(std::move(*result));
  ensure(error_info(refusal->code()).category == ErrorCategory::signal, "a wrong signal is a SignalError", refusal->what());
  return refusal->what();
}

void read_as_signal(Input input, const char* format) {
  std::string kept, own;
  const auto refusal =
      refusal_of([&] { kept = run(read_signal_bytes(input.data(), input.size(), format, {"signal"}, kMostDecoded)); });
  // The server gives up its bytes, so the reader may read them in place and overwrite them.
  const auto own_refusal = refusal_of([&] {
    const auto bytes = std::make_shared<ByteBuffer>();
    bytes->append(input.data(), input.size());
    own = run(read_own_bytes(bytes, format, {"signal"}, kMostDecoded));
  });
  ensure(refusal.has_value() == own_refusal.has_value(), "bytes that are given up read as bytes that stay with the caller",
         (refusal ? refusal->what() : "read") + std::string(" / ") + (own_refusal ? own_refusal->what() : "read"));
  ensure(kept == own, "bytes that are given up read as bytes that stay with the caller", show_difference(kept, own));
  if (refusal)
    ensure(error_info(refusal->code()).category == ErrorCategory::signal, "a wrong signal is a SignalError", refusal->what());
}

void read_as_panel(Input input, const char* format) {
  const std::string& root = market_folder();
  const auto refusal = refusal_of([&] {
    ArrowArrayStream stream{};
    formats::open_bytes(input.data(), input.size(), format, {}, kMostDecoded, ErrorCode::UNREADABLE_PANEL, &stream);
    const auto panel = collect_panel(&stream, "bytes");
    create_snapshot(root, "made", *panel, {});
  });
  if (refusal) {
    ensure(error_info(refusal->code()).category == ErrorCategory::snapshot, "a wrong panel is a SnapshotError", refusal->what());
    return;
  }
  // A snapshot that was made can be used.
  const auto snapshot = Snapshot::open(root, "made", Verify::content);
  const Backtester backtester(make_view(snapshot, std::nullopt, std::nullopt, true));
  const std::int64_t id = snapshot->security_ids().front();
  const Day sig = snapshot->dates().front();
  const double value = 1.0;
  SignalKeys keys;
  keys.n_rows = 1;
  keys.security_id = &id;
  keys.date_sig = {&sig, DateUnit::day};
  refusal_of([&] { backtester.run(keys, &value, {}); });
  remove_snapshot(root, "made");
}

void read_both(Input input, const char* format) {
  read_as_signal(input, format);
  read_as_panel(input, format);
}

}  // namespace

void run_arrow_ipc(Input input) { read_both(input, "arrow"); }
void run_csv(Input input) { read_both(input, "csv"); }

}  // namespace fractile::fuzz
