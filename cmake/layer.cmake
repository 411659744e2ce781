include(GNUInstallDirs)  # where install() puts libraries and headers

# millpool_add_layer(<room> [HEADERS <file>...] [SOURCES <file>...] [LINK <room>...])
#
# One layer of the library: the target millpool_<room>, known to users as millpool::<room>.
#   HEADERS  public, relative to include/millpool/<room>: one list gives the include path, what is
#            installed, and the check that every header compiles alone.
#   SOURCES  bodies, relative to src/<room>. A layer without bodies is an INTERFACE target.
#   LINK     the lower layers that this one may include: the layering rule of tests/lint/layers.
function(millpool_add_layer room)
  cmake_parse_arguments(PARSE_ARGV 1 layer "" "" "HEADERS;SOURCES;LINK")
  if(layer_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "millpool_add_layer(${room}): what is ${layer_UNPARSED_ARGUMENTS}?")
  endif()
  set(target millpool_${room})
  set(api ${PROJECT_SOURCE_DIR}/include)
  list(TRANSFORM layer_HEADERS PREPEND ${api}/millpool/${room}/)
  list(TRANSFORM layer_LINK PREPEND millpool_)

  if(layer_SOURCES)
    set(kind STATIC)
    set(scope PUBLIC)
  else()
    set(kind INTERFACE)
    set(scope INTERFACE)
  endif()

  add_library(${target} ${kind} ${layer_SOURCES})
  add_library(millpool::${room} ALIAS ${target})
  set_target_properties(${target} PROPERTIES
    EXPORT_NAME ${room}
    POSITION_INDEPENDENT_CODE ON
    VERIFY_INTERFACE_HEADER_SETS ON)
  target_sources(${target} ${scope} FILE_SET HEADERS BASE_DIRS ${api} FILES ${layer_HEADERS})
  target_compile_features(${target} ${scope} cxx_std_23)
  target_link_libraries(${target} ${scope} ${layer_LINK})
  if(layer_SOURCES)
    # Nobody replaces one of our functions at run time: so they may be inlined, although the code
    # is position-independent. Clang takes that for granted.
    if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
      target_compile_options(${target} PRIVATE -fno-semantic-interposition)
    endif()
    target_include_directories(${target} PRIVATE ${PROJECT_SOURCE_DIR})  # "src/pool/worker.hpp"
    millpool_harden(${target})
  endif()
  install(TARGETS ${target} EXPORT millpool-targets ARCHIVE FILE_SET HEADERS)
endfunction()
