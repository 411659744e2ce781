#include "src/pool/symbols.hpp"

#include <bit>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <cxxabi.h>
#include <dlfcn.h>
#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <memory>
#include <span>
#include <string_view>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace millpool {
namespace {

/// A file's bytes, for as long as this lives. None, where it cannot be read.
class mapped_file {
 public:
  explicit mapped_file(const char* path) noexcept {
    const int file = ::open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) return;
    struct stat about {};
    if (::fstat(file, &about) == 0 && about.st_size > 0) {
      const auto size = static_cast<std::size_t>(about.st_size);
      void* const at = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file, 0);
      if (at != MAP_FAILED) bytes_ = {static_cast<const std::byte*>(at), size};
    }
    ::close(file);
  }
  ~mapped_file() {
    if (!bytes_.empty()) ::munmap(const_cast<std::byte*>(bytes_.data()), bytes_.size());
  }
  mapped_file(const mapped_file&) = delete;
  mapped_file& operator=(const mapped_file&) = delete;

  /// `count` things of type T that lie there; none, if they would not lie inside.
  template <class T>
  [[nodiscard]] std::span<const T> at(std::size_t offset, std::size_t count) const noexcept {
    if (offset > bytes_.size() || count > (bytes_.size() - offset) / sizeof(T)) return {};
    if (offset % alignof(T) != 0) return {};
    return {reinterpret_cast<const T*>(bytes_.data() + offset), count};
  }

 private:
  std::span<const std::byte> bytes_;
};

/// A function, and how far inside it one is. No name: it is not known.
struct place_in_code {
  std::string name;
  std::uintptr_t offset = 0;
};

// By the symbol table of the file, which has also what dladdr() does not know: functions that are
// not exported, as most of a program's are not. \param  address  as in the file.
place_in_code find_in(const mapped_file& file, std::uintptr_t address) {
  const auto headers = file.at<ElfW(Ehdr)>(0, 1);
  if (headers.empty() || std::memcmp(headers[0].e_ident, ELFMAG, SELFMAG) != 0) return {};
  const auto sections = file.at<ElfW(Shdr)>(headers[0].e_shoff, headers[0].e_shnum);
  for (const auto& section : sections) {
    if (section.sh_type != SHT_SYMTAB || section.sh_link >= sections.size()) continue;
    const auto& strings = sections[section.sh_link];
    const auto names = file.at<char>(strings.sh_offset, strings.sh_size);
    const auto symbols = file.at<ElfW(Sym)>(section.sh_offset, section.sh_size / sizeof(ElfW(Sym)));
    for (const auto& symbol : symbols) {
      if ((symbol.st_info & 0xf) != STT_FUNC || symbol.st_name >= names.size()) continue;
      if (address < symbol.st_value || address - symbol.st_value >= symbol.st_size) continue;
      const auto name = names.subspan(symbol.st_name);
      const std::size_t length = ::strnlen(name.data(), name.size());
      return {demangled(std::string{name.data(), length}.c_str()), address - symbol.st_value};
    }
  }
  return {};
}

std::string hexadecimal(std::uintptr_t number) {
  char digits[2 + 2 * sizeof number + 1];
  static_cast<void>(
      std::snprintf(digits, sizeof digits, "0x%zx", static_cast<std::size_t>(number)));
  return digits;
}

}  // namespace

std::string demangled(const char* name) {
  int status = 0;
  const std::unique_ptr<char, decltype(&std::free)> readable{
      abi::__cxa_demangle(name, nullptr, nullptr, &status), &std::free};
  return status == 0 && readable != nullptr ? readable.get() : name;
}

std::string name_of_code(const code_address& where) {
  // A call may be the last instruction of its function: it returns to where another begins.
  const std::uintptr_t inside = where.at - (where.is_return ? 1 : 0);
  Dl_info found{};
  link_map* module = nullptr;
  if (::dladdr1(std::bit_cast<const void*>(inside), &found, reinterpret_cast<void**>(&module),
                RTLD_DL_LINKMAP) == 0 ||
      module == nullptr) {
    return hexadecimal(where.at);
  }
  const bool is_program = module->l_name == nullptr || *module->l_name == '\0';
  const std::uintptr_t in_file = inside - module->l_addr;
  place_in_code place =
      find_in(mapped_file{is_program ? "/proc/self/exe" : module->l_name}, in_file);
  if (place.name.empty() && found.dli_sname != nullptr) {
    place = {demangled(found.dli_sname),
             inside - reinterpret_cast<std::uintptr_t>(found.dli_saddr)};
  }
  std::string_view file{found.dli_fname};
  file.remove_prefix(file.rfind('/') + 1);  // npos + 1 is 0
  const std::string in_module{file};
  const std::uintptr_t back = where.at - inside;
  if (place.name.empty()) return in_module + '+' + hexadecimal(in_file + back);
  return place.name + '+' + hexadecimal(place.offset + back) + " (" + in_module + ')';
}

}  // namespace millpool
