# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#
# The formats module over libarrow and libparquet: those of the system where CMake finds them, else
# those inside the pyarrow of the build's Python. The two files are installed beside the module, so
# pyarrow is needed to build only.
find_package(Parquet CONFIG QUIET)
if(Parquet_FOUND)
  set(FRACTILE_ARROW_TARGETS Arrow::arrow_shared Parquet::parquet_shared)
  set(FRACTILE_ARROW_FILES "")
else()
  find_package(Python 3.11 REQUIRED COMPONENTS Interpreter)
  execute_process(
    COMMAND ${Python_EXECUTABLE} -c
      "import pyarrow as p; print(p.get_include(), p.get_library_dirs()[0], p.cpp_build_info.so_version, sep=';')"
    OUTPUT_VARIABLE FRACTILE_PYARROW OUTPUT_STRIP_TRAILING_WHITESPACE RESULT_VARIABLE FRACTILE_PYARROW_FAILED)
  if(FRACTILE_PYARROW_FAILED)
    message(FATAL_ERROR "The formats module needs libarrow: install pyarrow into ${Python_EXECUTABLE}, or a system Arrow, "
                        "or configure with -DFRACTILE_FORMATS=OFF.")
  endif()
  list(GET FRACTILE_PYARROW 0 FRACTILE_ARROW_INCLUDE)
  list(GET FRACTILE_PYARROW 1 FRACTILE_ARROW_DIR)
  list(GET FRACTILE_PYARROW 2 FRACTILE_ARROW_SO)
  foreach(name arrow parquet)
    add_library(fractile_${name} SHARED IMPORTED)
    set_target_properties(fractile_${name} PROPERTIES
      IMPORTED_LOCATION ${FRACTILE_ARROW_DIR}/lib${name}.so.${FRACTILE_ARROW_SO}
      INTERFACE_INCLUDE_DIRECTORIES ${FRACTILE_ARROW_INCLUDE})
    # What is installed beside the module is stripped: a fifth less to carry.
    set(stripped ${CMAKE_BINARY_DIR}/stripped/lib${name}.so.${FRACTILE_ARROW_SO})
    file(MAKE_DIRECTORY ${CMAKE_BINARY_DIR}/stripped)
    execute_process(COMMAND ${CMAKE_STRIP} --strip-unneeded ${FRACTILE_ARROW_DIR}/lib${name}.so.${FRACTILE_ARROW_SO} -o ${stripped}
      COMMAND_ERROR_IS_FATAL ANY)
    list(APPEND FRACTILE_ARROW_FILES ${stripped})
  endforeach()
  set(FRACTILE_ARROW_TARGETS fractile_parquet fractile_arrow)
endif()

add_library(fractile_formats MODULE src/formats/module.cpp src/formats/module_csv.cpp src/formats/module_folder.cpp)
set_target_properties(fractile_formats PROPERTIES UNITY_BUILD ON)
target_include_directories(fractile_formats PRIVATE src)
target_link_libraries(fractile_formats PRIVATE fractile_flags ${FRACTILE_ARROW_TARGETS})
target_compile_options(fractile_formats PRIVATE -Wall -Wextra $<$<BOOL:${FRACTILE_WERROR}>:-Werror>)
set_target_properties(fractile_formats PROPERTIES
  LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/_libs
  BUILD_RPATH "$ORIGIN;${FRACTILE_ARROW_DIR}" INSTALL_RPATH "$ORIGIN")
