// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
//
// The formats module. Only this file, module_csv and module_folder know libarrow. It is loaded on first use, so programs that
// read no files do not pay for it.
#include <arrow/api.h>
#include <arrow/c/bridge.h>
#include <arrow/csv/api.h>
#include <arrow/io/api.h>
#include <arrow/ipc/api.h>
#include <parquet/arrow/reader.h>
#include <parquet/arrow/writer.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "formats/formats_abi.h"
#include "formats/module_csv.hpp"
#include "formats/module_folder.hpp"

namespace {

using formats_module::CsvOptions;
using formats_module::Names;
using formats_module::Reader;

CsvOptions to_options(const FractileCsv* csv) {
  CsvOptions options;
  if (!csv) return options;
  options.delimiter = csv->delimiter;
  if (csv->encoding) options.encoding = csv->encoding;
  return options;
}

/// Runs work that returns a Status; a failed status or an exception becomes text.
template <class Work>
int guarded(char* error, std::size_t error_size, Work&& work) {
  std::string text;
  try {
    const arrow::Status status = work();
    if (status.ok()) return 0;
    text = status.message();
  } catch (const std::exception& failure) {
    text = failure.what();
  } catch (...) {
    text = "an unknown failure";
  }
  const std::size_t n = std::min(text.size(), error_size - 1);
  std::memcpy(error, text.data(), n);
  error[n] = '\0';
  return 1;
}

arrow::Status explain(const arrow::Status& status, const std::string& format, const std::string& where) {
  // A message of our own says what to do behind its first sentence.
  const std::string& said = status.message();
  const auto end = said.find(". ");
  std::string remedy = end == std::string::npos ? "Check the file and its format" : said.substr(end + 2);
  if (!remedy.ends_with('.')) remedy += '.';
  return arrow::Status::Invalid("expected readable ", format, " data, found: ", said.substr(0, end), " at ", where, ". ", remedy);
}

Names to_names(const char* const* columns, int64_t n_columns) { return columns ? Names(columns, columns + n_columns) : Names(); }

/// A reader that validates batches before other code reads them. It stops exceptions of decoders before they reach the C stream.
class ValidatingReader : public arrow::RecordBatchReader {
 public:
  explicit ValidatingReader(Reader inner) : inner_(std::move(inner)) {}
  std::shared_ptr<arrow::Schema> schema() const override { return inner_->schema(); }
  arrow::Status ReadNext(std::shared_ptr<arrow::RecordBatch>* batch) override {
    try {
      ARROW_RETURN_NOT_OK(inner_->ReadNext(batch));
      return *batch ? (*batch)->ValidateFull() : arrow::Status::OK();
    } catch (const std::exception& failure) {
      return arrow::Status::Invalid(failure.what());
    }
  }

 private:
  Reader inner_;
};

/// The default pool with a limit. Batches outlive the reader that made them, so the pool lives until
/// its owner and all buffers are gone.
class LimitedPool final : public arrow::MemoryPool {
 public:
  explicit LimitedPool(int64_t limit) : limit_(limit) {}
  arrow::Status Allocate(int64_t size, int64_t alignment, uint8_t** out) override {
    ARROW_RETURN_NOT_OK(take(size));
    const arrow::Status status = inner_->Allocate(size, alignment, out);
    if (status.ok())
      ++users_;
    else
      bytes_ -= size;
    return status;
  }
  arrow::Status Reallocate(int64_t old_size, int64_t new_size, int64_t alignment, uint8_t** ptr) override {
    ARROW_RETURN_NOT_OK(take(new_size - old_size));
    const arrow::Status status = inner_->Reallocate(old_size, new_size, alignment, ptr);
    if (!status.ok()) bytes_ -= new_size - old_size;
    return status;
  }
  void Free(uint8_t* buffer, int64_t size, int64_t alignment) override {
    inner_->Free(buffer, size, alignment);
    bytes_ -= size;
    let_go();
  }
  int64_t bytes_allocated() const override { return bytes_; }
  int64_t max_memory() const override { return -1; }
  int64_t total_bytes_allocated() const override { return bytes_; }
  int64_t num_allocations() const override { return users_; }
  std::string backend_name() const override { return inner_->backend_name(); }
  void let_go() {
    if (--users_ == 0) delete this;
  }

