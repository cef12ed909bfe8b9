// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <nanobind/nanobind.h>

#include <exception>
#include <functional>

#include "fractile/backtest.hpp"
#include "fractile/error.hpp"

/// The gate between the engine and the interpreter. Only this file touches the interpreter's lock, signals and exceptions.
namespace fractile::python {

namespace nb = nanobind;

/// Makes the exception classes and translates fractile::Error to them.
void register_errors(nb::module_& module);

/// The Python exception of an Error that was caught before.
nb::object to_exception(const std::exception_ptr& error);

/// Runs `work` without the interpreter's lock. The Interrupt that it gets checks Python's signals, so
/// that Ctrl-C ends a run with KeyboardInterrupt. Requires the lock.
void run_released(const std::function<void(const Interrupt&)>& work);

}  // namespace fractile::python
