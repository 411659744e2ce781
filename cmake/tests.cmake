# millpool_add_rooms(<folder>...): adds those that exist and have a CMakeLists.txt.
function(millpool_add_rooms)
  foreach(room IN LISTS ARGN)
    if(EXISTS ${CMAKE_CURRENT_SOURCE_DIR}/${room}/CMakeLists.txt)
      add_subdirectory(${room})
    endif()
  endforeach()
endfunction()

# millpool_add_tests(<room> SOURCES <file>... LINK <target>... [LABEL <label>] [TIMEOUT <seconds>]
#                    [DEFINES <definition>...])
#
# One GoogleTest program, millpool_<room>_tests, or millpool_<room>_<label>_tests when LABEL is not
# `unit`; each TEST in it is one ctest test, but with a sanitizer. Files include "tests/support/..." from the root.
# Without GoogleTest nothing is added, and the configuration said so once.
function(millpool_add_tests room)
  cmake_parse_arguments(PARSE_ARGV 1 tests "" "LABEL;TIMEOUT" "SOURCES;LINK;DEFINES")
  if(tests_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "millpool_add_tests(${room}): what is ${tests_UNPARSED_ARGUMENTS}?")
  endif()
  if(NOT TARGET GTest::gmock_main)
    return()
  endif()
  if(NOT tests_LABEL)
    set(tests_LABEL unit)
  endif()
  if(NOT tests_LABEL MATCHES "^(unit|stress|model|e2e|lint|flaky)$")
    message(FATAL_ERROR "millpool_add_tests(${room}): no label is called ${tests_LABEL}")
  endif()
  if(NOT tests_TIMEOUT)
    set(tests_TIMEOUT 120)  # a hang, not slowness: generous, since sanitizers cost a factor of ten
  endif()

  set(target millpool_${room}_tests)
  if(NOT tests_LABEL STREQUAL "unit")
    set(target millpool_${room}_${tests_LABEL}_tests)
  endif()
  add_executable(${target} ${tests_SOURCES})
  target_include_directories(${target} PRIVATE ${PROJECT_SOURCE_DIR})
  target_compile_definitions(${target} PRIVATE ${tests_DEFINES})
  target_link_libraries(${target} PRIVATE ${tests_LINK} GTest::gmock_main)
  millpool_harden(${target})
  # Half the time that a test takes to compile goes into headers and templates that its neighbours
  # need too. So names in the unnamed namespace of a room are one file's only, and may shadow.
  if(tests_LABEL STREQUAL "model")
    set_target_properties(${target} PROPERTIES UNITY_BUILD OFF)
  else()
    set_target_properties(${target} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 6)
    target_compile_options(${target} PRIVATE -Wno-shadow)
  endif()
  if(NOT CMAKE_CXX_FLAGS MATCHES "-fsanitize" OR tests_LABEL STREQUAL "model")
    gtest_discover_tests(${target}
      DISCOVERY_MODE PRE_TEST DISCOVERY_TIMEOUT 60
      PROPERTIES LABELS ${tests_LABEL} TIMEOUT ${tests_TIMEOUT})
    return()
  endif()
  # With a sanitizer a program takes half a second to start: so it starts a few times only.
  list(LENGTH tests_SOURCES files)
  math(EXPR last "${files} / 12")
  math(EXPR shards "${last} + 1")
  foreach(shard RANGE ${last})
    add_test(NAME ${target}.${shard} COMMAND ${target})
    set_tests_properties(${target}.${shard} PROPERTIES LABELS ${tests_LABEL} TIMEOUT 900
      ENVIRONMENT "GTEST_TOTAL_SHARDS=${shards};GTEST_SHARD_INDEX=${shard}")
  endforeach()
endfunction()
