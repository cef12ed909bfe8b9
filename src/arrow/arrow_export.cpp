// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "arrow/arrow_export.hpp"

#include <array>
#include <cerrno>
#include <deque>
#include <memory>
#include <utility>

namespace fractile {
namespace {

/// A node of an exported schema or array, which owns the targets of its pointers.
struct SchemaNode {
  std::string format, name;
  ArrowSchema schema{};
  std::vector<ArrowSchema*> children;
};
struct ExportedSchema {
  std::deque<SchemaNode> nodes;
  std::string metadata;
  std::shared_ptr<void> owner;
};
struct ArrayNode {
  std::vector<const void*> buffers;
  ArrowArray array{};
  std::vector<ArrowArray*> children;
};
struct ExportedArray {
  std::deque<ArrayNode> nodes;
  std::vector<std::shared_ptr<const ExportTexts>> dictionaries;
  std::shared_ptr<void> owner;
};

// A consumer may move any child out of its parent and release it last. Therefore each node shares ownership of all nodes.
void release_schema(ArrowSchema* schema) {
  schema->release = nullptr;
  delete static_cast<std::shared_ptr<ExportedSchema>*>(std::exchange(schema->private_data, nullptr));
}
void release_array(ArrowArray* array) {
  array->release = nullptr;
  delete static_cast<std::shared_ptr<ExportedArray>*>(std::exchange(array->private_data, nullptr));
}

/// Releases the children that are still in place, as their parent must, then the parent.
void release_root_schema(ArrowSchema* schema) {
  for (std::int64_t c = 0; c < schema->n_children; ++c)
    if (schema->children[c]->release) schema->children[c]->release(schema->children[c]);
  if (schema->dictionary && schema->dictionary->release) schema->dictionary->release(schema->dictionary);
  release_schema(schema);
}
void release_root_array(ArrowArray* array) {
  for (std::int64_t c = 0; c < array->n_children; ++c)
    if (array->children[c]->release) array->children[c]->release(array->children[c]);
  if (array->dictionary && array->dictionary->release) array->dictionary->release(array->dictionary);
  release_array(array);
}

ArrowSchema* copy_schema(const ArrowSchema& from, const std::shared_ptr<ExportedSchema>& exported) {
  SchemaNode& node = exported->nodes.emplace_back();
  node.format = from.format ? from.format : "";
  node.name = from.name ? from.name : "";
  for (std::int64_t c = 0; c < from.n_children; ++c) node.children.push_back(copy_schema(*from.children[c], exported));
  node.schema.format = node.format.c_str();
  node.schema.name = node.name.c_str();
  node.schema.flags = from.flags;
  node.schema.n_children = from.n_children;
  node.schema.children = node.children.data();
  if (from.dictionary) node.schema.dictionary = copy_schema(*from.dictionary, exported);
  node.schema.private_data = new std::shared_ptr<ExportedSchema>(exported);
  node.schema.release = release_root_schema;
  return &node.schema;
}

/// Shares the buffers; if length >= 0, `offset` and `length` replace those of the array.
ArrowArray* share_array(const ArrowArray& from, std::int64_t offset, std::int64_t length,
                        const std::shared_ptr<ExportedArray>& exported) {
  ArrayNode& node = exported->nodes.emplace_back();
  if (from.buffers) node.buffers.assign(from.buffers, from.buffers + from.n_buffers);
  for (std::int64_t c = 0; c < from.n_children; ++c) node.children.push_back(share_array(*from.children[c], 0, -1, exported));
  node.array.length = length >= 0 ? length : from.length;
  node.array.offset = length >= 0 ? offset : from.offset;
  node.array.null_count = from.null_count == 0 ? 0 : -1;
  node.array.n_buffers = from.n_buffers;
  node.array.buffers = node.buffers.data();
  node.array.n_children = from.n_children;
  node.array.children = node.children.data();
  if (from.dictionary) node.array.dictionary = share_array(*from.dictionary, 0, -1, exported);
  node.array.private_data = new std::shared_ptr<ExportedArray>(exported);
  node.array.release = release_root_array;
  return &node.array;
}

/// The state of an exported stream; subclasses make its schema and its chunks on demand.
struct Producer {
  virtual ~Producer() = default;
  virtual void make_schema(ArrowSchema* out) = 0;
  virtual bool make_next(ArrowArray* out) = 0;  ///< false at the end
};

void finish_schema(const std::shared_ptr<ExportedSchema>& exported, std::vector<ArrowSchema*> children, ArrowSchema* out) {
  SchemaNode& root = exported->nodes.emplace_back();
  root.format = "+s";
  root.children = std::move(children);
  *out = {};
  out->format = root.format.c_str();
  out->name = root.name.c_str();
  out->n_children = static_cast<std::int64_t>(root.children.size());
  out->children = root.children.data();
  out->private_data = new std::shared_ptr<ExportedSchema>(exported);
  out->release = release_root_schema;
}

void finish_array(const std::shared_ptr<ExportedArray>& exported, std::vector<ArrowArray*> children, std::int64_t length,
                  ArrowArray* out) {
  ArrayNode& root = exported->nodes.emplace_back();
  root.buffers = {nullptr};
  root.children = std::move(children);
  *out = {};
  out->length = length;
  out->n_buffers = 1;
  out->buffers = root.buffers.data();
  out->n_children = static_cast<std::int64_t>(root.children.size());
  out->children = root.children.data();
  out->private_data = new std::shared_ptr<ExportedArray>(exported);
  out->release = release_root_array;
}

class ColumnsProducer : public Producer {
 public:
  ColumnsProducer(std::shared_ptr<ArrowBatches> batches, std::vector<int> columns)
      : batches_(std::move(batches)), columns_(std::move(columns)) {
    for (const int column : columns_) chunks_.push_back(batches_->chunks(column));
  }
  void make_schema(ArrowSchema* out) override {
    auto exported = std::make_shared<ExportedSchema>();
    exported->owner = batches_;
    std::vector<ArrowSchema*> children;
    for (const int column : columns_) children.push_back(copy_schema(batches_->schema(column), exported));
    finish_schema(exported, std::move(children), out);
  }
  bool make_next(ArrowArray* out) override {
    if (chunks_.empty() || next_ >= chunks_[0].size()) return false;
    auto exported = std::make_shared<ExportedArray>();
    exported->owner = batches_;
    std::vector<ArrowArray*> children;
    for (const auto& chunks : chunks_)
      children.push_back(share_array(*chunks[next_].array, chunks[next_].offset, chunks[next_].length, exported));
    finish_array(exported, std::move(children), chunks_[0][next_].length, out);
    ++next_;
    return true;
  }

