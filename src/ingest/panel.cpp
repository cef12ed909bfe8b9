// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "fractile/panel.hpp"

#include <cstdio>
#include <memory>
#include <string_view>
#include <vector>

#include "arrow/arrow_column.hpp"
#include "arrow/arrow_export.hpp"
#include "formats/formats.hpp"
#include "fractile/error.hpp"
#include "types/hash.hpp"
#include "types/ieee_arithmetic.hpp"

namespace fractile {
namespace {

std::string hash_file(const std::filesystem::path& path) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "rb"), &std::fclose);
  if (!file)
    throw Error(ErrorCode::UNREADABLE_PANEL,
                "expected a readable panel file, found none at \"" + path.string() + "\". Check the path.");
  StreamHash hash;
  std::vector<char> block(std::size_t{1} << 20);
  while (const std::size_t n = std::fread(block.data(), 1, block.size(), file.get())) hash.update(block.data(), n);
  if (std::ferror(file.get()))
    throw Error(ErrorCode::UNREADABLE_PANEL,
                "expected a readable panel file, found that reading \"" + path.string() + "\" failed. Check the path.");
  return to_hex(hash.digest());
}

/// Parquet keeps columns apart, so each is read when it is asked for.
class ParquetPanel : public PanelSource {
 public:
  explicit ParquetPanel(std::filesystem::path path) : path_(std::move(path)), hash_(hash_file(path_)) {}
  std::vector<std::string> column_names() override { return formats::column_names(path_.string(), ErrorCode::UNREADABLE_PANEL); }
  void open_columns(const std::vector<std::string>& names, ArrowArrayStream* out) override {
    formats::open_file(path_.string(), names, ErrorCode::UNREADABLE_PANEL, out);
  }
  std::string source_name() const override { return path_.filename().string(); }
  std::string source_hash() const override { return hash_; }

 private:
  std::filesystem::path path_;
  std::string hash_;
};

/// Streams are read by the reader of signals, whose words fit but whose code does not.
std::shared_ptr<ArrowBatches> collect(ArrowArrayStream* stream) {
  try {
    return std::make_shared<ArrowBatches>(stream);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::UNREADABLE_SIGNAL) throw;
    const std::string_view message = error.what();
    const std::size_t name_size = error_info(error.code()).name.size() + 2;
    throw Error(ErrorCode::UNREADABLE_PANEL, std::string(message.substr(name_size)));
  }
}

/// Batches in memory, given out again column by column without a copy.
class CollectedPanel : public PanelSource {
 public:
  CollectedPanel(ArrowArrayStream* stream, std::string name, std::string hash)
      : batches_(collect(stream)), name_(std::move(name)), hash_(std::move(hash)) {}
  std::vector<std::string> column_names() override { return batches_->names(); }
  void open_columns(const std::vector<std::string>& names, ArrowArrayStream* out) override {
    std::vector<int> columns;
    for (const std::string& name : names) {
      columns.push_back(batches_->find(name));
      if (columns.back() < 0)
        throw Error(ErrorCode::PANEL_MISSING_COLUMN, "expected a column of the panel \"" + name_ + "\", found \"" + name +
                                                         "\", which it lacks. Ask for one that it has.");
    }
    export_columns(batches_, columns, out);
  }
  std::string source_name() const override { return name_; }
  std::string source_hash() const override { return hash_; }

 private:
  std::shared_ptr<ArrowBatches> batches_;
  std::string name_;
  std::string hash_;
};

}  // namespace

std::unique_ptr<PanelSource> open_panel_file(const std::filesystem::path& path) {
  if (formats::format_of_path(path.string(), ErrorCode::UNREADABLE_PANEL) == "parquet")
    return std::make_unique<ParquetPanel>(path);
  std::string hash = hash_file(path);
  ArrowArrayStream stream{};
  formats::open_file(path.string(), {}, ErrorCode::UNREADABLE_PANEL, &stream);
  return std::make_unique<CollectedPanel>(&stream, path.filename().string(), std::move(hash));
}

std::unique_ptr<PanelSource> collect_panel(ArrowArrayStream* stream, std::string source_name) {
  const IeeeArithmetic arithmetic;
  return std::make_unique<CollectedPanel>(stream, std::move(source_name), "");
}

}  // namespace fractile
