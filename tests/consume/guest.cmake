# In somebody else's build the library behaves as a guest: no tests, no programs, no benchmarks, no
# errors from warnings, and not one setting of the host changed.
if(TARGET millpool_program OR MILLPOOL_TESTS OR MILLPOOL_APPS OR MILLPOOL_BENCH OR MILLPOOL_DEV)
  message(FATAL_ERROR "millpool brings more than the library")
endif()
if(DEFINED CMAKE_CXX_STANDARD OR DEFINED CMAKE_CXX_EXTENSIONS OR NOT "${CMAKE_BUILD_TYPE}" STREQUAL "")
  message(FATAL_ERROR "millpool changed the host's settings")
endif()