 private:
  arrow::Status take(int64_t size) {
    const int64_t now = bytes_ += size;
    if (now <= limit_) return arrow::Status::OK();
    bytes_ -= size;
    return arrow::Status::OutOfMemory("more than ", limit_, " bytes of decoded data");
  }
  arrow::MemoryPool* inner_ = arrow::default_memory_pool();
  const int64_t limit_;
  std::atomic<int64_t> bytes_{0};
  std::atomic<int64_t> users_{1};
};

/// A reader of some columns of another reader, in the requested order.
class ProjectingReader : public arrow::RecordBatchReader {
 public:
  ProjectingReader(Reader inner, std::vector<int> columns, std::shared_ptr<arrow::Schema> schema)
      : inner_(std::move(inner)), columns_(std::move(columns)), schema_(std::move(schema)) {}
  std::shared_ptr<arrow::Schema> schema() const override { return schema_; }
  arrow::Status ReadNext(std::shared_ptr<arrow::RecordBatch>* batch) override {
    ARROW_RETURN_NOT_OK(inner_->ReadNext(batch));
    if (!*batch) return arrow::Status::OK();
    ARROW_ASSIGN_OR_RAISE(*batch, (*batch)->SelectColumns(columns_));
    return arrow::Status::OK();
  }

 private:
  Reader inner_;
  std::vector<int> columns_;
  std::shared_ptr<arrow::Schema> schema_;
};

arrow::Result<std::vector<int>> find_columns(const arrow::Schema& schema, const Names& names) {
  std::vector<int> out;
  for (const std::string& name : names) {
    const std::vector<int> found = schema.GetAllFieldIndices(name);
    if (found.empty()) return arrow::Status::Invalid("expected a column \"", name, "\", found ", schema.ToString(), ".");
    out.push_back(found.front());
  }
  return out;
}

arrow::Result<Reader> project(Reader reader, const Names& names) {
  if (names.empty()) return reader;
  ARROW_ASSIGN_OR_RAISE(const std::vector<int> columns, find_columns(*reader->schema(), names));
  arrow::FieldVector fields;
  for (const int column : columns) fields.push_back(reader->schema()->field(column));
  return std::make_shared<ProjectingReader>(std::move(reader), columns, arrow::schema(fields));
}

arrow::Result<std::unique_ptr<parquet::arrow::FileReader>> open_parquet_file(
    const std::shared_ptr<arrow::io::RandomAccessFile>& file, arrow::MemoryPool* pool, bool use_threads) {
  parquet::ArrowReaderProperties properties(use_threads);
  properties.set_batch_size(int64_t{1} << 18);
  properties.set_pre_buffer(false);
  parquet::ReaderProperties file_properties(pool);
  file_properties.set_page_checksum_verification(true);
  parquet::arrow::FileReaderBuilder builder;
  ARROW_RETURN_NOT_OK(builder.Open(file, file_properties));
  return builder.memory_pool(pool)->properties(properties)->Build();
}

/// A reader that owns its source.
class OwningReader : public arrow::RecordBatchReader {
 public:
  OwningReader(std::shared_ptr<void> owner, Reader inner) : owner_(std::move(owner)), inner_(std::move(inner)) {}
  std::shared_ptr<arrow::Schema> schema() const override { return inner_->schema(); }
  arrow::Status ReadNext(std::shared_ptr<arrow::RecordBatch>* batch) override { return inner_->ReadNext(batch); }

