// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "fractile/read_options.hpp"
#include "fractile/signal.hpp"

namespace fractile {

/// The readers of fractile/signal.hpp with options: dates in other formats, numbers with other marks, other texts for missing
/// values, other column names. Texts that are numbers or dates are read as such, eight digits as a date.
Signal read_signal(ArrowArrayStream* stream, const std::vector<std::string>& sigvars, const ReadOptions& options);
Signal read_signal_file(const std::string& path, const std::vector<std::string>& sigvars, const ReadOptions& options);
/// Decoded data beyond max_decoded_bytes are refused.
Signal read_signal_bytes(const void* data, std::size_t size, const std::string& format, const std::vector<std::string>& sigvars,
                         std::size_t max_decoded_bytes, const ReadOptions& options);

}  // namespace fractile
