# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
find_package(Python 3.11 REQUIRED COMPONENTS Interpreter Development.Module)
execute_process(COMMAND ${Python_EXECUTABLE} -m nanobind --cmake_dir OUTPUT_STRIP_TRAILING_WHITESPACE OUTPUT_VARIABLE nanobind_ROOT
                COMMAND_ERROR_IS_FATAL ANY)
find_package(nanobind CONFIG REQUIRED)
file(GLOB FRACTILE_BINDINGS CONFIGURE_DEPENDS python/src/*.cpp)
# Profilers need the symbols (preset "bench").
if(CMAKE_CXX_FLAGS MATCHES "-g")
  set(FRACTILE_KEEP_SYMBOLS NOSTRIP)
endif()
nanobind_add_module(_core ${FRACTILE_KEEP_SYMBOLS} NB_STATIC STABLE_ABI ${FRACTILE_BINDINGS})
set_target_properties(_core PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 5)
# The library of nanobind has another name per ABI. Its twelve files compile in a third of the time as one.
get_target_property(FRACTILE_EXTENSION_LIBRARIES _core LINK_LIBRARIES)
list(FILTER FRACTILE_EXTENSION_LIBRARIES INCLUDE REGEX "^nanobind")
set_target_properties(${FRACTILE_EXTENSION_LIBRARIES} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 16)
target_include_directories(_core PRIVATE src)
target_link_libraries(_core PRIVATE fractile_processor fractile_config_file fractile_ledger fractile_core fractile_flags)
target_compile_options(_core PRIVATE -Wall -Wextra $<$<BOOL:${FRACTILE_WERROR}>:-Werror>)
set_target_properties(_core PROPERTIES LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR})
if(NOT FRACTILE_SANITIZE)
  nanobind_add_stub(_core_stub MODULE _core OUTPUT ${CMAKE_BINARY_DIR}/_core.pyi PYTHON_PATH ${CMAKE_BINARY_DIR} DEPENDS _core)
endif()
