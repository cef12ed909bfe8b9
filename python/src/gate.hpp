// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <nanobind/nanobind.h>

#include <exception>
#include <functional>

#include "fractile/backtest.hpp"
#include "fractile/error.hpp"

/// The one place where the engine meets the interpreter: its lock, its signals and its exceptions.
namespace fractile::python {

namespace nb = nanobind;

/// Makes the exception classes and sends fractile::Error to them.
void register_errors(nb::module_& module);

/// The Python exception of an Error that was caught before.
nb::object to_exception(const std::exception_ptr& error);

/// Runs work without the interpreter's lock. The Interrupt given to it asks Python for signals, so
/// that Ctrl-C ends a run with KeyboardInterrupt. Call with the lock held.
void run_released(const std::function<void(const Interrupt&)>& work);

}  // namespace fractile::python
