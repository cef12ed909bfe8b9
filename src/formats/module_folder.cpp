// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "formats/module_folder.hpp"

#include <arrow/compute/cast.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <optional>

namespace formats_module {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMostFiles = 100000;
constexpr std::string_view kNullKey = "__HIVE_DEFAULT_PARTITION__";

struct Part {
  std::string path;
  std::map<std::string, std::string> keys;
  std::shared_ptr<arrow::Schema> schema;
};

std::string decode_url(const std::string& text) {
  const auto digit = [](char c) {
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
  };
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size() && digit(text[i + 1]) >= 0 && digit(text[i + 2]) >= 0) {
      out += static_cast<char>(digit(text[i + 1]) * 16 + digit(text[i + 2]));
      i += 2;
    } else {
      out += text[i];
    }
  }
  return out;
}

bool is_hidden(const std::string& name) { return name.starts_with('_') || name.starts_with('.'); }

arrow::Result<std::vector<Part>> list_parts(const fs::path& folder) {
  std::vector<Part> parts;
  for (auto entry = fs::recursive_directory_iterator(folder); entry != fs::recursive_directory_iterator(); ++entry) {
    if (is_hidden(entry->path().filename().string())) {
      if (entry->is_directory()) entry.disable_recursion_pending();
      continue;
    }
    if (!entry->is_regular_file()) continue;
    Part part;
    part.path = entry->path().string();
    for (const fs::path& step : entry->path().lexically_relative(folder).parent_path())
      if (const std::string name = step.string(); name.find('=') != std::string::npos)
        part.keys[decode_url(name.substr(0, name.find('=')))] = decode_url(name.substr(name.find('=') + 1));
    parts.push_back(std::move(part));
    if (parts.size() > kMostFiles) return arrow::Status::Invalid("more than ", kMostFiles, " files");
  }
  std::sort(parts.begin(), parts.end(), [](const Part& a, const Part& b) { return a.path < b.path; });
  return parts;
}

/// A file's failure with its name, before the remedy.
arrow::Status name_file(const arrow::Status& status, const std::string& path) {
  if (status.ok()) return status;
  const std::string& said = status.message();
  const auto end = std::min(said.find(". "), said.size());
  return arrow::Status::Invalid(said.substr(0, end), " in \"", path, "\"", said.substr(end));
}

/// A name that a file has twice would be read as missing.
arrow::Status require_different_names(const arrow::Schema& schema, const std::string& path) {
  for (const auto& field : schema.fields())
    if (schema.GetFieldIndex(field->name()) < 0)
      return arrow::Status::Invalid("the column \"", field->name(), "\" twice in \"", path, "\". Rename or remove one of them");
  return arrow::Status::OK();
}

/// One type for a column that files have in two: numbers become float64.
arrow::Result<std::shared_ptr<arrow::DataType>> merge_types(const std::string& name, const std::shared_ptr<arrow::DataType>& a,
                                                            const std::shared_ptr<arrow::DataType>& b) {
  if (a->Equals(*b)) return a;
  if (a->id() == arrow::Type::NA) return b;
  if (b->id() == arrow::Type::NA) return a;
  const auto is_number = [](const arrow::DataType& type) {
    return arrow::is_integer(type.id()) || arrow::is_floating(type.id());
  };
  const auto is_text = [](const arrow::DataType& type) {
    return arrow::is_string(type.id()) || type.id() == arrow::Type::STRING_VIEW || type.id() == arrow::Type::DICTIONARY;
  };
  if (arrow::is_integer(a->id()) && arrow::is_integer(b->id())) return arrow::int64();
  if (is_number(*a) && is_number(*b)) return arrow::float64();
  if (is_text(*a) && is_text(*b)) return arrow::large_utf8();
  // A cast from a zone to none would give the time of UTC.
  const auto is_time = [](const arrow::DataType& type) {
    return arrow::is_date(type.id()) ||
           (type.id() == arrow::Type::TIMESTAMP && static_cast<const arrow::TimestampType&>(type).timezone().empty());
  };
  if (is_time(*a) && is_time(*b)) return arrow::timestamp(arrow::TimeUnit::MICRO);
  return arrow::Status::Invalid("the column \"", name, "\" as ", a->ToString(), " in one file and as ", b->ToString(),
                                " in another. Write all files with one type, or leave the column out (--drop)");
}

