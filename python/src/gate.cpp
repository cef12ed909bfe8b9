// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "gate.hpp"

#include <nanobind/stl/string.h>

#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace fractile::python {
namespace {

nb::object to_exception(const Error& error) {
  const ErrorInfo info = error_info(error.code());
  // A message may quote bytes of a damaged file.
  const std::string_view text = error.what();
  const nb::object message = nb::steal(PyUnicode_DecodeUTF8(text.data(), static_cast<Py_ssize_t>(text.size()), "replace"));
  return nb::module_::import_("fractile.errors").attr("make_error")(std::string(info.name), message);
}

void raise(const Error& error) {
  const nb::object exception = to_exception(error);
  PyErr_SetObject(exception.type().ptr(), exception.ptr());
}

}  // namespace

nb::object to_exception(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const Error& known) {
    return to_exception(known);
  }
}

void register_errors(nb::module_& module) {
  nb::register_exception_translator([](const std::exception_ptr& thrown, void*) {
    try {
      std::rethrow_exception(thrown);
    } catch (const Error& error) {
      raise(error);
    }
  });
  nb::list table;
#define FRACTILE_X(code, number, category, http) table.append(nb::make_tuple(#code, number, #category, http));
  FRACTILE_ERROR_TABLE(FRACTILE_X)
#undef FRACTILE_X
  module.attr("ERROR_TABLE") = table;
}

void run_released(const std::function<void(const Interrupt&)>& work) {
  // The exception that a signal handler raised, until it is thrown. Callbacks into Python must find no exception set meanwhile.
  std::optional<nb::python_error> raised;
  const Interrupt interrupt = [&raised] {
    const nb::gil_scoped_acquire lock;
    if (!raised && PyErr_CheckSignals() != 0) raised.emplace();
    return raised.has_value();
  };
  try {
    const nb::gil_scoped_release released;
    work(interrupt);
  } catch (const Error&) {
    if (!raised) throw;
  }
  if (raised) throw std::move(*raised);
}

}  // namespace fractile::python
