# millpool_harden(<target>): the warnings that our own code must pass, PRIVATE, so that nobody who
# uses the library inherits them. They are errors with MILLPOOL_DEV only: a user's newer compiler
# may warn of more than ours did.
function(millpool_harden target)
  target_compile_options(${target} PRIVATE
    -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wnon-virtual-dtor -Wold-style-cast
    -Woverloaded-virtual -Wcast-align -Wcast-qual -Wextra-semi -Wformat=2 -Wundef
    $<$<CXX_COMPILER_ID:GNU>:-Wduplicated-cond -Wlogical-op>
    $<$<BOOL:${MILLPOOL_DEV}>:-Werror>)
  if(CMAKE_UNITY_BUILD)  # each file is included there, and may shadow its neighbours' names
    target_compile_options(${target} PRIVATE
      -Wno-shadow $<$<CXX_COMPILER_ID:GNU>:-Wno-subobject-linkage>)
  endif()
endfunction()
