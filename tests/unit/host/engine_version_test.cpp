#include <host/engine_version.hpp>
#include <host/go_build_info.hpp>
#include <sys/file.hpp>

#include <support/expect.hpp>
#include <support/temp_dir.hpp>

#include <gtest/gtest.h>

#include <elf.h>

#include <cstdlib>
#include <cstring>
#include <string>
#include <tuple>

namespace dind::host {
namespace {

using test::ok;

TEST(EngineVersionTest, IsAtLeastWhatIsKnown) {
  EXPECT_EQ((EngineVersion{28, 28}.is_at_least(29)), false);
  EXPECT_EQ((EngineVersion{29, 30}.is_at_least(29)), true);
  EXPECT_EQ((EngineVersion{20, 29}.is_at_least(24)), std::nullopt);
  EXPECT_EQ(EngineVersion().is_at_least(24), std::nullopt);
}

TEST(EngineVersionTest, IsReadOfTheBuild) {
  EXPECT_EQ(version_by_build("path\tgithub.com/docker/docker/cmd/dockerd\nbuild\t-compiler=gc\n"),
            (EngineVersion{.newest = 28}));
  EXPECT_EQ(version_by_build("path\tgithub.com/moby/moby/v2/cmd/dockerd\nbuild\t-compiler=gc\n"),
            (EngineVersion{.oldest = 29}));
  EXPECT_EQ(version_by_build("path\tgithub.com/moby/moby/v2/cmd/dockerd\nbuild\t-ldflags=\"-w -X "
                             "\\\"github.com/moby/moby/v2/dockerversion.Version=29.7.2\\\"\"\n"),
            (EngineVersion{29, 29}));
  EXPECT_EQ(version_by_build("path\tgithub.com/containers/podman/cmd/podman\n"), EngineVersion());
  EXPECT_EQ(version_by_build(""), EngineVersion());
}

TEST(EngineVersionTest, IsReadOfTheAnswer) {
  EXPECT_EQ(version_by_answer("Docker version 28.5.2, build 89c5e8f\n"), (EngineVersion{28, 28}));
  EXPECT_EQ(version_by_answer("Docker version 20.10.24+dfsg1, build 5d6db84\n"),
            (EngineVersion{20, 20}));
  EXPECT_EQ(version_by_answer("sh: dockerd: not found\n"), EngineVersion());
}

// A script that knows nothing of --version would never answer.
TEST(VersionQuestionTest, GivesUpOnAnEngineThatStarts) {
  const test::TempDir dir;
  EXPECT_TRUE(ok(
      sys::replace_file(dir / "dockerd", "#!/bin/sh\nexec sleep 1000\n", 0755, sys::Durable::no)));
  const std::string path = std::getenv("PATH");
  ASSERT_EQ(::setenv("PATH", (dir.path().native() + ":" + path).c_str(), 1), 0);
  EXPECT_EQ(VersionQuestion().answer(), EngineVersion());
  ASSERT_EQ(::setenv("PATH", path.c_str(), 1), 0);
}

// A 64-bit ELF file with one section of this content, and one of names.
std::string elf_with(const std::string& name, const std::string& content) {
  const std::string names = std::string(1, '\0') + ".shstrtab" + '\0' + name + '\0';
  Elf64_Ehdr head{};
  std::memcpy(head.e_ident, ELFMAG, SELFMAG);
  head.e_ident[EI_CLASS] = ELFCLASS64;
  head.e_shentsize = sizeof(Elf64_Shdr);
  head.e_shnum = 2;
  head.e_shstrndx = 0;
  head.e_shoff = sizeof(Elf64_Ehdr) + names.size() + content.size();
  Elf64_Shdr of_names{};
  of_names.sh_name = 1;
  of_names.sh_offset = sizeof(Elf64_Ehdr);
  of_names.sh_size = names.size();
  Elf64_Shdr of_content{};
  of_content.sh_name = 11;
  of_content.sh_offset = sizeof(Elf64_Ehdr) + names.size();
  of_content.sh_size = content.size();
  std::string file(sizeof(Elf64_Ehdr), '\0');
  std::memcpy(file.data(), &head, sizeof(head));
  file += names + content;
  for (const Elf64_Shdr& section : {of_names, of_content}) {
    std::string bytes(sizeof(section), '\0');
    std::memcpy(bytes.data(), &section, sizeof(section));
    file += bytes;
  }
  return file;
}

std::string build_info(const std::string& lines) {
  std::string text = "\xff Go buildinf:";
  text += '\x08';
  text += '\x02';
  text.resize(32, '\0');
  const std::string frame(16, 'x');
  const std::string framed = frame + lines + frame;
  return text + '\x06' + "go1.26" + static_cast<char>(framed.size()) + framed;
}

class GoBuildInfoTest : public testing::Test {
protected:
  Result<std::string> read(const std::string& content) {
    const std::string name = "program";
    const Fd dir = sys::open_dir(dir_.path()).value();
    EXPECT_TRUE(ok(sys::replace_file_at({dir, name}, content, 0600, sys::Durable::no)));
    return read_go_build_info(sys::open_at({dir, name}, O_RDONLY).value());
  }

  test::TempDir dir_;
};

TEST_F(GoBuildInfoTest, IsReadOfTheSection) {
  const std::string lines = "path\tgithub.com/docker/docker/cmd/dockerd\n";
  const auto found = read(elf_with(".go.buildinfo", build_info(lines)));
  ASSERT_TRUE(ok(found));
  EXPECT_EQ(*found, lines);
}

TEST_F(GoBuildInfoTest, IsNotInOtherFiles) {
  const std::string section = build_info("path\tx\n");
  EXPECT_FALSE(read(""));
  EXPECT_FALSE(read("#!/bin/sh\nexec /usr/libexec/dockerd \"$@\"\n" + std::string(200, '#')));
  EXPECT_FALSE(read(elf_with(".text", section)));
  EXPECT_FALSE(read(elf_with(".go.buildinfo", section.substr(0, 40))));
}

// Cut off anywhere, and with every byte of its head changed, it is an error or some text.
TEST_F(GoBuildInfoTest, NeverLeavesTheFile) {
  const std::string whole = elf_with(".go.buildinfo", build_info("path\tx\n"));
  for (std::size_t size = 0; size < whole.size(); ++size) {
    EXPECT_FALSE(read(whole.substr(0, size))) << size;
  }
  for (std::size_t at = 0; at < whole.size(); ++at) {
    std::string changed = whole;
    changed[at] = static_cast<char>(~changed[at]);
    std::ignore = read(changed);
  }
}

} // namespace
} // namespace dind::host
