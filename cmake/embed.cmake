# millpool_embed(<target> <file>...): the files become part of the target, which finds each by its
# name, without the folder: see apps/support/admin/page_file.hpp.
function(millpool_embed target)
  set(arrays "")
  set(rows "")
  set(number 0)
  foreach(file IN LISTS ARGN)
    get_filename_component(name ${file} NAME)
    file(READ ${CMAKE_CURRENT_SOURCE_DIR}/${file} bytes HEX)
    string(REGEX REPLACE "(................................)" "\\1\n  " bytes "${bytes}")
    string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1, " bytes "${bytes}")
    string(APPEND arrays "constexpr unsigned char file_${number}[] = {\n  ${bytes}0};\n")
    string(APPEND rows "    {\"${name}\", {reinterpret_cast<const char*>(file_${number}), sizeof file_${number} - 1}},\n")
    math(EXPR number "${number} + 1")
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${file})
  endforeach()
  set(out ${CMAKE_CURRENT_BINARY_DIR}/${target}_files.cpp)
  file(CONFIGURE OUTPUT ${out} @ONLY CONTENT [[
#include "apps/support/admin/page_file.hpp"

namespace millpool::admin {
namespace {
@arrays@}  // namespace

std::span<const page_file> page_files() noexcept {
  static const page_file all[] = {
@rows@  };
  return all;
}

}  // namespace millpool::admin
]])
  target_sources(${target} PRIVATE ${out})
endfunction()
