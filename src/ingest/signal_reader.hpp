// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "fractile/read_signal.hpp"
#include "types/byte_buffer.hpp"

namespace fractile {

/// read_signal() of fractile/signal.hpp, from a stream over bytes that are given away with it (null: none):
/// nulls in them may be overwritten, and memory behind the reader is given back, so that little more than the
/// larger of the bytes and the columns is ever held.
Signal read_signal_stream(ArrowArrayStream* stream, const std::vector<std::string>& sigvars, const ReadOptions& options,
                          const std::shared_ptr<ByteBuffer>& bytes);

/// Refuses options that name columns which a signal does not have: without effect, they are slips. Throws UNKNOWN_OPTION,
/// INVALID_VALUE.
void check_signal_options(const ReadOptions& options, const std::vector<std::string>& sigvars);

/// Our name and place among `names` of every column of a signal that is there. Throws UNKNOWN_COLUMN, and what
/// check_signal_options() throws.
std::vector<std::pair<std::string, std::size_t>> match_signal_names(const std::vector<std::string>& names,
                                                                    const std::vector<std::string>& sigvars,
                                                                    const ReadOptions& options);

/// read_signal_bytes() of bytes that are given away.
Signal read_own_bytes(const std::shared_ptr<ByteBuffer>& bytes, const std::string& format,
                      const std::vector<std::string>& sigvars, std::size_t max_decoded_bytes, const ReadOptions& options = {});

}  // namespace fractile