 private:
  std::shared_ptr<ArrowBatches> batches_;
  std::vector<int> columns_;
  std::vector<std::vector<ArrowBatches::Chunk>> chunks_;
  std::size_t next_ = 0;
};

class TableProducer : public Producer {
 public:
  TableProducer(std::vector<ExportColumn> columns, std::int64_t n_rows, std::shared_ptr<void> owner,
                const ExportMetadata& metadata)
      : columns_(std::move(columns)), n_rows_(n_rows), owner_(std::move(owner)) {
    if (metadata.empty()) return;
    // The packing of the C data interface: 32-bit numbers, each text behind its length.
    const auto append_number = [this](std::size_t number) {
      const auto narrow = static_cast<std::int32_t>(number);
      metadata_.append(reinterpret_cast<const char*>(&narrow), sizeof narrow);
    };
    append_number(metadata.size());
    for (const auto& [name, value] : metadata)
      for (const std::string* text : {&name, &value}) {
        append_number(text->size());
        metadata_ += *text;
      }
  }
  void make_schema(ArrowSchema* out) override {
    auto exported = std::make_shared<ExportedSchema>();
    exported->owner = owner_;
    std::vector<ArrowSchema*> children;
    for (const ExportColumn& column : columns_) {
      ArrowSchema plain{};
      if (column.schema) {
        plain = *column.schema;
        plain.name = column.name.c_str();
        children.push_back(copy_schema(plain, exported));
        continue;
      }
      plain.format = column.format.c_str();
      plain.name = column.name.c_str();
      plain.flags = ARROW_FLAG_NULLABLE;
      ArrowSchema texts{};
      texts.format = "U";
      texts.name = "";
      if (column.dictionary) plain.dictionary = &texts;
      children.push_back(copy_schema(plain, exported));
    }
    exported->metadata = metadata_;
    finish_schema(exported, std::move(children), out);
    if (!metadata_.empty()) out->metadata = exported->metadata.data();
  }
  bool make_next(ArrowArray* out) override {
    if (is_done_) return false;
    is_done_ = true;
    auto exported = std::make_shared<ExportedArray>();
    exported->owner = owner_;
    for (const ExportColumn& column : columns_) exported->dictionaries.push_back(column.dictionary);
    std::vector<ArrowArray*> children;
    for (ExportColumn& column : columns_) {
      if (column.array) {
        children.push_back(share_array(*column.array, 0, -1, exported));
        continue;
      }
      ArrowArray plain{};
      plain.length = n_rows_;
      plain.null_count = !column.buffers.empty() && column.buffers[0] ? -1 : 0;
      plain.n_buffers = static_cast<std::int64_t>(column.buffers.size());
      plain.buffers = column.buffers.data();
      ArrowArray texts{};
      std::array<const void*, 3> buffers{};
      if (column.dictionary) {
        buffers = {nullptr, column.dictionary->offsets.data(), column.dictionary->bytes.data()};
        texts.length = static_cast<std::int64_t>(column.dictionary->offsets.size()) - 1;
        texts.n_buffers = buffers.size();
        texts.buffers = buffers.data();
        plain.dictionary = &texts;
      }
      children.push_back(share_array(plain, 0, n_rows_, exported));
    }
    finish_array(exported, std::move(children), n_rows_, out);
    return true;
  }

