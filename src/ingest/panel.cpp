// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "fractile/panel.hpp"

#include <algorithm>
#include <cstdio>
#include <memory>
#include <string_view>
#include <vector>

#include "arrow/arrow_column.hpp"
#include "arrow/arrow_export.hpp"
#include "formats/formats.hpp"
#include "fractile/error.hpp"
#include "ingest/text_table.hpp"
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

/// The hash of a folder is over the paths and bytes of its files, in the order in which they are read.
std::string hash_source(const std::filesystem::path& path) {
  if (!std::filesystem::is_directory(path)) return hash_file(path);
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(path))
    if (entry.is_regular_file()) files.push_back(entry.path());
  std::sort(files.begin(), files.end(), [](const auto& a, const auto& b) { return a.string() < b.string(); });
  std::string all;
  for (const auto& file : files) all += file.lexically_relative(path).string() + '\n' + hash_file(file) + '\n';
  return to_hex(hash_bytes(all.data(), all.size()));
}

/// A Parquet file stores columns separately, so each column is read on request.
class ParquetPanel : public PanelSource {
 public:
  explicit ParquetPanel(std::filesystem::path path) : path_(std::move(path)), hash_(hash_source(path_)) {}
  std::vector<std::string> column_names() override {
    return formats::column_names(path_.string(), {}, ErrorCode::UNREADABLE_PANEL);
  }
  void open_columns(const std::vector<std::string>& names, ArrowArrayStream* out) override {
    formats::open_file(path_.string(), names, {}, ErrorCode::UNREADABLE_PANEL, out);
  }
  std::string source_name() const override { return path_.filename().string(); }
  std::string source_hash() const override { return hash_; }

 private:
  std::filesystem::path path_;
  std::string hash_;
};

/// Collects a stream by the reader of signals. Its messages fit, but its error code must become that of a panel.
template <class Work>
auto as_panel_errors(Work&& work) {
  try {
    return work();
  } catch (const Error& error) {
    if (error.code() != ErrorCode::UNREADABLE_SIGNAL) throw;
    const std::string_view message = error.what();
    const std::size_t name_size = error_info(error.code()).name.size() + 2;
    throw Error(ErrorCode::UNREADABLE_PANEL, std::string(message.substr(name_size)));
  }
}

std::size_t find_column(const std::vector<std::string>& names, const std::string& name, const std::string& panel) {
  const auto found = std::find(names.begin(), names.end(), name);
  if (found == names.end())
    throw Error(ErrorCode::PANEL_MISSING_COLUMN, "expected a column of the panel \"" + panel + "\", found \"" + name +
                                                     "\", which it lacks. Ask for one that it has.");
  return static_cast<std::size_t>(found - names.begin());
}

/// A CSV is parsed once, when a column is first asked for; columns that the options leave out are not looked at.
class CsvPanel : public PanelSource {
 public:
  CsvPanel(std::filesystem::path path, ReadOptions options)
      : path_(std::move(path)), options_(std::move(options)), hash_(hash_source(path_)) {}
  std::vector<std::string> column_names() override {
    if (names_.empty()) names_ = formats::column_names(path_.string(), options_, ErrorCode::UNREADABLE_PANEL);
    return names_;
  }
  void read_only(const std::vector<std::string>& names) override { wanted_ = names; }
  void read_as_texts(const std::vector<std::string>& names) override { texts_ = names; }
  void open_columns(const std::vector<std::string>& names, ArrowArrayStream* out) override {
    if (!table_) {
      const OpenTexts open = [this](const std::vector<std::string>& of, ArrowArrayStream* stream) {
        formats::open_file(path_.string(), of, options_, ErrorCode::UNREADABLE_PANEL, stream);
      };
      // The keys are asked for first: their texts say what they are.
      texts_.insert(texts_.end(), names.begin(), names.end());
      table_ =
          as_panel_errors([&] { return TextTable::read(open, wanted_.empty() ? column_names() : wanted_, options_, texts_); });
    }
    std::vector<std::size_t> columns;
    for (const std::string& name : names) columns.push_back(find_column(table_->names(), name, source_name()));
    table_->open_columns(columns, out);
  }
  std::string source_name() const override { return path_.filename().string(); }
  std::string source_hash() const override { return hash_; }

 private:
  std::filesystem::path path_;
  ReadOptions options_;
  std::string hash_;
  std::vector<std::string> names_, wanted_, texts_;
  std::shared_ptr<TextTable> table_;
};

/// A panel of batches in memory, exported column by column without a copy.
class CollectedPanel : public PanelSource {
 public:
  CollectedPanel(ArrowArrayStream* stream, std::string name, std::string hash)
      : batches_(as_panel_errors([&] { return std::make_shared<ArrowBatches>(stream); })),
        name_(std::move(name)),
        hash_(std::move(hash)) {}
  std::vector<std::string> column_names() override { return batches_->names(); }
  void open_columns(const std::vector<std::string>& names, ArrowArrayStream* out) override {
    std::vector<int> columns;
    for (const std::string& name : names) columns.push_back(static_cast<int>(find_column(batches_->names(), name, name_)));
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

std::unique_ptr<PanelSource> open_panel_file(const std::filesystem::path& path, const ReadOptions& options) {
  const std::string format = formats::format_of_path(path.string(), ErrorCode::UNREADABLE_PANEL);
  if (format == "parquet") return std::make_unique<ParquetPanel>(path);
  if (format == "csv") return std::make_unique<CsvPanel>(path, options);
  std::string hash = hash_source(path);
  ArrowArrayStream stream{};
  formats::open_file(path.string(), {}, options, ErrorCode::UNREADABLE_PANEL, &stream);
  return std::make_unique<CollectedPanel>(&stream, path.filename().string(), std::move(hash));
}

std::unique_ptr<PanelSource> collect_panel(ArrowArrayStream* stream, std::string source_name) {
  const IeeeArithmetic arithmetic;
  return std::make_unique<CollectedPanel>(stream, std::move(source_name), "");
}

}  // namespace fractile
