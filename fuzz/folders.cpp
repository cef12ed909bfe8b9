// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
//
// The target for folders of files: the input names files, with folders such as key=value, and says what is in them.
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

#include "fractile/panel.hpp"
#include "fractile/read_signal.hpp"
#include "laws.hpp"
#include "markets.hpp"
#include "targets.hpp"

namespace fractile::fuzz {

void run_folder(Input input);

namespace {

namespace fs = std::filesystem;
constexpr int kMostFiles = 8;
constexpr std::size_t kMostNameBytes = 200;

/// Name, zero byte, content, zero byte, and so on. Names that leave the folder are skipped.
int write_files(const fs::path& folder, std::string_view text) {
  int n_files = 0;
  while (!text.empty() && n_files < kMostFiles) {
    const auto take = [&text] {
      const auto end = text.find('\0');
      const std::string out(text.substr(0, end));
      text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
      return out;
    };
    const std::string name = take(), content = take();
    const fs::path path = folder / fs::path(name).relative_path();
    const bool leaves = path.lexically_normal().string().find(folder.string() + "/") != 0;
    std::error_code failed;
    if (name.empty() || name.size() > kMostNameBytes || leaves) continue;
    fs::create_directories(path.parent_path(), failed);
    std::ofstream file(path, std::ios::binary);
    if (!failed && (file << content)) ++n_files;
  }
  return n_files;
}

void check_refusal(const std::optional<Error>& refusal, ErrorCategory category, const char* law) {
  if (refusal) ensure(error_info(refusal->code()).category == category, law, refusal->what());
}

}  // namespace

void run_folder(Input input) {
  const fs::path folder = fs::path(market_folder()) / "lake.csv";
  fs::remove_all(folder);
  fs::create_directories(folder);
  write_files(folder, as_text(input));
  check_refusal(refusal_of([&] {
                  const Signal signal = read_signal_file(folder.string(), {"signal"}, {});
                  market(0).fresh->run(signal.keys, signal.values[0], {});
                }),
                ErrorCategory::signal, "a wrong folder of a signal is a SignalError");
  const std::string& root = market_folder();
  const auto refusal = refusal_of([&] {
    const auto panel = open_panel_file(folder, {});
    create_snapshot(root, "of_folder", *panel, {});
  });
  check_refusal(refusal, ErrorCategory::snapshot, "a wrong folder of a panel is a SnapshotError");
  if (!refusal) remove_snapshot(root, "of_folder");
  fs::remove_all(folder);
}

}  // namespace fractile::fuzz