 private:
  std::shared_ptr<void> owner_;
  Reader inner_;
};

/// Lists and structs, and types such as pandas' intervals that are made of them.
bool is_nested(const std::shared_ptr<arrow::Field>& field) {
  const arrow::DataType* type = field->type().get();
  if (type->id() == arrow::Type::EXTENSION) type = static_cast<const arrow::ExtensionType*>(type)->storage_type().get();
  return type->num_fields() > 0;
}

/// A reader that has nulls in place of nested columns. No run can use them, so they are not decoded.
class FlatReader : public arrow::RecordBatchReader {
 public:
  FlatReader(Reader inner, std::shared_ptr<arrow::Schema> schema, arrow::MemoryPool* pool)
      : inner_(std::move(inner)), schema_(std::move(schema)), pool_(pool) {}
  std::shared_ptr<arrow::Schema> schema() const override { return schema_; }
  arrow::Status ReadNext(std::shared_ptr<arrow::RecordBatch>* batch) override {
    ARROW_RETURN_NOT_OK(inner_->ReadNext(batch));
    if (!*batch) return arrow::Status::OK();
    arrow::ArrayVector columns;
    for (const auto& field : schema_->fields()) {
      std::shared_ptr<arrow::Array> column = is_nested(field) ? nullptr : (*batch)->GetColumnByName(field->name());
      if (!column) {
        ARROW_ASSIGN_OR_RAISE(column, arrow::MakeArrayOfNull(field->type(), (*batch)->num_rows(), pool_));
      }
      columns.push_back(std::move(column));
    }
    *batch = arrow::RecordBatch::Make(schema_, (*batch)->num_rows(), std::move(columns));
    return arrow::Status::OK();
  }

