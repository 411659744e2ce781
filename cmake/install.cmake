# What `cmake --install` lays down, so that find_package(millpool) gives the same targets as in-tree.
include(CMakePackageConfigHelpers)

set(config_dir ${CMAKE_INSTALL_LIBDIR}/cmake/millpool)
install(EXPORT millpool-targets NAMESPACE millpool:: DESTINATION ${config_dir})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/millpool-config-version.cmake
  COMPATIBILITY SameMinorVersion)
install(FILES
  ${PROJECT_SOURCE_DIR}/cmake/millpool-config.cmake
  ${PROJECT_BINARY_DIR}/millpool-config-version.cmake
  DESTINATION ${config_dir})
