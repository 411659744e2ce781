# millpool_mutate(<header> <name> <old> <new>): writes mutants/<name>.hpp into the build tree, a copy
# of the header of include/millpool with one slip, in a namespace of its own. A model must catch it.
# The old text has to be there once: else the header has moved on, and the mutant is out of date.
function(millpool_mutate header name old new)
  set(from ${PROJECT_SOURCE_DIR}/include/millpool/${header})
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${from})
  file(READ ${from} text)
  string(REPLACE "${old}" "" without "${text}")
  string(LENGTH "${old}" one)
  string(LENGTH "${text}" all)
  string(LENGTH "${without}" rest)
  math(EXPR expected "${all} - ${one}")
  if(NOT rest EQUAL expected)
    message(FATAL_ERROR "millpool_mutate(${name}): ${header} does not hold this once: ${old}")
  endif()
  string(REPLACE "${old}" "${new}" text "${text}")
  string(REPLACE "namespace millpool {" "namespace millpool::mutants::${name} {" text "${text}")
  file(CONFIGURE OUTPUT mutants/${name}.hpp CONTENT "${text}" @ONLY)
endfunction()
