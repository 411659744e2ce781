# millpool_add_fuzzer(<name> SOURCES <file>... LINK <target>...)
#
# One LLVMFuzzerTestOneInput. In the fuzz preset (Clang) it is linked with libFuzzer, as fuzz_<name>.
# In every other build it is linked with a main that replays tests/fuzz/corpus/<name>, as the ctest
# test fuzz.<name>: what was found once stays found.
option(MILLPOOL_FUZZ "Link the fuzz targets with libFuzzer (Clang)" OFF)

function(millpool_add_fuzzer name)
  cmake_parse_arguments(PARSE_ARGV 1 fuzz "" "" "SOURCES;LINK")
  set(target fuzz_${name})
  set(corpus ${PROJECT_SOURCE_DIR}/tests/fuzz/corpus/${name})
  add_executable(${target} ${fuzz_SOURCES})
  target_include_directories(${target} PRIVATE ${PROJECT_SOURCE_DIR})
  target_link_libraries(${target} PRIVATE ${fuzz_LINK})
  millpool_harden(${target})
  if(MILLPOOL_FUZZ)
    target_link_options(${target} PRIVATE -fsanitize=fuzzer)
  else()
    target_link_libraries(${target} PRIVATE millpool_replay)
    add_test(NAME fuzz.${name} COMMAND ${target} ${corpus})
    set_tests_properties(fuzz.${name} PROPERTIES LABELS unit TIMEOUT 60)
  endif()
endfunction()