class FolderReader : public arrow::RecordBatchReader {
 public:
  /// `fault`: fails when rows are read, as the names can still be listed.
  FolderReader(std::vector<Part> parts, std::shared_ptr<arrow::Schema> schema, OpenOne open, arrow::MemoryPool* pool,
               arrow::Status fault)
      : parts_(std::move(parts)), schema_(std::move(schema)), open_(std::move(open)), pool_(pool), fault_(std::move(fault)) {}
  std::shared_ptr<arrow::Schema> schema() const override { return schema_; }
  arrow::Status ReadNext(std::shared_ptr<arrow::RecordBatch>* out) override {
    ARROW_RETURN_NOT_OK(fault_);
    for (;;) {
      if (!reader_) {
        if (next_ == parts_.size()) {
          *out = nullptr;
          return arrow::Status::OK();
        }
        ARROW_RETURN_NOT_OK(open_next());
      }
      std::shared_ptr<arrow::RecordBatch> batch;
      ARROW_RETURN_NOT_OK(name_file(reader_->ReadNext(&batch), part_->path));
      if (batch) return adapt(*batch, out);
      reader_.reset();
    }
  }

 private:
  arrow::Status open_next() {
    const Part& part = parts_[next_++];
    Names names;
    for (const auto& field : schema_->fields())
      if (part.schema->GetFieldIndex(field->name()) >= 0) names.push_back(field->name());
    // A file with none of the columns still has rows.
    if (names.empty()) names.push_back(part.schema->field(0)->name());
    ARROW_ASSIGN_OR_RAISE(reader_, open_(part.path, names));
    part_ = &part;
    return arrow::Status::OK();
  }

  arrow::Status adapt(const arrow::RecordBatch& batch, std::shared_ptr<arrow::RecordBatch>* out) const {
    arrow::ArrayVector columns;
    for (const auto& field : schema_->fields()) {
      std::shared_ptr<arrow::Array> column = batch.GetColumnByName(field->name());
      const auto key = part_->keys.find(field->name());
      if (column && key != part_->keys.end()) ARROW_RETURN_NOT_OK(check_key(field->name(), key->second, column));
      if (column && !column->type()->Equals(*field->type())) {
        auto cast = arrow::compute::Cast(*column, field->type());
        if (!cast.ok())
          return arrow::Status::Invalid("the column \"", field->name(), "\" of \"", part_->path, "\" as ",
                                        column->type()->ToString(), ", which is ", field->type()->ToString(),
                                        " with the other files: ", cast.status().message());
        column = *std::move(cast);
      } else if (!column && key != part_->keys.end() && key->second != kNullKey) {
        ARROW_ASSIGN_OR_RAISE(column, arrow::MakeArrayFromScalar(arrow::StringScalar(key->second), batch.num_rows(), pool_));
      } else if (!column) {
        ARROW_ASSIGN_OR_RAISE(column, arrow::MakeArrayOfNull(field->type(), batch.num_rows(), pool_));
      }
      columns.push_back(std::move(column));
    }
    *out = arrow::RecordBatch::Make(schema_, batch.num_rows(), std::move(columns));
    return arrow::Status::OK();
  }

