// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include <nanobind/ndarray.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <deque>
#include <memory>
#include <optional>
#include <set>
#include <string_view>

#include "arrow/arrow_export.hpp"
#include "bind.hpp"
#include "fractile/error.hpp"
#include "object_texts.hpp"

namespace nb = nanobind;

namespace fractile::python {
namespace {

using Bytes = nb::ndarray<const std::uint8_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>;

/// Texts side by side, as Arrow has them.
struct Texts {
  std::string characters;
  std::vector<std::int64_t> offsets{0};
  std::vector<std::uint8_t> valid;

  void add(const char* text, std::size_t size) {
    const std::size_t i = offsets.size() - 1;
    if (i % 8 == 0) valid.push_back(0);
    if (text) {
      valid.back() = static_cast<std::uint8_t>(valid.back() | 1U << (i % 8));
      characters.append(text, size);
    }
    offsets.push_back(static_cast<std::int64_t>(characters.size()));
  }
};

/// A column that another library exported.
struct Foreign {
  ArrowSchema schema{};
  ArrowArray array{};
  Foreign() = default;
  Foreign(const Foreign&) = delete;
  Foreign& operator=(const Foreign&) = delete;
  ~Foreign() {
    if (schema.release) schema.release(&schema);
    if (array.release) array.release(&array);
  }
};

/// Memory that the exported columns point to. Python's own objects are let go with the interpreter's lock.
struct Held {
  std::deque<Texts> texts;
  std::deque<Foreign> foreign;
  std::vector<std::shared_ptr<const ObjectTexts>> object_texts;
  std::vector<nb::object> objects;
};

std::shared_ptr<Held> make_held() {
  return std::shared_ptr<Held>(new Held, [](Held* held) {
    const nb::gil_scoped_acquire lock;
    delete held;
  });
}

/// Columns of numpy arrays, texts and Arrow arrays that become one Arrow stream; numbers are not copied.
class Columns {
 public:
  explicit Columns(std::int64_t n_rows) : n_rows_(n_rows) {}

  void add_plain(const std::string& name, const std::string& format, const Bytes& data, const std::optional<Bytes>& valid) {
    held_->objects.push_back(nb::cast(data));
    if (valid) held_->objects.push_back(nb::cast(*valid));
    columns_.push_back({name, format, {valid ? valid->data() : nullptr, data.data()}, {}, nullptr, nullptr});
  }

  /// A column that is there by name only: of a type that no reader knows, or without any value.
  void add_name(const std::string& name, const std::string& format) {
    columns_.push_back({name,
                        format,
                        format == "n" ? std::vector<const void*>{} : std::vector<const void*>{nullptr, nullptr, nullptr},
                        {},
                        nullptr,
                        nullptr});
  }

  /// `values`: str, or what `as_text` makes a str or None of.
  void add_texts(const std::string& name, const nb::sequence& values, const nb::object& as_text) {
    push(name, read_texts(values, as_text));
  }

  /// `format`: Arrow's of the codes. Codes below 0 are missing: numpy's bitmap of the others comes with them.
  void add_codes(const std::string& name, const std::string& format, const Bytes& codes, const std::optional<Bytes>& valid,
                 const nb::sequence& values, const nb::object& as_text) {
    held_->objects.push_back(nb::cast(codes));
    if (valid) held_->objects.push_back(nb::cast(*valid));
    const Texts& texts = read_texts(values, as_text);
    std::vector<std::string_view> views;
    for (std::size_t i = 0; i + 1 < texts.offsets.size(); ++i)
      views.emplace_back(texts.characters.data() + texts.offsets[i],
                         static_cast<std::size_t>(texts.offsets[i + 1] - texts.offsets[i]));
    columns_.push_back(
        {name, format, {valid ? valid->data() : nullptr, codes.data()}, std::make_shared<ExportTexts>(views), nullptr, nullptr});
  }

  /// A contiguous array of Python objects. Returns false, and adds no column, unless each is a text or missing, and one a text;
  /// or dates in place of texts, if they recur.
  bool add_objects(const std::string& name, const nb::object& array, const nb::tuple& missing, const nb::type_object& date) {
    Py_buffer view;
    if (PyObject_GetBuffer(array.ptr(), &view, PyBUF_CONTIG_RO) != 0) throw nb::python_error();
    const std::unique_ptr<Py_buffer, void (*)(Py_buffer*)> release(&view, PyBuffer_Release);
    const std::span rows(static_cast<PyObject* const*>(view.buf), static_cast<std::size_t>(view.len) / sizeof(PyObject*));
    return add_codes_of(name, rows, {missing, date}) || add_texts_of(name, rows, missing);
  }

  bool is_of_texts(const std::string& name) const { return of_texts_.contains(name); }

  void add_arrow(const std::string& name, const nb::object& array) {
    const nb::tuple capsules = nb::cast<nb::tuple>(array.attr("__arrow_c_array__")());
    Foreign& foreign = held_->foreign.emplace_back();
    auto* schema = static_cast<ArrowSchema*>(PyCapsule_GetPointer(capsules[0].ptr(), "arrow_schema"));
    auto* values = static_cast<ArrowArray*>(PyCapsule_GetPointer(capsules[1].ptr(), "arrow_array"));
    if (!schema || !values) throw nb::python_error();
    foreign.schema = *schema;
    foreign.array = *values;
    schema->release = nullptr;
    values->release = nullptr;
    columns_.push_back({name, "", {}, {}, &foreign.schema, &foreign.array});
  }

