// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "formats/module_csv.hpp"

#include <arrow/csv/api.h>
#include <arrow/util/compression.h>
#include <iconv.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <string_view>

namespace formats_module {
namespace {

constexpr int64_t kHead = 1 << 16;  // bytes in which header, delimiter and encoding are recognised
constexpr std::string_view kGzip = "\x1f\x8b";
constexpr std::string_view kZstd = "\x28\xb5\x2f\xfd";

/// The first line, quoted line ends included.
std::string_view first_line(std::string_view text) {
  bool is_quoted = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '"') is_quoted = !is_quoted;
    if (!is_quoted && (text[i] == '\n' || text[i] == '\r')) return text.substr(0, i);
  }
  return text;
}

/// Why the head of a file cannot be a CSV in UTF-8; "" if nothing speaks against it.
std::string find_fault(std::string_view head) {
  if (head.empty()) return "an empty file. Check its source";
  if (head.starts_with("PK\x03\x04")) return "a zip archive. Unpack it first";
  if (head.starts_with(kGzip)) return "a gzip archive. Unpack it first";
  if (head.starts_with(kZstd)) return "a zstd archive. Unpack it first";
  if (head.starts_with("PAR1")) return "a Parquet file. Rename it to .parquet";
  if (head.starts_with("ARROW1")) return "an Arrow file. Rename it to .arrow";
  if (head.starts_with("\xff\xfe") || head.starts_with("\xfe\xff") || head.find('\0') != std::string_view::npos)
    return "UTF-16 text. Name its encoding: --encoding utf-16";
  return "";
}

/// Opens a converter to UTF-8. Python writes names in ways that iconv lacks: latin-1, latin_1, utf_16.
iconv_t open_converter(std::string encoding) {
  std::replace(encoding.begin(), encoding.end(), '_', '-');
  const iconv_t converter = ::iconv_open("UTF-8", encoding.c_str());
  if (converter != reinterpret_cast<iconv_t>(-1)) return converter;
  std::erase(encoding, '-');
  return ::iconv_open("UTF-8", encoding.c_str());
}

/// All of a stream in another encoding.
arrow::Result<std::shared_ptr<arrow::io::InputStream>> recode(arrow::io::InputStream& input, const std::string& encoding) {
  const iconv_t converter = open_converter(encoding);
  if (converter == reinterpret_cast<iconv_t>(-1))
    return arrow::Status::Invalid("the encoding \"", encoding, "\", which is not known. Name one that `iconv -l` lists");
  const std::unique_ptr<void, int (*)(iconv_t)> closer(converter, &::iconv_close);
  std::string rest, out;
  for (;;) {
    ARROW_ASSIGN_OR_RAISE(const auto block, input.Read(int64_t{1} << 20));
    rest.append(reinterpret_cast<const char*>(block->data()), static_cast<std::size_t>(block->size()));
    char* from = rest.data();
    std::size_t n_from = rest.size();
    while (n_from > 0) {
      char buffer[1 << 14];
      char* to = buffer;
      std::size_t n_to = sizeof buffer;
      const std::size_t done = ::iconv(converter, &from, &n_from, &to, &n_to);
      out.append(buffer, sizeof buffer - n_to);
      if (done != static_cast<std::size_t>(-1) || errno == E2BIG) continue;
      if (errno == EINVAL && block->size() > 0) break;  // a character that the next block completes
      return arrow::Status::Invalid("bytes that are not of the encoding ", encoding, ". Name the right one");
    }
    rest.erase(0, rest.size() - n_from);
    if (block->size() == 0) break;
  }
  return std::make_shared<arrow::io::BufferReader>(arrow::Buffer::FromString(std::move(out)));
}

arrow::Result<std::shared_ptr<arrow::io::InputStream>> decompress(const std::shared_ptr<arrow::io::RandomAccessFile>& file,
                                                                  std::string_view head) {
  arrow::Compression::type kind = arrow::Compression::UNCOMPRESSED;
  if (head.starts_with(kGzip)) kind = arrow::Compression::GZIP;
  if (head.starts_with(kZstd)) kind = arrow::Compression::ZSTD;
  if (kind == arrow::Compression::UNCOMPRESSED) return file;
  ARROW_ASSIGN_OR_RAISE(const std::shared_ptr<arrow::util::Codec> codec, arrow::util::Codec::Create(kind));
  // The stream uses its codec as long as it lives.
  ARROW_ASSIGN_OR_RAISE(std::shared_ptr<arrow::io::InputStream> inner, arrow::io::CompressedInputStream::Make(codec.get(), file));
  return std::shared_ptr<arrow::io::InputStream>(inner.get(), [codec, inner](auto*) mutable { inner.reset(); });
}

