#include <outer/programs.hpp>

#include <archive/member_header.hpp>
#include <archive/member_path.hpp>
#include <sys/file.hpp>

#include <elf.h>

#include <algorithm>
#include <array>
#include <cstring>

namespace dind::outer {
namespace {

const std::string kDir = "usr/local/bin";
constexpr std::array kPrograms = {"dind-init", "dindctl"};
const std::string kStockEntrypoint = kDir + "/dockerd-entrypoint.sh";
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

Result<void> put_parents(const LayeredPaths& base, archive::ByteSink& tar) {
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

// The first of that name that could be started; empty if there is none.
std::string find_program(const LayeredPaths& base, const char* program) {
  for (const char* const dir : kSearched) {
    const std::string path = std::string(dir) + "/" + program;
    const auto real = base.resolve(path);
    const archive::TarEntry* const entry = real ? base.find(*real) : nullptr;
    if (entry &&
        (entry->type == archive::EntryType::file || entry->type == archive::EntryType::hard_link) &&
        (entry->mode & 0111U) != 0) {
      return path;
    }
  }
  return "";
}

Result<void> put_program(const boost::filesystem::path& file, std::string_view platform,
                         archive::ByteSink& tar) {
  const std::string bytes = TRY(sys::read_file(file, kProgramLimit));
  TRY(check_program(bytes, platform).within(file.native()));
  TRY(tar.write_text(archive::print_member_header(
      {.name = kDir + "/" + file.filename().native(), .mode = 0755, .size = bytes.size()})));
  TRY(tar.write_text(bytes));
  return tar.write_text(archive::member_padding(bytes.size()));
}

} // namespace

std::vector<std::string> program_paths() {
  std::vector<std::string> paths;
  for (const char* const dir : kSearched) {
    for (const char* const program : kPrograms) {
      paths.push_back(std::string(dir) + "/" + program);
    }
  }
  paths.push_back(kStockEntrypoint);
  return paths;
}

Lacking look_for_programs(const LayeredPaths& base) {
  const std::string init = find_program(base, kPrograms[0]);
  const bool programs = init.empty() || find_program(base, kPrograms[1]).empty();
  const auto stock = base.resolve(kStockEntrypoint);
  return {.programs = programs,
          .link = programs || !stock || stock != base.resolve(init),
          .init = programs ? kDir + "/" + kPrograms[0] : init};
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
                                  const LayeredPaths& base, const Lacking& lacking,
                                  archive::ByteSink& tar) {
  TRY(put_parents(base, tar));
  if (lacking.programs) {
    for (const char* const program : kPrograms) {
      TRY(put_program(dir / program, platform, tar));
    }
  }
  const std::string in_same_dir = kDir + "/" + kPrograms[0];
  TRY(tar.write_text(archive::print_member_header(
      {.name = kStockEntrypoint,
       .type = archive::EntryType::symlink,
       .mode = 0777,
       .link_name = lacking.init == in_same_dir ? kPrograms[0] : "/" + lacking.init})));
  return tar.write_text(archive::tar_trailer());
}

} // namespace dind::outer