 private:
  Reader inner_;
  std::shared_ptr<arrow::Schema> schema_;
  arrow::MemoryPool* pool_;
};

/// Columns of a Parquet file that has nested ones.
arrow::Result<Reader> read_flat(const std::shared_ptr<parquet::arrow::FileReader>& reader,
                                const std::shared_ptr<arrow::Schema>& schema, const Names& names, arrow::MemoryPool* pool) {
  arrow::FieldVector fields;
  for (const std::string& name : names.empty() ? schema->field_names() : names) {
    const auto field = schema->GetFieldByName(name);
    if (!field) return arrow::Status::Invalid("no column \"", name, "\", or several. Give the columns different names");
    fields.push_back(field);
  }
  // Nested columns count their leaves, so leaf numbers are looked up by path. If all are nested, another column counts the rows.
  const auto* parquet_schema = reader->parquet_reader()->metadata()->schema();
  arrow::FieldVector flat = fields;
  flat.insert(flat.end(), schema->fields().begin(), schema->fields().end());
  std::vector<int> leaves;
  for (std::size_t i = 0; i < flat.size() && (i < fields.size() || leaves.empty()); ++i)
    if (!is_nested(flat[i])) leaves.push_back(parquet_schema->ColumnIndex(flat[i]->name()));
  if (leaves.empty()) return arrow::Status::Invalid("nested columns alone. Flatten them");
  std::vector<int> groups;
  for (int i = 0; i < reader->num_row_groups(); ++i) groups.push_back(i);
  ARROW_ASSIGN_OR_RAISE(Reader batches, reader->GetRecordBatchReader(groups, leaves));
  return std::make_shared<FlatReader>(std::make_shared<OwningReader>(reader, std::move(batches)), arrow::schema(fields), pool);
}

arrow::Result<Reader> read_parquet(const std::shared_ptr<arrow::io::RandomAccessFile>& file, const Names& names,
                                   arrow::MemoryPool* pool, bool use_threads) {
  ARROW_ASSIGN_OR_RAISE(auto built, open_parquet_file(file, pool, use_threads));
  std::shared_ptr<parquet::arrow::FileReader> reader = std::move(built);
  std::shared_ptr<arrow::Schema> schema;
  ARROW_RETURN_NOT_OK(reader->GetSchema(&schema));
  if (std::any_of(schema->fields().begin(), schema->fields().end(), is_nested)) return read_flat(reader, schema, names, pool);
  std::vector<int> groups(static_cast<std::size_t>(reader->num_row_groups()));
  for (std::size_t i = 0; i < groups.size(); ++i) groups[i] = static_cast<int>(i);
  // A file without row groups still has a schema.
  if (groups.empty()) {
    ARROW_ASSIGN_OR_RAISE(auto empty, arrow::RecordBatchReader::Make({}, schema));
    return project(std::move(empty), names);
  }
  Reader batches;
  if (names.empty()) {
    ARROW_ASSIGN_OR_RAISE(batches, reader->GetRecordBatchReader(groups));
    return std::make_shared<OwningReader>(reader, std::move(batches));
  }
  // Nested columns count their leaves, so leaf numbers are looked up by path.
  const auto* parquet_schema = reader->parquet_reader()->metadata()->schema();
  std::vector<int> leaves;
  for (const std::string& name : names) {
    const int leaf = parquet_schema->ColumnIndex(name);
    if (leaf < 0) return arrow::Status::Invalid("expected a column \"", name, "\", found ", schema->ToString(), ".");
    leaves.push_back(leaf);
  }
  ARROW_ASSIGN_OR_RAISE(batches, reader->GetRecordBatchReader(groups, leaves));
  return project(std::make_shared<OwningReader>(reader, std::move(batches)), names);
}

bool is_ipc_file(const std::shared_ptr<arrow::Buffer>& head) {
  return head->size() >= 6 && std::memcmp(head->data(), "ARROW1", 6) == 0;
}

arrow::Result<Reader> read_ipc(const std::shared_ptr<arrow::io::RandomAccessFile>& file, const Names& names,
                               arrow::MemoryPool* pool, bool use_threads) {
  auto options = arrow::ipc::IpcReadOptions::Defaults();
  options.memory_pool = pool;
  options.use_threads = use_threads;
  options.ensure_alignment = arrow::ipc::Alignment::kDataTypeSpecificAlignment;
  ARROW_ASSIGN_OR_RAISE(const auto head, file->ReadAt(0, 8));
  ARROW_RETURN_NOT_OK(file->Seek(0));
  Reader reader;
  if (is_ipc_file(head)) {
    ARROW_ASSIGN_OR_RAISE(auto opened, arrow::ipc::RecordBatchFileReader::Open(file, options));
    arrow::RecordBatchVector batches;
    for (int i = 0; i < opened->num_record_batches(); ++i) {
      ARROW_ASSIGN_OR_RAISE(auto batch, opened->ReadRecordBatch(i));
      batches.push_back(std::move(batch));
    }
    ARROW_ASSIGN_OR_RAISE(reader, arrow::RecordBatchReader::Make(std::move(batches), opened->schema()));
  } else {
    ARROW_ASSIGN_OR_RAISE(reader, arrow::ipc::RecordBatchStreamReader::Open(file, options));
  }
  return project(std::move(reader), names);
}

/// How a source is read, whatever it is.
struct Request {
  std::string format;
  Names names;
  CsvOptions csv;
  arrow::MemoryPool* pool = arrow::default_memory_pool();
  bool use_threads = true;
  bool is_file = true;  ///< not bytes, whose decoded size is limited
};

arrow::Result<Reader> read(const std::shared_ptr<arrow::io::RandomAccessFile>& file, const Request& request) {
  const auto open = [&]() -> arrow::Result<Reader> {
    if (request.format == "parquet") return read_parquet(file, request.names, request.pool, request.use_threads);
    if (request.format == "csv")
      return formats_module::read_csv(file, request.names, request.csv, request.pool, request.use_threads, request.is_file);
    if (request.format == "arrow") return read_ipc(file, request.names, request.pool, request.use_threads);
    return arrow::Status::Invalid("expected the format parquet, csv or arrow, found ", request.format, ".");
  };
  ARROW_ASSIGN_OR_RAISE(auto reader, open());
  return std::make_shared<ValidatingReader>(std::move(reader));
}

arrow::Result<Reader> read_path(const std::string& path, const Request& request) {
  const auto open = [request](const std::string& one, const Names& names) -> arrow::Result<Reader> {
    Request of_one = request;
    of_one.names = names;
    ARROW_ASSIGN_OR_RAISE(auto file, arrow::io::MemoryMappedFile::Open(one, arrow::io::FileMode::READ));
    return read(file, of_one);
  };
  if (!std::filesystem::is_directory(path)) return open(path, request.names);
  return formats_module::read_folder(path, request.names, open, request.pool);
}

int column_names(const char* path, const char* format, const FractileCsv* csv, char** names, char* error, size_t error_size) {
  return guarded(error, error_size, [&]() -> arrow::Status {
    Request request;
    request.format = format;
    request.csv = to_options(csv);
    request.use_threads = false;
    const auto list = [&]() -> arrow::Result<std::shared_ptr<arrow::Schema>> {
      if (request.format == "parquet" && !std::filesystem::is_directory(path)) {
        ARROW_ASSIGN_OR_RAISE(auto file, arrow::io::ReadableFile::Open(path));
        ARROW_ASSIGN_OR_RAISE(auto reader, open_parquet_file(file, arrow::default_memory_pool(), false));
        std::shared_ptr<arrow::Schema> schema;
        ARROW_RETURN_NOT_OK(reader->GetSchema(&schema));
        return schema;
      }
      ARROW_ASSIGN_OR_RAISE(auto reader, read_path(path, request));
      return reader->schema();
    };
    const auto schema = list();
    if (!schema.ok()) return explain(schema.status(), format, "\"" + std::string(path) + "\"");
    std::string text;
    for (const auto& field : (*schema)->fields()) text += field->name() + FRACTILE_FORMATS_SEPARATOR;
    *names = ::strdup(text.c_str());
    return arrow::Status::OK();
  });
}

int open_file(const char* path, const char* format, const FractileCsv* csv, const char* const* columns, int64_t n_columns,
              ArrowArrayStream* out, char* error, size_t error_size) {
  return guarded(error, error_size, [&]() -> arrow::Status {
    Request request;
    request.format = format;
    request.csv = to_options(csv);
    request.names = to_names(columns, n_columns);
    auto reader = read_path(path, request);
    if (!reader.ok()) return explain(reader.status(), format, "\"" + std::string(path) + "\"");
    return arrow::ExportRecordBatchReader(*reader, out);
  });
}

arrow::Status refuse_larger(int64_t limit) { return arrow::Status::OutOfMemory("more than ", limit, " bytes of decoded data"); }

/// The CSV parser aborts the process if a pool refuses memory, so the size of the text is checked before. A cell needs up to 4
/// bytes and its text.
arrow::Status check_csv_size(const uint8_t* data, size_t size, char delimiter, int64_t limit) {
  const int64_t cells = std::count(data, data + size, delimiter) + std::count(data, data + size, '\n');
  return cells <= limit / 8 && static_cast<int64_t>(size) <= limit ? arrow::Status::OK() : refuse_larger(limit);
}

int open_bytes(const uint8_t* data, size_t size, const char* format, const FractileCsv* csv, size_t max_decoded_bytes,
               const char* const* columns, int64_t n_columns, ArrowArrayStream* out, char* error, size_t error_size) {
  return guarded(error, error_size, [&]() -> arrow::Status {
    const int64_t limit =
        max_decoded_bytes > static_cast<size_t>(INT64_MAX) ? INT64_MAX : static_cast<int64_t>(max_decoded_bytes);
    const std::shared_ptr<LimitedPool> pool(new LimitedPool(limit), [](LimitedPool* kept) { kept->let_go(); });
    auto file = std::make_shared<arrow::io::BufferReader>(std::make_shared<arrow::Buffer>(data, static_cast<int64_t>(size)));
    Request request;
    request.format = format;
    request.csv = to_options(csv);
    request.names = to_names(columns, n_columns);
    request.use_threads = false;
    request.is_file = false;
    const auto open = [&]() -> arrow::Result<Reader> {
      if (request.format == "csv") {
        const std::string_view head(reinterpret_cast<const char*>(data), std::min(size, size_t{1} << 16));
        const char delimiter = request.csv.delimiter ? request.csv.delimiter : formats_module::find_delimiter(head);
        ARROW_RETURN_NOT_OK(check_csv_size(data, size, delimiter, limit));
      } else {
        request.pool = pool.get();
      }
      return read(file, request);
    };
    auto reader = open();
    if (!reader.ok()) return explain(reader.status(), format, "the bytes given");
    return arrow::ExportRecordBatchReader(std::make_shared<OwningReader>(pool, *reader), out);
  });
}

arrow::Status write_table(const std::string& format, const std::shared_ptr<arrow::Table>& table,
                          const std::shared_ptr<arrow::io::OutputStream>& sink) {
  if (format == "parquet") {
    const auto properties = parquet::WriterProperties::Builder().compression(arrow::Compression::ZSTD)->build();
    return parquet::arrow::WriteTable(*table, arrow::default_memory_pool(), sink, int64_t{1} << 20, properties);
  }
  if (format == "csv") return arrow::csv::WriteCSV(*table, arrow::csv::WriteOptions::Defaults(), sink.get());
  ARROW_ASSIGN_OR_RAISE(auto writer, arrow::ipc::MakeFileWriter(sink, table->schema()));
  ARROW_RETURN_NOT_OK(writer->WriteTable(*table));
  return writer->Close();
}

int write_file(const char* path, const char* format, ArrowArrayStream* in, char* error, size_t error_size) {
  return guarded(error, error_size, [&]() -> arrow::Status {
    ARROW_ASSIGN_OR_RAISE(auto reader, arrow::ImportRecordBatchReader(in));
    ARROW_ASSIGN_OR_RAISE(auto table, reader->ToTable());
    const auto write = [&]() -> arrow::Status {
      ARROW_ASSIGN_OR_RAISE(auto sink, arrow::io::FileOutputStream::Open(path));
      ARROW_RETURN_NOT_OK(write_table(format, table, sink));
      return sink->Close();
    };
    arrow::Status status = write();
    if (status.ok()) return status;
    return arrow::Status::Invalid("expected to write \"", path, "\", found: ", status.message(),
                                  ". Check space and permissions.");
  });
}

arrow::Status write_batches(const std::shared_ptr<arrow::Schema>& schema, const arrow::RecordBatchVector& batches,
                            arrow::io::OutputStream* sink) {
  ARROW_ASSIGN_OR_RAISE(auto writer, arrow::ipc::MakeStreamWriter(sink, schema));
  for (const auto& batch : batches) ARROW_RETURN_NOT_OK(writer->WriteRecordBatch(*batch));
  return writer->Close();
}

int write_ipc_stream(ArrowArrayStream* in, char* (*allocate)(void*, size_t), void* context, char* error, size_t error_size) {
  return guarded(error, error_size, [&]() -> arrow::Status {
    ARROW_ASSIGN_OR_RAISE(auto reader, arrow::ImportRecordBatchReader(in));
    ARROW_ASSIGN_OR_RAISE(auto batches, reader->ToRecordBatches());
    // The first pass only measures the size, so that no byte is copied twice.
    arrow::io::MockOutputStream measure;
    ARROW_RETURN_NOT_OK(write_batches(reader->schema(), batches, &measure));
    const int64_t size = measure.GetExtentBytesWritten();
    char* bytes = allocate(context, static_cast<size_t>(size));
    if (!bytes) return arrow::Status::OutOfMemory("no memory for ", size, " bytes");
    arrow::io::FixedSizeBufferWriter sink(std::make_shared<arrow::MutableBuffer>(reinterpret_cast<uint8_t*>(bytes), size));
    ARROW_RETURN_NOT_OK(write_batches(reader->schema(), batches, &sink));
    return sink.Close();
  });
}

int write_parquet(ArrowArrayStream* in, char* (*allocate)(void*, size_t), void* context, char* error, size_t error_size) {
  return guarded(error, error_size, [&]() -> arrow::Status {
    ARROW_ASSIGN_OR_RAISE(auto reader, arrow::ImportRecordBatchReader(in));
    ARROW_ASSIGN_OR_RAISE(auto table, reader->ToTable());
    ARROW_ASSIGN_OR_RAISE(auto sink, arrow::io::BufferOutputStream::Create());
    ARROW_RETURN_NOT_OK(write_table("parquet", table, sink));
    ARROW_ASSIGN_OR_RAISE(auto buffer, sink->Finish());
    char* bytes = allocate(context, static_cast<size_t>(buffer->size()));
    if (!bytes) return arrow::Status::OutOfMemory("no memory for ", buffer->size(), " bytes");
    std::copy_n(buffer->data(), buffer->size(), reinterpret_cast<uint8_t*>(bytes));
    return arrow::Status::OK();
  });
}

void free_text(char* text) { std::free(text); }

constexpr FractileFormats kFormats{5,          column_names,     open_file,     open_bytes,
                                   write_file, write_ipc_stream, write_parquet, free_text};

}  // namespace

extern "C" __attribute__((visibility("default"))) const FractileFormats* fractile_formats(void) { return &kFormats; }
