// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <fmt/format.h>

// fmt::format_to() from the one copy that fmt_library.cpp compiles. A file that calls it includes this header; without it fmt 9
// compiles its whole formatter in that file again.
FMT_BEGIN_NAMESPACE
namespace detail {

extern template void vformat_to(buffer<char>&, string_view, basic_format_args<FMT_BUFFER_CONTEXT(type_identity_t<char>)>,
                                locale_ref);

}  // namespace detail
FMT_END_NAMESPACE