  /// A date is written with its time, and a number in several ways: 1, 01, 1.0.
  static bool is_same(std::string_view key, std::string_view value) {
    if (key == value) return true;
    constexpr std::size_t kDay = 10;
    if (value.size() > kDay && key.size() == kDay && value.starts_with(key) && (value[kDay] == ' ' || value[kDay] == 'T'))
      return value.find_first_not_of("0:.Z", kDay + 1) == std::string_view::npos;
    // 20200102 is 2020-01-02.
    if (key.size() == kDay - 2 && value.size() >= kDay && value[4] == '-' && value[7] == '-')
      return is_same(std::string(key.substr(0, 4)) + "-" + std::string(key.substr(4, 2)) + "-" + std::string(key.substr(6)),
                     value);
    const auto number = [](std::string_view text) {
      char* end = nullptr;
      const std::string copy(text);
      const double out = std::strtod(copy.c_str(), &end);
      return !copy.empty() && *end == '\0' ? std::optional(out) : std::nullopt;
    };
    const auto a = number(key), b = number(value);
    return a && b && *a == *b;
  }

  /// A folder's key that its files have as a column too says the same.
  arrow::Status check_key(const std::string& name, const std::string& key, const std::shared_ptr<arrow::Array>& column) const {
    ARROW_ASSIGN_OR_RAISE(const auto texts, arrow::compute::Cast(*column, arrow::utf8()));
    const auto& values = static_cast<const arrow::StringArray&>(*texts);
    for (int64_t i = 0; i < values.length(); ++i)
      if (values.IsNull(i) ? key != kNullKey : !is_same(key, values.GetView(i)))
        return arrow::Status::Invalid("a column \"", name, "\" that differs from the name of its folder, \"", name, "=", key,
                                      "\", in \"", part_->path, "\"");
    return arrow::Status::OK();
  }

  std::vector<Part> parts_;
  std::shared_ptr<arrow::Schema> schema_;
  OpenOne open_;
  arrow::MemoryPool* pool_;
  arrow::Status fault_;
  std::size_t next_ = 0;
  const Part* part_ = nullptr;
  Reader reader_;
};

}  // namespace

arrow::Result<Reader> read_folder(const std::string& folder, const Names& names, const OpenOne& open, arrow::MemoryPool* pool) {
  ARROW_ASSIGN_OR_RAISE(std::vector<Part> parts, list_parts(folder));
  if (parts.empty()) return arrow::Status::Invalid("a folder without files");
  std::vector<std::string> order;
  std::map<std::string, std::shared_ptr<arrow::DataType>> types;
  std::map<std::string, arrow::Status> faults;  // a column that nobody reads may have any types
  const auto add = [&](const std::string& name, const std::shared_ptr<arrow::DataType>& type) {
    const auto [found, is_new] = types.emplace(name, type);
    if (is_new) order.push_back(name);
    if (is_new) return;
    auto merged = merge_types(name, found->second, type);
    if (!merged.ok()) faults.emplace(name, merged.status());
    if (merged.ok()) found->second = *std::move(merged);
  };
  for (Part& part : parts) {
    const auto reader = open(part.path, {});
    if (!reader.ok()) return name_file(reader.status(), part.path);
    part.schema = (*reader)->schema();
    ARROW_RETURN_NOT_OK(require_different_names(*part.schema, part.path));
    if (part.schema->num_fields() == 0) return arrow::Status::Invalid("the file \"", part.path, "\" without columns");
    for (const auto& field : part.schema->fields()) add(field->name(), field->type());
  }
  // A key that is also a column must agree with it; the reader of the column is the file's.
  for (const Part& part : parts)
    for (const auto& [key, value] : part.keys)
      if (part.schema->GetFieldIndex(key) < 0) add(key, arrow::utf8());
  arrow::FieldVector fields;
  for (const std::string& name : names.empty() ? order : names) {
    const auto found = types.find(name);
    if (found == types.end()) return arrow::Status::Invalid("no column \"", name, "\"");
    const auto fault = faults.find(name);
    if (fault != faults.end() && !names.empty()) return fault->second;
    fields.push_back(arrow::field(name, found->second));
  }
  const arrow::Status fault = names.empty() && !faults.empty() ? faults.begin()->second : arrow::Status::OK();
  return std::make_shared<FolderReader>(std::move(parts), arrow::schema(std::move(fields)), open, pool, fault);
}

}  // namespace formats_module
