// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include <nanobind/nanobind.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/string_view.h>
#include <nanobind/stl/vector.h>

#include "bind.hpp"
#include "engine/kernels/kernels.hpp"
#include "fractile/version.hpp"
#include "gate.hpp"
#include "parallel/workers.hpp"

NB_MODULE(_core, module) {
  module.doc() = "The fractile engine.";
  module.attr("VERSION") = fractile::kVersion;
  module.attr("BUILD") = fractile::kBuild;
  module.def("kernel_target", &fractile::kernel_target, "The instruction set that the engine uses on this machine.");
  module.def("kernel_targets", &fractile::kernel_targets, "The instruction sets that it could use here, best first.");
  module.def("use_kernels", &fractile::use_kernels, nanobind::arg("target"),
             "Chooses one of them (\"\": the best); for comparisons.");
  module.def("default_threads", &fractile::default_threads, "The number of threads of a run without the option threads.");
  fractile::python::register_errors(module);
  fractile::python::bind_config(module);
  fractile::python::bind_columns(module);
  fractile::python::bind_keys(module);
  fractile::python::bind_signal(module);
  fractile::python::bind_result(module);
  fractile::python::bind_snapshot(module);
  fractile::python::bind_backtest(module);
  fractile::python::bind_stats(module);
  fractile::python::bind_ledger(module);
}
