#include <bake/programs.hpp>

#include <archive/member_header.hpp>
#include <archive/member_path.hpp>
#include <sys/file.hpp>

#include <elf.h>

#include <algorithm>
#include <array>
#include <cstring>

namespace dind::bake {
namespace {

const std::string kDir = "usr/local/bin";
constexpr std::array kPrograms = {"dind-init", "dindctl"};
constexpr const char* kStockEntrypoint = "dockerd-entrypoint.sh";
constexpr std::array kSearched = {"usr/local/sbin", "usr/local/bin", "usr/sbin",
                                  "usr/bin",        "sbin",          "bin"};
constexpr std::size_t kProgramLimit = 256U << 20U;

struct Machine {
  std::string_view architecture; // Go's name of it
  std::uint16_t elf;
};
constexpr std::array kMachines = {Machine{"amd64", EM_X86_64},  Machine{"arm64", EM_AARCH64},
                                  Machine{"arm", EM_ARM},       Machine{"386", EM_386},
                                  Machine{"ppc64le", EM_PPC64}, Machine{"s390x", EM_S390},
                                  Machine{"riscv64", EM_RISCV}};

template <typename Header>
Header read_as(std::string_view bytes, std::size_t at) {
  Header header{};
  if (at <= bytes.size() && bytes.size() - at >= sizeof header) {
    std::memcpy(&header, bytes.data() + at, sizeof header);
  }
  return header;
}

bool needs_interpreter(std::string_view elf) {
  if (elf.size() <= EI_CLASS || elf[EI_CLASS] != ELFCLASS64) {
    return false; // where we are not built for; nothing is known of it
  }
  const auto header = read_as<Elf64_Ehdr>(elf, 0);
  for (std::size_t i = 0; i < header.e_phnum; ++i) {
    if (read_as<Elf64_Phdr>(elf, header.e_phoff + i * header.e_phentsize).p_type == PT_INTERP) {
      return true;
    }
  }
  return false;
}

Result<void> put_parents(const PathWatch& base, archive::ByteSink& tar) {
  std::string path;
  for (const auto& part : boost::filesystem::path(kDir)) {
    path += (path.empty() ? "" : "/") + part.native();
    archive::TarEntry dir{.name = path, .type = archive::EntryType::directory, .mode = 0755};
    if (const archive::TarEntry* const found = base.find(path)) {
      if (found->type != archive::EntryType::directory) {
        return input_error("/{} is no directory in the base, so that no program can be put there",
                           path);
      }
      dir = *found;
      dir.name = path;
      dir.xattrs.clear();
    }
    TRY(tar.write_text(archive::print_member_header(dir)));
  }
  return {};
}

} // namespace

std::vector<std::string> program_paths() {
  std::vector<std::string> paths;
  for (const char* const dir : kSearched) {
    for (const char* const program : kPrograms) {
      paths.push_back(std::string(dir) + "/" + program);
    }
  }
  return paths;
}

bool has_programs(const PathWatch& base) {
  return std::all_of(kPrograms.begin(), kPrograms.end(), [&](const char* program) {
    return std::any_of(kSearched.begin(), kSearched.end(), [&](const char* dir) {
      return base.find(std::string(dir) + "/" + program) != nullptr;
    });
  });
}

Result<void> check_program(std::string_view elf, std::string_view platform) {
  if (!elf.starts_with(ELFMAG)) {
    return input_error("not a program");
  }
  std::string_view wanted = platform.substr(platform.find('/') + 1);
  wanted = wanted.substr(0, wanted.find('/'));
  const std::uint16_t machine = read_as<Elf64_Ehdr>(elf, 0).e_machine; // the same place in 32 bits
  const auto* const found = std::find_if(kMachines.begin(), kMachines.end(),
                                         [&](const Machine& m) { return m.elf == machine; });
  if (found == kMachines.end() || found->architecture != wanted) {
    return input_error("a program for {}, and the base is for {}; name those for it by --programs",
                       found == kMachines.end() ? "another machine" : found->architecture,
                       platform);
  }
  if (needs_interpreter(elf)) {
    return input_error("not linked statically, so that it would not run on every base; name "
                       "static programs by --programs");
  }
  return {};
}

Result<void> write_programs_layer(const boost::filesystem::path& dir, std::string_view platform,
                                  const PathWatch& base, archive::ByteSink& tar) {
  TRY(put_parents(base, tar));
  for (const char* const program : kPrograms) {
    const boost::filesystem::path file = dir / program;
    const std::string bytes = TRY(sys::read_file(file, kProgramLimit));
    TRY(check_program(bytes, platform).within(file.native()));
    TRY(tar.write_text(archive::print_member_header(
        {.name = kDir + "/" + program, .mode = 0755, .size = bytes.size()})));
    TRY(tar.write_text(bytes));
    TRY(tar.write_text(archive::member_padding(bytes.size())));
  }
  TRY(tar.write_text(archive::print_member_header({.name = kDir + "/" + kStockEntrypoint,
                                                   .type = archive::EntryType::symlink,
                                                   .mode = 0777,
                                                   .link_name = kPrograms.front()})));
  return tar.write_text(archive::tar_trailer());
}

} // namespace dind::bake