/// A row of another length, which libarrow numbers from 1 with the header; "" for another message.
std::string explain_length(const std::string& said) {
  constexpr std::string_view kRow = "CSV parse error: Row #", kExpected = ": Expected ", kGot = " columns, got ";
  const auto expected = said.find(kExpected), got = said.find(kGot);
  if (!said.starts_with(kRow) || expected == std::string::npos || got == std::string::npos) return "";
  const auto number = [&](std::size_t at) { return std::strtoll(said.c_str() + at, nullptr, 10); };
  const auto row = number(kRow.size()) - 2;
  return std::to_string(number(got + kGot.size())) + " cells instead of " + std::to_string(number(expected + kExpected.size())) +
         " at row " + std::to_string(row) +
         (row > 0 ? ". Correct the row: a cell with a delimiter in it needs quotes"
                  : ". Correct the row, and leave out what is before the names of the columns: they are the first line");
}

/// A message of libarrow, in words that a user can act on.
arrow::Status explain(const arrow::Status& status) {
  if (status.ok()) return status;
  const std::string& said = status.message();
  if (said.find("UTF8") != std::string::npos)
    return arrow::Status::Invalid(
        "bytes that are not UTF-8. Name the file's encoding: --encoding latin-1 (Western Europe), --encoding gb18030 (Chinese)");
  if (const std::string length = explain_length(said); !length.empty()) return arrow::Status::Invalid(length);
  // The row itself may hold anything.
  const auto row = said.find(". Row: ");
  std::string words = said.substr(0, said.find(": ", said.find("got ") == std::string::npos ? 0 : said.find("got ")));
  if (row != std::string::npos) words = said.substr(0, row);
  std::replace_if(words.begin(), words.end(), [](unsigned char c) { return c < 32 || c > 126; }, '?');
  return arrow::Status::Invalid(words);
}

/// Passes bytes on, and fails at their end if a quote is still open: libarrow would take all rows behind it as one cell.
class QuoteCheck : public arrow::io::InputStream {
 public:
  QuoteCheck(std::shared_ptr<arrow::io::InputStream> inner, char delimiter) : inner_(std::move(inner)), delimiter_(delimiter) {}
  arrow::Status Close() override { return inner_->Close(); }
  bool closed() const override { return inner_->closed(); }
  arrow::Result<int64_t> Tell() const override { return inner_->Tell(); }
  arrow::Result<int64_t> Read(int64_t size, void* out) override {
    ARROW_ASSIGN_OR_RAISE(const int64_t n, inner_->Read(size, out));
    ARROW_RETURN_NOT_OK(see({static_cast<const char*>(out), static_cast<std::size_t>(n)}, size > 0));
    return n;
  }
  arrow::Result<std::shared_ptr<arrow::Buffer>> Read(int64_t size) override {
    ARROW_ASSIGN_OR_RAISE(auto block, inner_->Read(size));
    ARROW_RETURN_NOT_OK(see(static_cast<std::string_view>(*block), size > 0));
    return block;
  }

 private:
  enum class Place : std::uint8_t { outside, inside, behind_quote };

  arrow::Status see(std::string_view block, bool was_asked) {
    if (block.empty() && was_asked && place_ == Place::inside)
      return arrow::Status::Invalid("a quote at row ", opened_ - 1,
                                    " that never closes. Close it, or double a quote that is part of a cell (\"\")");
    while (!block.empty()) block.remove_prefix(step(block));
    return arrow::Status::OK();
  }

