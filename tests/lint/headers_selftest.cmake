# Plants a public header that forgets an include into a layer of its own, and sees the build of its
# header set fail for that reason; with the include it passes.
file(REMOVE_RECURSE ${WORK})
file(WRITE ${WORK}/CMakeLists.txt "
  cmake_minimum_required(VERSION 3.25)
  project(headers_selftest LANGUAGES CXX)
  include(${SOURCE}/cmake/harden.cmake)
  include(${SOURCE}/cmake/layer.cmake)
  millpool_add_layer(base HEADERS words.hpp)
")

function(expect outcome text)
  file(WRITE ${WORK}/include/millpool/base/words.hpp "${text}")
  execute_process(
    COMMAND ${CMAKE_COMMAND} --build ${WORK}/build --target all_verify_interface_header_sets
    RESULT_VARIABLE status OUTPUT_VARIABLE log ERROR_VARIABLE log)
  if(outcome STREQUAL "passes" AND NOT status EQUAL 0)
    message(FATAL_ERROR "a complete header is refused:\n${log}")
  elseif(outcome STREQUAL "fails" AND (status EQUAL 0 OR NOT log MATCHES "words\\.hpp.*string"))
    message(FATAL_ERROR "an incomplete header is not caught:\n${log}")
  endif()
endfunction()

file(WRITE ${WORK}/include/millpool/base/words.hpp "#pragma once\n")
execute_process(
  COMMAND ${CMAKE_COMMAND} -G ${GENERATOR} -S ${WORK} -B ${WORK}/build
    -D CMAKE_CXX_COMPILER=${COMPILER}
  OUTPUT_QUIET COMMAND_ERROR_IS_FATAL ANY)
expect(passes "#pragma once\n#include <string>\ninline std::string name() { return {}; }\n")
expect(fails "#pragma once\ninline std::string name() { return {}; }\n")