 private:
  std::vector<ExportColumn> columns_;
  std::int64_t n_rows_;
  std::shared_ptr<void> owner_;
  std::string metadata_;
  bool is_done_ = false;
};

void export_stream(std::unique_ptr<Producer> producer, ArrowArrayStream* out) {
  *out = {};
  out->get_schema = [](ArrowArrayStream* stream, ArrowSchema* schema) -> int {
    try {
      static_cast<Producer*>(stream->private_data)->make_schema(schema);
      return 0;
    } catch (const std::bad_alloc&) {
      return ENOMEM;
    }
  };
  out->get_next = [](ArrowArrayStream* stream, ArrowArray* array) -> int {
    try {
      if (!static_cast<Producer*>(stream->private_data)->make_next(array)) *array = {};
      return 0;
    } catch (const std::bad_alloc&) {
      return ENOMEM;
    }
  };
  out->get_last_error = [](ArrowArrayStream*) -> const char* { return "out of memory"; };
  out->release = [](ArrowArrayStream* stream) {
    delete static_cast<Producer*>(stream->private_data);
    stream->release = nullptr;
  };
  out->private_data = producer.release();
}

}  // namespace

ExportTexts::ExportTexts(std::span<const std::string_view> texts) {
  for (const std::string_view text : texts) {
    bytes += text;
    offsets.push_back(static_cast<std::int64_t>(bytes.size()));
  }
}

void export_table(std::vector<ExportColumn> columns, std::int64_t n_rows, std::shared_ptr<void> owner, ArrowArrayStream* out,
                  const ExportMetadata& metadata) {
  export_stream(std::make_unique<TableProducer>(std::move(columns), n_rows, std::move(owner), metadata), out);
}

void export_columns(const std::shared_ptr<ArrowBatches>& batches, const std::vector<int>& columns, ArrowArrayStream* out) {
  export_stream(std::make_unique<ColumnsProducer>(batches, columns), out);
}

}  // namespace fractile
