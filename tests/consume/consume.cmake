# Configures, builds and runs the project tests/consume/${WAY}, as a user would.
file(REMOVE_RECURSE ${WORK})
set(settings -D CMAKE_CXX_COMPILER=${COMPILER} -D "CMAKE_CXX_FLAGS=${FLAGS}")

if(WAY STREQUAL "find_package")
  execute_process(
    COMMAND ${CMAKE_COMMAND} --install ${BINARY} --prefix ${WORK}/installed
    OUTPUT_QUIET COMMAND_ERROR_IS_FATAL ANY)
  file(RENAME ${WORK}/installed ${WORK}/moved)  # nothing may remember where it was installed
  list(APPEND settings -D CMAKE_PREFIX_PATH=${WORK}/moved)
else()
  # Some build all that they take in this way; the library as it is has been built beside these tests.
  list(APPEND settings -D MILLPOOL_SOURCE=${SOURCE} -D CMAKE_UNITY_BUILD=ON)
endif()

execute_process(
  COMMAND ${CMAKE_COMMAND} -G ${GENERATOR} -S ${CMAKE_CURRENT_LIST_DIR}/${WAY} -B ${WORK}/build ${settings}
  OUTPUT_QUIET COMMAND_ERROR_IS_FATAL ANY)
execute_process(
  COMMAND ${CMAKE_COMMAND} --build ${WORK}/build
  OUTPUT_VARIABLE log ERROR_VARIABLE log RESULT_VARIABLE status)
if(NOT status EQUAL 0)
  message(FATAL_ERROR "${WAY}: the build fails:\n${log}")
endif()
execute_process(
  COMMAND ${WORK}/build/consumer
  OUTPUT_VARIABLE answer OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
if(NOT answer STREQUAL "42")
  message(FATAL_ERROR "${WAY}: the program says '${answer}', not 42")
endif()