  /// Looks at the front of the text, up to the next quote; returns the number of bytes.
  std::size_t step(std::string_view text) {
    if (place_ == Place::behind_quote) {
      place_ = text[0] == '"' ? Place::inside : Place::outside;  // a doubled quote is part of the cell
      if (place_ == Place::outside) return 0;
      last_ = '"';
      return 1;
    }
    const auto quote = std::min(text.find('"'), text.size());
    if (place_ == Place::outside) rows_ += std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(quote), '\n');
    if (quote > 0) last_ = text[quote - 1];
    if (quote == text.size()) return quote;
    if (place_ == Place::inside) {
      place_ = Place::behind_quote;
    } else if (last_ == '\n' || last_ == '\r' || last_ == delimiter_) {  // only at the beginning of a cell it means anything
      place_ = Place::inside;
      opened_ = rows_;
    }
    last_ = '"';
    return quote + 1;
  }

  std::shared_ptr<arrow::io::InputStream> inner_;
  char delimiter_;
  char last_ = '\n';
  Place place_ = Place::outside;
  int64_t rows_ = 0, opened_ = 0;
};

class ExplainingReader : public arrow::RecordBatchReader {
 public:
  explicit ExplainingReader(Reader inner) : inner_(std::move(inner)) {}
  std::shared_ptr<arrow::Schema> schema() const override { return inner_->schema(); }
  arrow::Status ReadNext(std::shared_ptr<arrow::RecordBatch>* batch) override { return explain(inner_->ReadNext(batch)); }

 private:
  Reader inner_;
};

}  // namespace

char find_delimiter(std::string_view head) {
  if (head.starts_with("\xef\xbb\xbf")) head.remove_prefix(3);
  std::string bare;
  bool is_quoted = false;
  for (const char c : first_line(head)) {
    if (c == '"') is_quoted = !is_quoted;
    if (!is_quoted) bare += c;
  }
  char best = ',';
  std::ptrdiff_t most = 0;
  for (const char delimiter : {',', ';', '\t', '|'})
    if (const auto n = std::count(bare.begin(), bare.end(), delimiter); n > most) {
      best = delimiter;
      most = n;
    }
  return best;
}

arrow::Result<Reader> read_csv(const std::shared_ptr<arrow::io::RandomAccessFile>& file, const Names& names,
                               const CsvOptions& options, arrow::MemoryPool* pool, bool use_threads, bool may_decompress) {
  ARROW_ASSIGN_OR_RAISE(const auto magic, file->ReadAt(0, 8));
  std::shared_ptr<arrow::io::InputStream> input = file;
  if (may_decompress) {
    ARROW_ASSIGN_OR_RAISE(input, decompress(file, static_cast<std::string_view>(*magic)));
  }
  if (!options.encoding.empty()) {
    ARROW_ASSIGN_OR_RAISE(input, recode(*input, options.encoding));
  }
  // The head is looked at, and then read again.
  ARROW_ASSIGN_OR_RAISE(auto buffered, arrow::io::BufferedInputStream::Create(kHead, pool, input));
  ARROW_ASSIGN_OR_RAISE(const std::string_view head, buffered->Peek(kHead));
  if (const std::string fault = find_fault(head); !fault.empty()) return arrow::Status::Invalid(fault);
  auto parse = arrow::csv::ParseOptions::Defaults();
  parse.delimiter = options.delimiter != '\0' ? options.delimiter : find_delimiter(head);
  auto read = arrow::csv::ReadOptions::Defaults();
  read.use_threads = use_threads;
  auto convert = arrow::csv::ConvertOptions::Defaults();
  convert.include_columns = names;
  convert.null_values = {};
  const arrow::io::IOContext context(pool);
  // The names first, because every column is asked for as text.
  const auto open = [&](const std::shared_ptr<arrow::io::InputStream>& from) {
    return arrow::csv::StreamingReader::Make(context, from, read, parse, convert);
  };
  std::string line(first_line(head));
  const bool has_more = line.size() < head.size();
  if (!has_more && head.size() == static_cast<std::size_t>(kHead))
    return arrow::Status::Invalid("a header line of more than ", kHead, " bytes");
  convert.include_columns = {};
  const auto header = open(std::make_shared<arrow::io::BufferReader>(arrow::Buffer::FromString(line + "\n" + line + "\n")));
  if (!header.ok()) return explain(header.status());
  for (const auto& field : (*header)->schema()->fields()) convert.column_types[field->name()] = arrow::utf8();
  convert.include_columns = names;
  auto reader = open(std::make_shared<QuoteCheck>(buffered, parse.delimiter));
  if (!reader.ok()) return explain(reader.status());
  return std::make_shared<ExplainingReader>(*reader);
}

}  // namespace formats_module