  ArrowArrayStream stream() const {
    ArrowArrayStream out{};
    export_table(columns_, n_rows_, held_, &out);
    return out;
  }

 private:
  /// Objects that recur.
  bool add_codes_of(const std::string& name, std::span<PyObject* const> rows, const RowTypes& types) {
    auto texts = read_objects(rows, types);
    if (!texts) return false;
    const ObjectTexts& column = *held_->object_texts.emplace_back(std::move(texts));
    if (!column.are_dates) of_texts_.insert(name);
    const std::uint8_t* const valid = column.valid.empty() ? nullptr : column.valid.data();
    columns_.push_back({name, "i", {valid, column.codes.data()}, column.texts, nullptr, nullptr});
    return true;
  }

  /// Objects that rarely recur.
  bool add_texts_of(const std::string& name, std::span<PyObject* const> rows, const nb::tuple& missing) {
    Texts texts;
    texts.offsets.reserve(rows.size() + 1);
    bool has_text = false;
    constexpr std::size_t kAhead = 16, kLine = 64;  // objects are anywhere in memory, and take two lines
    for (std::size_t i = 0; i < rows.size(); ++i) {
      if (i + kAhead < rows.size()) {
        const char* const next = reinterpret_cast<const char*>(rows[i + kAhead]);
        __builtin_prefetch(next);
        __builtin_prefetch(next + kLine);
      }
      const RowText read = text_of(rows[i], missing);
      if (read.is_other) return false;
      has_text |= !read.is_missing;
      texts.add(read.is_missing ? nullptr : read.text.data(), read.text.size());
    }
    if (!has_text) return false;
    push(name, held_->texts.emplace_back(std::move(texts)));
    of_texts_.insert(name);
    return true;
  }

  void push(const std::string& name, const Texts& texts) {
    columns_.push_back({name, "U", {texts.valid.data(), texts.offsets.data(), texts.characters.data()}, {}, nullptr, nullptr});
  }

  const Texts& read_texts(const nb::sequence& values, const nb::object& as_text) {
    Texts& texts = held_->texts.emplace_back();
    for (nb::handle value : values) {
      nb::object text = nb::borrow(value);
      if (!PyUnicode_Check(text.ptr())) text = as_text(text);
      if (text.is_none()) {
        texts.add(nullptr, 0);
        continue;
      }
      Py_ssize_t size = 0;
      const char* characters = PyUnicode_AsUTF8AndSize(text.ptr(), &size);
      if (!characters) throw nb::python_error();
      texts.add(characters, static_cast<std::size_t>(size));
    }
    return texts;
  }

  std::int64_t n_rows_;
  std::vector<ExportColumn> columns_;
  std::set<std::string> of_texts_;  // names of those of add_objects()
  std::shared_ptr<Held> held_ = make_held();
};

/// The capsule of the Arrow C stream interface.
nb::object to_capsule(const ArrowArrayStream& stream) {
  auto owned = std::make_unique<ArrowArrayStream>(stream);
  const auto release = [](PyObject* capsule) {
    auto* held = static_cast<ArrowArrayStream*>(PyCapsule_GetPointer(capsule, "arrow_array_stream"));
    if (held->release) held->release(held);
    delete held;
  };
  PyObject* capsule = PyCapsule_New(owned.get(), "arrow_array_stream", release);
  if (!capsule) throw nb::python_error();
  (void)owned.release();
  return nb::steal(capsule);
}

}  // namespace

void bind_columns(nb::module_& module) {
  nb::class_<Columns>(module, "Columns", "Columns of one length that become an Arrow stream.")
      .def(nb::init<std::int64_t>(), nb::arg("n_rows"))
      .def("add_plain", &Columns::add_plain, nb::arg("name"), nb::arg("format"), nb::arg("data"), nb::arg("valid").none(),
           "A numpy array's bytes as an Arrow type, with a bitmap of what is there.")
      .def("add_name", &Columns::add_name, nb::arg("name"), nb::arg("format"), "A column without data.")
      .def("add_texts", &Columns::add_texts, nb::arg("name"), nb::arg("values"), nb::arg("as_text"), "A sequence of texts.")
      .def("add_codes", &Columns::add_codes, nb::arg("name"), nb::arg("format"), nb::arg("codes"), nb::arg("valid").none(),
           nb::arg("values"), nb::arg("as_text"), "Codes into texts.")
      .def("add_objects", &Columns::add_objects, nb::arg("name"), nb::arg("array"), nb::arg("missing"), nb::arg("date"),
           "A contiguous numpy array of texts, or of dates that recur, as objects; False if it has other objects, or none of "
           "them.")
      .def("is_of_texts", &Columns::is_of_texts, nb::arg("name"),
           "True for a column of add_objects() whose rows are texts or missing.")
      .def("add_arrow", &Columns::add_arrow, nb::arg("name"), nb::arg("array"), "An array with __arrow_c_array__.")
      .def(
          "__arrow_c_stream__", [](const Columns& columns, const nb::object&) { return to_capsule(columns.stream()); },
          nb::arg("requested_schema").none() = nb::none(), "One batch of all columns.");
}

}  // namespace fractile::python
