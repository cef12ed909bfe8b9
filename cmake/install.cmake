# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#
# Component "python": a site-packages folder (fractile/ with everything inside it, api/).
# Component "cpp": a prefix with library, headers and fractile-config.cmake; "server": the executable alone.
include(CMakePackageConfigHelpers)

if(FRACTILE_PYTHON)
  install(DIRECTORY python/fractile/ DESTINATION fractile COMPONENT python FILES_MATCHING PATTERN "*.py" PATTERN "py.typed")
  # Pages that the server for agents offers as resources.
  install(FILES docs/methodology.md docs/options.md docs/glossary.md DESTINATION fractile/_docs COMPONENT python)
  install(DIRECTORY api/ DESTINATION api COMPONENT python FILES_MATCHING PATTERN "*.py" PATTERN "*.yaml" PATTERN "py.typed")
  install(TARGETS _core LIBRARY DESTINATION fractile COMPONENT python)
  install(FILES ${CMAKE_BINARY_DIR}/_core.pyi DESTINATION fractile COMPONENT python OPTIONAL)
  if(TARGET fractile_app)
    install(TARGETS fractile_app RUNTIME DESTINATION fractile/_bin COMPONENT python)
  endif()
  if(FRACTILE_FORMATS)
    install(TARGETS fractile_formats LIBRARY DESTINATION fractile/_libs COMPONENT python)
    install(FILES ${FRACTILE_ARROW_FILES} DESTINATION fractile/_libs COMPONENT python)
  endif()
endif()

if(NOT DEFINED SKBUILD)
  install(TARGETS fractile_core EXPORT fractile-targets ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT cpp)
  install(DIRECTORY include/fractile ${CMAKE_BINARY_DIR}/generated/fractile DESTINATION include COMPONENT cpp)
  if(TARGET fractile_app)
    install(TARGETS fractile_app RUNTIME DESTINATION bin COMPONENT cpp)
    install(TARGETS fractile_app RUNTIME DESTINATION bin COMPONENT server)
  endif()
  if(FRACTILE_FORMATS)
    foreach(component cpp server)
      install(TARGETS fractile_formats LIBRARY DESTINATION lib/fractile COMPONENT ${component})
      install(FILES ${FRACTILE_ARROW_FILES} DESTINATION lib/fractile COMPONENT ${component})
    endforeach()
  endif()
  install(EXPORT fractile-targets NAMESPACE fractile:: DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/fractile COMPONENT cpp)
  configure_package_config_file(cmake/fractile-config.cmake.in ${CMAKE_BINARY_DIR}/fractile-config.cmake
    INSTALL_DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/fractile)
  write_basic_package_version_file(${CMAKE_BINARY_DIR}/fractile-config-version.cmake COMPATIBILITY SameMinorVersion)
  install(FILES ${CMAKE_BINARY_DIR}/fractile-config.cmake ${CMAKE_BINARY_DIR}/fractile-config-version.cmake
    DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/fractile COMPONENT cpp)
endif()
