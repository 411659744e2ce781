# millpool_add_example(<name> [LINK <target>...])
#
# A whole program, <name>.cpp, as a user would build it: against millpool::millpool, without our
# warnings. The ctest test example.<name> runs it, and compares what it prints with <name>.expected
# beside it, which the documentation quotes.
function(millpool_add_example name)
  cmake_parse_arguments(PARSE_ARGV 1 example "" "" "LINK")
  add_executable(example_${name} ${name}.cpp)
  target_link_libraries(example_${name} PRIVATE millpool::millpool ${example_LINK})
  add_test(NAME example.${name}
    COMMAND ${CMAKE_COMMAND}
      -D PROGRAM=$<TARGET_FILE:example_${name}>
      -D EXPECTED=${CMAKE_CURRENT_SOURCE_DIR}/${name}.expected
      -P ${PROJECT_SOURCE_DIR}/cmake/expect_output.cmake)
  set_tests_properties(example.${name} PROPERTIES LABELS unit TIMEOUT 60)
endfunction()
